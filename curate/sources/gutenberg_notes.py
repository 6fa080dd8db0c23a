"""What those who prepared an electronic book wrote into it: credits, transcriber's notes, marks of pages and pictures.

None of it is the author's. Credits stand before the book; notes before it, behind it, in brackets or in boxes; a note
behind it (lists of corrections) goes on to the end of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FRONT_BLOCKS = 60
FRONT_CHARACTERS = 12_000
"""Credits are looked for among so many paragraphs and characters at the beginning."""
BACK_SHARE, BACK_CHARACTERS = 0.2, 40_000
"""A note whose heading lies so near to the end goes on to the end."""
_LONG_BLOCK = 1_500
_PROJECT_SIGNS = ("gutenberg", "pgdp", "pglaf", "proofread", "promo.net", "pg ebook")
"""One of these stands in whatever names the project: looked for first, as it costs far less."""

_TRANSCRIBER = (
    r"(?:original )?(?:e-?text |electronic )?(?:transcrib|prepar|produc)er(?:s|['’`´]s|s['’])?(?: end| general)?[ -]?"
    r"(?:notes?|comments?|remarks?|endnotes?|amendments?|corrections?)\b"
)
_NOTE_NAMES = (
    _TRANSCRIBER
    + r"|notes? (?:of|from|by|on) the (?:transcriber|transcription|e-?text)|transcription notes?\b"
    + r"|(?:tabella dei|tavola dei|tabla de|table of|list of) (?:caratteri speciali|special characters)"
    + r"|typographical errors corrected (?:by|in)|(?:list of )?corrections made (?:by|to) the (?:e-?text|transcri)"
    + r"|(?:opmerking(?:en)?|aantekening(?:en)?|bericht) van de (?:bewerker|transcri)"
    + r"|notes? (?:du|de|sur la|au sujet de la) (?:transcri\w+|lecteur num)|note sur la transcription"
    + r"|(?:anmerkung(?:en)?|hinweise?|bemerkung(?:en)?) (?:zur|des|der) transkri\w+"
    + r"|nota(?:s)? (?:del?|do|da|de la) (?:transcri\w+|trascri\w+)|not[ae] del trascrittore"
    + r"|(?:avskrivarens|transkriberarens|bearbetarens) anm\w+|transkriptionsanmärk\w+"
)
_NOTE = re.compile(rf"[\W_]{{0,12}}(?:a )?(?:{_NOTE_NAMES})", re.IGNORECASE)
_NOTE_INSIDE = re.compile(_NOTE_NAMES, re.IGNORECASE)
_CREDIT = re.compile(
    r"[_*=\[(]{0,4}(?:(?:this )?(?:e-?book|e-?text|text|file|html version|html file|edition|book)? ?(?:was |is )?"
    r"(?:originally )?(?:produced|prepared|scanned|transcribed|proof-?read|digiti[sz]ed|typed|keyed|submitted"
    r"|updated|converted|created|provided|formatted|ocr(?:ed)?|released) (?:and [\w-]{1,20} )?(?:for \w{1,20} )?"
    r"(?:by|from|using)\b"
    r"|credits?:|html version by|this (?:e-?text|e-?book) (?:was|is|has been)"
    r"|thanks to\b.{0,80}(?:proof|scan|distributed)"
    r"|we (?:would like to )?thank the (?:bibliot|internet|google|university|library)"
    r"|nous remercions la biblioth|this book was generously provided|dieses buch wurde uns"
    r"|images? (?:of the original|generously)|note: (?:images|this|the original|many|there (?:is|are))"
    r"|this file was produced from|(?:text )?file corrections|character set for this)",
    re.IGNORECASE,
)
_PROJECT = re.compile(
    r"pro(?:je[ck]t|jet|yecto|getto|jecto) gutenberg|gutenberg(?:-tm|™|\.(?:org|net|aol|spiegel|ca|net\.au))|pglaf\.org"
    r"|www\.pgdp|pgdp\.net|distributed\s{1,4}proofread|promo\.net/pg|\bpg e-?book ?(?:#|no)",
    re.IGNORECASE,
)
_ECHO = re.compile(
    r"(?:title|author|remarks?|language|encoding|edition|character set encoding|release date|posting date|translator"
    r"|editor|last updated|credits|subject|date)[ \t]{0,4}:",
    re.IGNORECASE,
)
_PICTURE = re.compile(
    r"\[(?:(?:blank|decorative|full)[ -]?page )?(?:illustrations?|picture|image|frontispiece|decoration|illus\."
    r"|ilustraci[oó]n|afbeelding|abbildung|bild|illustrazione|kuva)\b(?:[^\[\]]|\[[^\[\]]{0,300}\]){0,1500}\]",
    re.IGNORECASE,
)
_BRACKETED = re.compile(
    rf"\[[_*=~ ]{{0,4}}(?:(?:{_NOTE_NAMES})|tr(?:anscriber)?\.? ?notes?\b|note project gutenberg|note by the transcri"
    r"|(?:not )?(?:shown|reproduced|included|available) in (?:the |this )?(?:e-?text|text version)"
    r"|note:? this e-?text)"
    r"(?:[^\[\]]|\[[^\[\]]{0,300}\]){0,6000}\]",
    re.IGNORECASE,
)
_PAGE_MARK = (
    r"(?:(?<![_^])\{(?:pg\.?|p\.|page)? ?[\divxlc]{1,6}\}|\[(?:pg\.?|p\.|page) ?[\divxlc]{1,6}\]"
    r"|\*{3}\d{1,4}\*{3})"
)
"""Not behind `_` or `^`: H_{2}O is water."""
_PAGE = re.compile(rf"(?:(?<=\s)|^){_PAGE_MARK} ?|{_PAGE_MARK}", re.IGNORECASE)
_STRESS_OPENS = re.compile(r"(?<![\w_])_(?=[\w\"'“‘«¿¡(\[&£$—-])")
_STRESS_CLOSES = re.compile(r"(?<=[\w\".,;:!?…'”’»)\]—-])_(?![\w_{])")
_STRESS_INSIDE = re.compile(r"(?<=[^\W\d_])_([^\W\d_]{1,12})_(?=[^\W\d_])")
_BOLD = re.compile(r"(?<![\w=])=(?=[^\s=])([^=\n]{1,200}(?:\n[^=\n]{1,100})?)(?<=[^\s=])=(?![\w=])")
_GAP = re.compile(r"\n(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph as its file has it: `lines` that no blank one divides, and the blank lines before it."""

    text: str
    gap: int


def blocks_of(text: str) -> list[Block]:
    """The paragraphs of a text; a block's text begins with its first line's own white space."""
    found: list[Block] = []
    at, gap = 0, 0
    for blank in _GAP.finditer(text):
        if text[at : blank.start()].strip():
            found.append(Block(text[at : blank.start()].lstrip("\n"), gap))
            gap = 0
        gap = max(gap, blank[0].count("\n") - 1)
        at = blank.end()
    if text[at:].strip():
        found.append(Block(text[at:].strip("\n"), gap))
    return found


def without_marks(text: str, from_gutenberg: bool = True) -> str:
    """The text without the marks of pictures and bracketed notes, and, of a text of Project Gutenberg's, without the
    numbers of pages and the signs around stressed words (_so_ and =so=), which elsewhere may mean something.

    Captions go with their pictures: most repeat a line of the text, in the midst of another.
    """
    if "[" in text:
        text = _BRACKETED.sub("", _PICTURE.sub("", text))
    if not from_gutenberg:
        return text
    if "[" in text or "{" in text or "***" in text:
        text = _PAGE.sub("", text)
    if "_" in text:
        text = _STRESS_INSIDE.sub(r"\1", _STRESS_CLOSES.sub("", _STRESS_OPENS.sub("", text)))
    if "=" in text:
        text = _BOLD.sub(r"\1", text)
    return text


def without_notes(blocks: list[Block], from_gutenberg: bool = True) -> list[Block]:
    """The blocks that are the book's own. Of a text of Project Gutenberg's, credits go as well, and whatever names the
    project: its licence asks that of copies that do not carry it."""
    total = sum(len(block.text) for block in blocks)
    back = max(total - min(int(total * BACK_SHARE), BACK_CHARACTERS), FRONT_CHARACTERS)
    kept: list[Block] = []
    seen = 0
    note: Block | None = None
    """The heading of the note that is being left out; None outside of one."""
    told = 0
    """Blocks of that note behind its heading."""
    for index, block in enumerate(blocks):
        before, seen, text = seen, seen + len(block.text), block.text.lstrip()
        if note is not None:
            bare = len(note.text) < 80
            if not _NOTE.match(text) and (block.gap < 2 or (bare and told == 0)):
                told += 1
                continue
            note = None
        boxed = _boxed_note(text)
        if boxed or _NOTE.match(text):
            if before >= back:
                break
            if not boxed:
                note, told = block, 0
            continue
        if not from_gutenberg:
            kept.append(block)
            continue
        front = index < FRONT_BLOCKS and before < FRONT_CHARACTERS
        if front and (_CREDIT.match(text) or (not _wordy(kept) and _is_echo(text))):
            continue
        if _names_the_project(text):
            if len(block.text) > _LONG_BLOCK:
                left = "\n".join(line for line in block.text.split("\n") if not _names_the_project(line))
                kept.append(Block(left, block.gap))
            continue
        kept.append(block)
    for end in (0, -1):
        while from_gutenberg and kept and not _words(kept[end].text):
            kept.pop(end)
    return kept


def _names_the_project(text: str) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in _PROJECT_SIGNS) and _PROJECT.search(text) is not None


def _boxed_note(text: str) -> bool:
    return text[:1] in ("+", "|", "*", "-", "=", "_", "#") and _NOTE_INSIDE.search(text, 0, 600) is not None


def _is_echo(text: str) -> bool:
    return all(_ECHO.match(line.strip()) for line in text.split("\n"))


def _words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _wordy(kept: list[Block]) -> bool:
    return any(_words(block.text) for block in kept)
