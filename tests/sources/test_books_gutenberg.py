"""Project Gutenberg's header, licence and notes go, in every style that they were written in; the book stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources.gutenberg import LICENCES, PUBLIC_DOMAIN_US, Gutenberg, Status, iso_date, parse
from curate.sources.gutenberg_notes import Block, blocks_of, without_marks, without_notes

BOOK = "CHAPTER I.\n\nThe mill stood still.\n\nNobody knew why."
LICENCE = "Section 1.  General Terms of Use\n\nThis is where the licence would be."


def modern(body: str = BOOK, word: str = "THE", stars: str = "*** ", more: str = "") -> str:
    return (
        "The Project Gutenberg eBook of The Mill, by A. Miller\n\nThis eBook is for the use of anyone.\n\n"
        f"{more}Title: The Mill\n       A Story\n\nAuthor: A. Miller\n\nTranslator: B. Baker\n\n"
        "Release Date: June 28, 2001 [eBook #1234]\n[Most recently updated: July 3, 2020]\n\nLanguage: English\n\n"
        f"{stars}START OF {word} PROJECT GUTENBERG EBOOK THE MILL{stars[::-1]}\n\n\n{body}\n\n\n"
        f"{stars}END OF {word} PROJECT GUTENBERG EBOOK THE MILL{stars[::-1]}\n\n{LICENCE}\n"
    )


def text_of(found: Gutenberg | None) -> str:
    assert found is not None
    return "\n\n".join(block.text for block in without_notes(blocks_of(without_marks(found.body))))


@pytest.mark.parametrize("word", ["THE", "THIS"])
@pytest.mark.parametrize("stars", ["*** ", "***"])
def test_a_book_lies_between_its_markers(word, stars):
    found = parse(modern(word=word, stars=stars))
    assert text_of(found) == BOOK
    assert found is not None
    assert (found.title, found.authors, found.translators) == ("The Mill A Story", ("A. Miller",), ("B. Baker",))
    assert (found.number, found.language, found.ended) == (1234, "en", True)
    assert (found.released, found.updated) == ("2001-06-28T00:00:00Z", "2020-07-03T00:00:00Z")
    assert LICENCES[found.status] == PUBLIC_DOMAIN_US


def test_a_marker_may_go_over_two_lines():
    text = modern().replace("EBOOK THE MILL ***\n\n\nCHAPTER", "EBOOK THE MILL AND WHAT\nBECAME OF IT ***\n\n\nCHAPTER")
    assert text_of(parse(text)) == BOOK


def test_a_marker_without_its_second_stars_ends_with_its_line():
    text = modern().replace("THE MILL ***\n\n\nCHAPTER", "THE MILL\n\n\nCHAPTER")
    assert text_of(parse(text)) == BOOK


def old(before: str, after: str) -> str:
    return (
        "**The Project Gutenberg Etext of The Mill, by A. Miller**\n#3 in our series\n\nMay, 1996  [Etext #512]\n\n"
        f"A long small print stands here.\n\n{before}\n\n\n\n{BOOK}\n\n\n{after}\n"
    )


@pytest.mark.parametrize(
    "before",
    [
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "***END OF THE SMALL PRINT!***",
    ],
)
@pytest.mark.parametrize(
    "after",
    [
        "End of the Project Gutenberg Etext of The Mill",
        "End of Project Gutenberg's The Mill, by A. Miller",
        "The End of this Project Gutenberg Etext",
        "Ende dieses Projekt Gutenberg Etextes Die Mühle",
        "Fin de La Meunerie, Projet Gutenberg",
        "Fine del Project Gutenberg Etext",
        "Einde van dit Project Gutenberg boek",
        "*** END OF THE PROJECT GUTENBERG EBOOK THE MILL ***",
        "Section 1.  General Terms of Use and so on",
    ],
)
def test_files_of_the_nineties_end_their_small_print_before_the_book(before, after):
    found = parse(old(before, after))
    assert text_of(found) == BOOK
    assert found is not None
    assert (found.title, found.authors, found.number) == ("The Mill", ("A. Miller",), 512)
    assert found.released == "1996-05-01T00:00:00Z"
    assert found.ended


def test_a_small_print_behind_the_book_does_not_begin_it():
    text = modern() + "\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02*END*\nmore\n"
    assert text_of(parse(text)) == BOOK


def test_a_torn_file_gives_what_is_there_and_says_so():
    found = parse(modern()[: modern().index("Nobody")])
    assert text_of(found) == "CHAPTER I.\n\nThe mill stood still."
    assert found is not None
    assert not found.ended


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("** This is a COPYRIGHTED Project Gutenberg eBook, Details Below **\n\n", Status.COPYRIGHTED),
        ("This is a copyrighted Project Gutenberg Etext, details below.\n\n", Status.COPYRIGHTED),
        ("", Status.US),
    ],
)
def test_copyrighted_books_are_told_from_free_ones(more, status):
    found = parse(modern(more=more))
    assert found is not None
    assert found.status is status


def test_books_of_the_projects_sisters_are_free_under_other_laws():
    for sister, status in (("of Australia", Status.AUSTRALIA), ("Canada", Status.CANADA)):
        text = modern().replace(
            "The Project Gutenberg eBook of The Mill", f"A Project Gutenberg {sister} eBook, The Mill"
        )
        found = parse(text)
        assert found is not None
        assert found.status is status
    credited = parse(
        modern(more="Produced by: C, from a transcription for Project Gutenberg Australia\n\n" + " " * 300)
    )
    assert credited is not None
    assert credited.status is Status.US


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A plain book.\n\nIt names nobody.",
        "My visit to Project Gutenberg\n\nIt was long.",
        "Gutenberg printed in Mainz.",
    ],
)
def test_other_texts_are_no_files_of_the_project(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("June 28, 2021 [eBook #1]", "2021-06-28T00:00:00Z"),
        ("August, 1997", "1997-08-01T00:00:00Z"),
        ("June 2000", "2000-06-01T00:00:00Z"),
        ("2003-05-01", "2003-05-01T00:00:00Z"),
        ("1998", "1998-01-01T00:00:00Z"),
        ("July 01, 1998", "1998-07-01T00:00:00Z"),
        ("sometime", ""),
        ("June 45, 2000", ""),
        ("", ""),
    ],
)
def test_dates_as_they_are_written(written, date):
    assert iso_date(written) == date


NOTES = [
    "Transcriber's Note:\n\n    Spelling was left as it was.",
    "TRANSCRIBER’S NOTES\n\nObvious errors were corrected.",
    "[Transcriber's note: the map is missing.]",
    "[Transcriber's Note: one thing.\n\nAnd another [in brackets].]",
    "+-------------+\n| Transcriber's Notes |\n|         |\n| spelling  |\n+-------------+",
    "Produced by Carla Keyes and the Online Distributed Proofreading Team\nat https://www.pgdp.net",
    "E-text prepared by Carla Keyes",
    "This eBook was produced by Carla Keyes.",
    "Scanned and proofread by Carla Keyes",
    "Note: Images of the original pages are available through the Archive.",
    "Note: Project Gutenberg also has an HTML version of this file.",
    "Note de transcription\n\n    Quelques fautes ont été corrigées.",
    "Anmerkungen zur Transkription\n\n    Fehler wurden berichtigt.",
    "Opmerkingen van de bewerker\n\n    Enkele fouten zijn verbeterd.",
    "PREPARER'S NOTE\n\n     From the edition of 1871.",
    "[Illustration: The mill, from the east]",
    "[Illustration]",
]


@pytest.mark.parametrize("note", NOTES)
def test_credits_and_notes_before_the_book_go(note):
    assert text_of(parse(modern(f"{note}\n\n\n\n{BOOK}"))) == BOOK


@pytest.mark.parametrize("note", [note for note in NOTES if "ranscri" in note.lower() or "bewerker" in note])
def test_notes_behind_the_book_go_to_the_end(note):
    long = "\n\n".join([BOOK, *["A paragraph that makes the book as long as books are, at the least."] * 300])
    listed = f"{note}\n\n\n\nPage 12: teh to the\n\n\n\nPage 13: adn to and"
    if note.startswith("["):
        listed = note
    assert text_of(parse(modern(f"{long}\n\n\n\n{listed}"))) == long


def test_a_note_in_the_midst_goes_alone():
    text = f"{BOOK}\n\n[Transcriber's Note: a page is missing here.]\n\nThen it rained."
    assert text_of(parse(modern(text))) == f"{BOOK}\n\nThen it rained."


def test_what_only_sounds_like_a_note_stays():
    story = (
        "The transcriber was a tired man. He thanked the library of the town for its lamp.\n\n"
        "“Produced by whom?” she asked.\n\n[A note from the author.]\n\nNote this well: he lied."
    )
    assert text_of(parse(modern(f"{BOOK}\n\n{story}"))) == f"{BOOK}\n\n{story}"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("He _never_ said _that_.", "He never said that."),
        ("_A whole line\nof stress_, she said.", "A whole line\nof stress, she said."),
        ("the name snake_case stays, a_1 too", "the name snake_case stays, a_1 too"),
        ("_“Oh!”_ he cried; “_well_?”", "“Oh!” he cried; “well?”"),
        ("=Bold words= and x = y = z", "Bold words and x = y = z"),
        ("He came{12} home [Pg 13]again {pg 14}now", "He came home again now"),
        ("H_{2}O and x^{2} ***446*** end", "H_{2}O and x^{2} end"),
        ("only misch_ee_vous", "only mischeevous"),
        ("PLATES [not shown in e-text] I", "PLATES  I"),
        ("a footnote[12] stays {and this}", "a footnote[12] stays {and this}"),
    ],
)
def test_signs_of_stress_and_pages_go(text, plain):
    assert without_marks(text) == plain


def test_in_a_users_own_text_only_notes_in_brackets_and_pictures_go():
    assert without_marks("a _b_ {1} [Illustration: c] d", from_gutenberg=False) == "a _b_ {1}  d"
    blocks = [Block("Produced by me.", 0), Block("Project Gutenberg is a library.", 1)]
    assert without_notes(blocks, from_gutenberg=False) == blocks


def test_no_paragraph_that_names_the_project_is_left():
    text = text_of(parse(modern(f"{BOOK}\n\nSee Project Gutenberg's other books.\n\nThe end.")))
    assert text == f"{BOOK}\n\nThe end."


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*"ab*[]{}_=+|\n: ", "\n\n", "Transcriber's Note", "*** START OF THE PROJECT GUTENBERG "]))
)
def test_no_text_is_too_odd(parts):
    text = "".join(parts)
    found = parse(text)
    blocks = blocks_of(without_marks(found.body if found else text))
    assert all(block.text.strip() for block in blocks)
    assert set(without_notes(blocks)) <= set(blocks) or "PROJECT" in text


@pytest.mark.parametrize(
    "text",
    [
        "[Illustration " * 30_000,
        "[Transcriber's note " * 20_000,
        "_" * 300_000,
        "=a" * 150_000,
        "\n \n" * 100_000,
        "{" * 300_000,
    ],
)
def test_hostile_texts_take_no_longer_than_their_length(text):
    without_notes(blocks_of(without_marks(text)))
