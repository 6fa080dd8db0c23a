"""Licence headers out, code untouched; and RedPajama-v1's rule, which is known to eat code (recipes §15, trap 9)."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.code_comments import comment_characters
from curate.text.code_headers import redpajama_v1, without_header

NOTICE = "Copyright (c) 2020 The Quay\nLicensed under the MIT license.\n"
C = "#include <stdio.h>\n#define WIDTH 3\n\nint main(void) { return WIDTH; }\n"


def lines(mark: str) -> str:
    return "".join(f"{mark} {line}\n" for line in NOTICE.splitlines())


@pytest.mark.parametrize(
    ("language", "header", "code"),
    [
        ("C", "/*\n * " + NOTICE.replace("\n", "\n * ") + "\n */\n", C),
        ("C", lines("//"), C),
        ("Python", lines("#"), "import os\n"),
        ("Shell", lines("#"), "echo ready\n"),
        ("SQL", lines("--"), "select 1;\n"),
        ("Haskell", "{- " + NOTICE + "-}\n", "main = pure ()\n"),
        ("Lua", "--[[ " + NOTICE + "]]\n", "return 1\n"),
        ("Emacs Lisp", lines(";;;"), "(setq a 1)\n"),
        ("TeX", lines("%"), "\\section{One}\n"),
        ("Fortran Free Form", lines("!"), "program a\nend program\n"),
        ("Fortran", lines("C"), "      END\n"),
        ("Visual Basic .NET", lines("'"), "Module A\nEnd Module\n"),
        ("Batchfile", lines("REM"), "echo ready\n"),
        ("OCaml", "(* " + NOTICE + " *)\n", "let a = 1\n"),
        ("HTML", "<!-- " + NOTICE + "-->\n", "<p>text</p>\n"),
        ("Assembly", lines(";"), "  mov ax, 1\n"),
    ],
)
def test_a_header_goes_whole_and_code_stays_whole(language: str, header: str, code: str) -> None:
    for blank in ("", "\n", "\n\n"):
        assert without_header(header + blank + code, language) == code


def test_include_define_and_shebang_stay_and_by_redpajamas_rule_they_go() -> None:
    assert without_header(C, "C") == C
    assert redpajama_v1(C) == "int main(void) { return WIDTH; }\n"
    script = "#!/bin/sh\n# Copyright 2020 The Quay\n\necho ready\n"
    assert without_header(script, "Shell") == "#!/bin/sh\n\necho ready\n"
    assert redpajama_v1(script) == "echo ready\n"
    headed = lines("//") + C
    assert without_header(headed, "C") == C
    assert redpajama_v1(headed) == "int main(void) { return WIDTH; }\n"


def test_redpajamas_rule_drops_the_first_block_comment_of_the_file_wherever_it_stands() -> None:
    text = "// note\nint a; /* Copyright */ int b; /* copyright */\n"
    assert redpajama_v1(text) == "// note\nint a;  int b; /* copyright */\n"
    assert redpajama_v1("# one\n/* plain */ x\n") == "# one\n/* plain */ x\n"
    assert redpajama_v1("# one\n/* never closed\n") == "/* never closed\n"
    assert redpajama_v1("/*/ copyright") == "/*/ copyright"


@pytest.mark.parametrize(
    "first",
    ["#!/usr/bin/env python3\n", "# -*- coding: utf-8 -*-\n", "#!/usr/bin/python\n# vim: set fileencoding=utf-8 :\n"],
)
def test_lines_that_tools_read_stay_before_the_code(first: str) -> None:
    assert without_header(first + lines("#") + "\nimport os\n", "Python") == first + "\nimport os\n"


def test_php_and_xml_keep_their_first_line() -> None:
    php = "<?php\n/* Copyright 2020 */\necho 1;\n"
    assert without_header(php, "PHP") == "<?php\necho 1;\n"
    xml = '<?xml version="1.0"?>\n<!-- Copyright 2020 -->\n<a/>\n'
    assert without_header(xml, "XML") == '<?xml version="1.0"?>\n<a/>\n'


def test_comments_that_explain_stay_where_the_licence_beside_them_goes() -> None:
    text = lines("#") + "#\n# Tides are two cosines.\n\nimport os\n"
    assert without_header(text, "Python") == "# Tides are two cosines.\n\nimport os\n"
    text = lines("#") + "\n# Tides are two cosines.\nimport os\n"
    assert without_header(text, "Python") == "# Tides are two cosines.\nimport os\n"
    block = "/*\n * Copyright 2020 The Quay\n *\n * Tides are two cosines.\n */\nint a;\n"
    assert "Tides are two cosines." in without_header(block, "C")
    assert "Copyright" not in without_header(block, "C")
    assert without_header(block, "C").endswith("\nint a;\n")


def test_code_is_never_taken_for_a_comment() -> None:
    for text in (
        'char *a = "/* Copyright */";\n',
        "int a; // Copyright 2020\n",
        "int a; /* Copyright */ int b;\n",
        "/* Copyright */ int a;\n",
        "/* Copyright, never closed\nint a;\n",
        "x = 1\n# Copyright 2020, further down\n",
    ):
        for language in ("C", "Python", "JavaScript"):
            if language == "Python" or not text.startswith("x"):
                assert without_header(text, language) == text


def test_a_file_without_a_notice_or_of_no_known_language_is_left_as_it_is() -> None:
    assert without_header("# Just a comment.\n\n\nimport os\n", "Python") == "# Just a comment.\n\n\nimport os\n"
    assert without_header(lines("#"), "") == lines("#")


@given(
    st.lists(
        st.sampled_from(["int a;", "#define B 1", "", "// why", "/* how */", 'char *s = "/*";', "\t"]), max_size=8
    ),
    st.sampled_from(["C", "JavaScript", "Go", "Rust"]),
)
def test_what_is_left_is_the_end_of_the_file_and_stripping_twice_is_stripping_once(
    rest: list[str], language: str
) -> None:
    code = "\n".join(["return 1;", *rest])
    text = lines("//") + "\n" + code
    assert without_header(text, language) == code
    assert without_header(code, language) == code


@given(
    st.text(alphabet=st.sampled_from(list("#/*-;%!'\"<>() \nCcopyright(c)2020"))),
    st.sampled_from(["C", "Python", "HTML"]),
)
def test_any_text_is_taken_and_no_line_is_made_up(text: str, language: str) -> None:
    left = without_header(text, language)
    assert len(left) <= len(text) + 4
    assert set(left.split()) <= set(text.split()) or "copyright" in text.lower() or "(c)" in text


def test_comment_characters_know_strings_and_languages() -> None:
    assert comment_characters('a = "# no"  # yes\n', "Python") == len("# yes")
    assert comment_characters('x = "/* no */"; /* yes */ // and\n', "C") == len("/* yes */") + len("// and")
    assert comment_characters("-- a\nselect '--';", "SQL") == 4
    assert comment_characters("anything", "Markdown") == 0
    assert comment_characters("anything", "") is None
    assert comment_characters("it's # one", "Python") == len("# one")
    assert comment_characters("a = 'it\\'s # no'\nb = '# yes\nc # yes", "Python") == 2 * len("# yes")
    assert comment_characters("\"'# no' # yes\n'# no'", "Python") == len("# yes")


def by_one_pattern(text: str, line: str, opening: str, closing: str) -> int:
    """As `comment_characters` counts, by the plainest pattern, which takes squares of a line of quotes."""
    quoted = r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'"
    comment = rf"{re.escape(opening)}(?s:.)*?(?:{re.escape(closing)}|\Z)|{re.escape(line)}.*"
    return sum(len(found[1] or "") for found in re.finditer(f"({comment})|{quoted}", text))


@given(st.text("\"'\\\n/*-{}a", max_size=24))
def test_comments_are_told_from_strings_as_one_pattern_tells_them(text: str) -> None:
    assert comment_characters(text, "C") == by_one_pattern(text, "//", "/*", "*/")
    assert comment_characters(text, "Haskell") == by_one_pattern(text, "--", "{-", "-}")


@pytest.mark.parametrize("unit", ['\\"', "\"\\'", "\\\"\\'/"])
def test_a_line_of_quotes_that_nothing_closes_is_read_once(unit: str) -> None:
    """In squares a megabyte would take an hour."""
    assert comment_characters('"' + unit * (1_000_000 // len(unit)) + " # yes\n# yes", "Ruby") == 2 * len("# yes")


@pytest.mark.parametrize(
    "text", ["/*" * 50_000, "# \n" * 50_000, '"' * 100_000, "<!--" * 30_000, "// (c) 2020\n" * 20_000]
)
def test_hostile_text_costs_no_more_than_it_is_long(text: str) -> None:
    without_header(text, "C")
    without_header(text, "Python")
    comment_characters(text, "C")
    redpajama_v1(text)


def test_no_file_of_the_standard_library_means_anything_else_without_its_header() -> None:
    """Python's own parser is the second opinion: the syntax tree is the same."""
    changed = 0
    for path in sorted(Path(ast.__file__).parent.glob("*.py"))[:120]:
        text = path.read_text(encoding="utf-8")
        left = without_header(text, "Python")
        if left != text:
            changed += 1
            assert ast.dump(ast.parse(left)) == ast.dump(ast.parse(text)), path.name
    assert changed > 5
