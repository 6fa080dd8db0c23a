"""The right file is the paper, and the others are put in where TeX would read them."""

from __future__ import annotations

import json

import pytest

from curate.sources.arxiv_stream import PaperError
from curate.sources.tex_comments import Kept
from curate.sources.tex_encoding import declared, to_text
from curate.sources.tex_join import MAX_DEPTH, Project

PAPER = "\\documentclass{article}\n\\begin{document}\n%s\n\\end{document}\n"


def project(files: dict[str, str], limit: int = 100_000) -> Project:
    return Project({name: text.encode() for name, text in files.items()}, Kept(), limit)


def joined(files: dict[str, str]) -> str:
    return project(files).join().text


def paper(text: str = "x") -> str:
    return PAPER % text


@pytest.mark.parametrize(
    ("files", "main"),
    [
        ({"anything.tex": "no class at all"}, "anything.tex"),
        ({"a.tex": "\\section{A}", "z.tex": paper()}, "z.tex"),
        ({"a.tex": "% " + paper(), "z.tex": paper()}, "z.tex"),
        ({"a.tex": paper() * 3, "main.tex": paper()}, "main.tex"),
        ({"a.tex": paper() * 3, "ms.tex": paper(), "main.tex": paper()}, "ms.tex"),
        ({"supplement.tex": paper() * 9, "x.tex": paper()}, "x.tex"),
        ({"a.tex": paper(), "b.tex": paper("a longer one")}, "b.tex"),
        ({"a.tex": paper(), "b.tex": paper()}, "a.tex"),
        ({"sub/main.tex": paper(), "main.tex": paper()}, "main.tex"),
        ({"old.tex": "\\documentstyle{article}\\begin{document}", "part.tex": "a"}, "old.tex"),
        ({"plain.tex": "Plain \\TeX.\\bye", "part.tex": "a"}, "plain.tex"),
        ({"class.tex": "\\documentclass{a}", "top.tex": "\\input{class}\\begin{document}"}, "top.tex"),
        ({"paper2.tex": "\\documentclass{a}\\input{body}", "body.tex": "\\begin{document}" + "x" * 99}, "paper2.tex"),
        ({"book.tex": paper("\\subfile{ch}"), "ch.tex": "\\documentclass[book]{subfiles}" + paper() * 5}, "book.tex"),
        ({"paper": paper(), "notes": "x"}, "paper"),
        ({"PAPER.TEX": paper(), "a.tex": "x"}, "PAPER.TEX"),
    ],
)
def test_the_main_file_is_found(files: dict[str, str], main: str) -> None:
    assert project(files).main_files()[0] == (main,)


@pytest.mark.parametrize("readme", ["00README.XXX", "00readme.xxx", "00README"])
def test_what_the_submitter_says_is_main_is_main(readme: str) -> None:
    files = {
        "main.tex": paper(),
        "real.tex": paper(),
        readme: "main.tex ignore\nreal.tex toplevelfile\nfig.eps landscape\n",
    }
    assert project(files).main_files()[0] == ("real.tex",)


def test_the_newer_readme_in_json_is_read_and_a_broken_one_is_not() -> None:
    said = {"sources": [{"filename": "real.tex", "usage": "toplevel"}, {"filename": "main.tex", "usage": "ignore"}]}
    files = {"main.tex": paper(), "real.tex": paper(), "00README.json": json.dumps(said)}
    assert project(files).main_files()[0] == ("real.tex",)
    assert project({**files, "00README.json": "[[["}).main_files()[0] == ("main.tex",)


def test_several_main_files_that_the_submitter_names_follow_one_another() -> None:
    files = {
        "b.tex": paper("second"),
        "a.tex": paper("first"),
        "00README.XXX": "a.tex toplevelfile\nb.tex toplevelfile\n",
    }
    text = joined(files)
    assert text.index("first") < text.index("second")
    assert "\\end{document}" not in text


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("\\input{part}", "part.tex"),
        ("\\input{part.tex}", "part.tex"),
        ("\\input part ", "part.tex"),
        ("\\input part.tex\n", "part.tex"),
        ("\\input{ part }", "part.tex"),
        ("\\input{./part}", "part.tex"),
        ('\\input{"part"}', "part.tex"),
        ("\\include{part}", "part.tex"),
        ("\\subfile{part}", "part.tex"),
        ("\\input{sec/part}", "sec/part.tex"),
        ("\\import{sec/}{part}", "sec/part.tex"),
        ("\\subimport{sec}{part}", "sec/part.tex"),
        ("\\subimport*{./sec/}{part.tex}", "sec/part.tex"),
        ("\\input{table.txt}", "table.txt"),
        ("\\input{macros.sty}", "macros.sty"),
        ("\\input{a.b}", "a.b.tex"),
        ("\\input{Part}", "part.tex"),
        ("\\input{elsewhere/part}", "part.tex"),
        ("\\InputIfFileExists{part}{}{}", "part.tex"),
    ],
)
def test_a_file_is_put_in_where_it_is_asked_for(command: str, name: str) -> None:
    text = joined({"main.tex": paper(f"before {command} after"), name: "THE PART% note\n"})
    assert text.index("before") < text.index("THE PART") < text.index("after")
    assert "part" not in text.replace("THE PART", "")


def test_files_are_found_from_the_main_files_folder_and_from_the_papers() -> None:
    files = {
        "arxiv/main.tex": paper("\\input{../sec/a}\\input{sec/b}\\input{c}"),
        "sec/a.tex": "A",
        "sec/b.tex": "B",
        "arxiv/c.tex": "C",
    }
    assert "ABC" in joined(files)


def test_imported_files_ask_from_their_own_folder() -> None:
    files = {"main.tex": paper("\\import{one/}{a}"), "one/a.tex": "A\\input{b}", "one/b.tex": "right", "b.tex": "wrong"}
    assert "Aright" in joined(files)


def test_parts_go_in_in_order_and_within_one_another() -> None:
    files = {"main.tex": paper("1\\input{a}4\\input{c}6"), "a.tex": "2\\input{b}", "b.tex": "3", "c.tex": "5"}
    assert "123456" in joined(files)


def test_of_a_subfile_only_its_body_goes_in_and_of_any_file_what_is_before_endinput() -> None:
    sub = "\\documentclass[main]{subfiles}\n\\usepackage{x}\n\\begin{document}body\\end{document} rest"
    text = joined({"main.tex": paper("\\subfile{s}|\\input{e}"), "s.tex": sub, "e.tex": "seen\\endinput unseen"})
    assert "body|seen" in text
    assert "subfiles" not in text
    assert "unseen" not in text


def test_a_file_that_asks_for_itself_is_read_once() -> None:
    project_ = project({"main.tex": paper("\\input{a}"), "a.tex": "A\\input{b}.", "b.tex": "B\\input{a}\\input{main}."})
    found = project_.join()
    assert "AB.." in found.text
    assert found.missing == ["a", "main"]


def test_files_within_files_go_as_deep_as_the_limit_says() -> None:
    files = {"main.tex": paper("\\input{f1}")} | {f"f{n}.tex": f"<{n}>\\input{{f{n + 1}}}" for n in range(1, 40)}
    text = joined(files)
    assert f"<{MAX_DEPTH - 1}>" in text
    assert f"<{MAX_DEPTH}>" not in text


def test_files_that_multiply_are_stopped_at_the_limit() -> None:
    files = {"main.tex": paper("\\input{f1}")} | {
        f"f{n}.tex": f"\\input{{f{n + 1}}}" * 10 + "x" * 99 for n in range(1, 14)
    }
    with pytest.raises(PaperError) as stopped:
        project(files).join()
    assert stopped.value.reason == "too_large"


def test_what_is_not_there_is_left_and_named() -> None:
    found = project({"main.tex": paper("\\input{gone} \\input{fig.pgf} \\input{main.bbl}")}).join()
    assert "\\input{gone} \\input{fig.pgf} \n" in found.text
    assert found.missing == ["gone"]


def test_a_commented_or_verbatim_input_reads_nothing() -> None:
    kept = Kept()
    files = {"main.tex": paper("% \\input{a}\n\\verb|\\input{a}|").encode(), "a.tex": b"A"}
    assert "A" not in Project(files, kept, 1000).join().text


def test_the_authors_own_package_gives_its_definitions_and_a_distributed_one_does_not() -> None:
    files = {
        "main.tex": "\\documentclass{a}\n\\usepackage{amsmath,mine,theirs}\n\\begin{document}x\\end{document}",
        "mine.sty": "\\def\\x{1}",
        "theirs.sty": "\\ProvidesPackage{theirs}\\def\\y{1}",
    }
    text = joined(files)
    assert "\\def\\x" in text
    assert "\\def\\y" not in text


# ---- encodings ----

WORDS = "Maréchal, Käina, «été», naïve"


@pytest.mark.parametrize(
    ("option", "codec"),
    [
        ("latin1", "latin-1"),
        ("ansinew", "cp1252"),
        ("cp1252", "cp1252"),
        ("latin9", "iso8859-15"),
        ("applemac", "mac-roman"),
        ("cp850", "cp850"),
        ("utf8", "utf-8"),
        ("utf8x", "utf-8"),
    ],
)
def test_a_declared_encoding_is_the_encoding(option: str, codec: str) -> None:
    text = f"\\usepackage[{option}]{{inputenc}}\n{WORDS}"
    assert to_text(text.encode(codec)) == text


@pytest.mark.parametrize(
    ("option", "codec", "words"),
    [
        ("latin2", "iso8859-2", "Łódź, żółć"),
        ("koi8-r", "koi8-r", "Физика плазмы"),
        ("cp1251", "cp1251", "Физика плазмы"),
        ("cp866", "cp866", "Физика"),
    ],
)
def test_other_alphabets_are_read_as_declared(option: str, codec: str, words: str) -> None:
    text = f"\\usepackage[T2A]{{fontenc}}\\usepackage[{option}]{{inputenc}}\n{words}"
    assert to_text(text.encode(codec)) == text


def test_utf8_proves_itself_against_what_is_declared() -> None:
    text = f"\\usepackage[latin1]{{inputenc}} {WORDS}"
    assert to_text(text.encode()) == text


def test_undeclared_latin1_is_detected_and_a_mark_decides() -> None:
    text = (
        "La hauteur d'une digue se mesure à marée basse; l'été, la crête a été relevée chaque matin par les pêcheurs."
    )
    assert to_text(text.encode("latin-1")) == text
    assert to_text("\ufeff".encode() + text.encode()) == text
    assert to_text(text.encode("utf-16")) == text


def test_a_part_is_read_by_the_encoding_that_the_main_file_declares() -> None:
    main = "\\documentclass{a}\\usepackage[cp437]{inputenc}\\begin{document}\\input{a}\\end{document}"
    text = Project({"main.tex": main.encode(), "a.tex": "für Äpfel".encode("cp437")}, Kept(), 1000).join().text
    assert "für Äpfel" in text


def test_line_ends_are_one_and_no_nul_is_left() -> None:
    assert to_text(b"a\r\nb\rc\0d\n") == "a\nb\ncd\n"


def test_a_commented_editor_line_declares_too() -> None:
    assert declared(b"% !TEX encoding = MacOSRoman\n") == "mac-roman"
    assert declared(b"\\usepackage[T1]{fontenc}") == ""
