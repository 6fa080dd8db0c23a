"""The account adds up or is refused, and reads the same in a log and on a terminal."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from curate.report.table import AccountError, account_table, account_text, percent, proof, rows


def stage(name: str, into: int, out: int, characters: tuple[int, int], **more: Any) -> dict[str, Any]:
    account: dict[str, Any] = {"dropped": {}, "dropped_characters": {}, "set_aside": 0, "set_aside_by_reason": {}}
    return {"name": name, "in": into, "out": out, "characters_in": characters[0], "characters_out": characters[1]} | (
        account | more
    )


@pytest.fixture
def summary() -> dict[str, Any]:
    """1,220 records read = 400 kept + 815 dropped + 5 set aside; 4 characters a token."""
    return {
        "stages": [
            stage(
                "extract",
                1220,
                1000,
                (0, 900_000),
                dropped={"status": 215},
                set_aside=5,
                set_aside_by_reason={"truncated": 4, "corrupt_gzip": 1},
            ),
            stage(
                "dedup_lines",
                1000,
                990,
                (900_000, 600_000),
                dropped={"lines.nothing_left": 10},
                dropped_characters={"lines.nothing_left": 1_000, "lines.repeated": 299_000},
            ),
            stage(
                "select",
                990,
                400,
                (600_000, 400_000),
                dropped={"gopher_quality.few_words": 90, "language.low_score": 500},
                dropped_characters={"gopher_quality.few_words": 50_000, "language.low_score": 150_000},
            ),
            stage("tokenize", 400, 400, (400_000, 400_000), tokens=100_000),
        ],
        "documents": 400,
        "tokens": 100_000,
    }


def test_the_last_line_proves_that_every_record_is_accounted_for(summary: dict[str, Any]) -> None:
    said = "1,220 records read = 400 kept + 815 dropped + 5 set aside"
    assert proof(summary) == said
    assert account_text(summary).splitlines()[-1] == said


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize(
    ("index", "key"),
    [
        (index, key)
        for index in range(4)
        for key in ("in", "out", "set_aside", "characters_in", "characters_out")
        if (index, key) != (0, "characters_in")  # there are no characters before extraction
    ],
)
def test_one_document_or_character_too_many_or_too_few_is_refused(
    summary: dict[str, Any], index: int, key: str, by: int
) -> None:
    summary["stages"][index][key] += by
    for use in (proof, account_text, account_table, rows):
        with pytest.raises(AccountError):
            use(summary)


def test_a_reason_that_lost_a_document_or_a_character_is_refused(summary: dict[str, Any]) -> None:
    for name, reason in (("dropped", "language.low_score"), ("dropped_characters", "gopher_quality.few_words")):
        wrong = copy.deepcopy(summary)
        wrong["stages"][2][name][reason] -= 1
        with pytest.raises(AccountError, match="select"):
            proof(wrong)
    wrong = copy.deepcopy(summary)
    wrong["stages"][0]["set_aside_by_reason"]["truncated"] = 3
    with pytest.raises(AccountError, match="5 set aside, but 4 by reason"):
        proof(wrong)


def test_a_stage_that_takes_other_documents_than_the_one_before_gave_is_refused(summary: dict[str, Any]) -> None:
    summary["stages"][2]["in"] += 1
    summary["stages"][2]["dropped"]["language.low_score"] += 1
    with pytest.raises(AccountError, match="dedup_lines gave 990 documents, but select took 991"):
        proof(summary)


def test_an_account_without_stages_is_refused() -> None:
    with pytest.raises(AccountError):
        proof({"stages": [], "tokens": 0})


def test_a_stage_has_its_reasons_largest_first_with_documents_characters_and_shares(summary: dict[str, Any]) -> None:
    lines = rows(summary)
    start = next(i for i, row in enumerate(lines) if row.label == "select")
    found = [(row.kind, row.label, row.documents, row.characters) for row in lines[start + 1 : start + 5]]
    assert found == [
        ("in", "in", 990, 600_000),
        ("dropped", "language.low_score", 500, 150_000),
        ("dropped", "gopher_quality.few_words", 90, 50_000),
        ("out", "out", 400, 400_000),
    ]
    assert lines[start + 2].share == pytest.approx(500 / 990)
    assert lines[start + 2].characters_share == pytest.approx(0.25)


def test_characters_that_went_without_a_document_have_a_line(summary: dict[str, Any]) -> None:
    line = next(row for row in rows(summary) if row.label == "lines.repeated")
    assert (line.documents, line.characters) == (0, 299_000)


def test_tokens_before_tokenize_are_estimates_at_this_corpus_characters_a_token(summary: dict[str, Any]) -> None:
    lines = rows(summary)
    assert all(row.estimated for row in lines[:-1])
    assert next(row for row in lines if row.label == "language.low_score").tokens == 150_000 // 4
    assert (lines[-1].tokens, lines[-1].estimated) == (100_000, False)
    text = account_text(summary)
    assert "≈ 37,500" in text
    assert "≈ 100,000" in text  # tokenize's characters in
    assert text.splitlines()[-5].endswith(" 100,000")
    assert not text.splitlines()[-5].endswith("≈ 100,000")
    assert "≈ estimated at 4.000 characters a token" in text


def test_a_corpus_of_nothing_has_an_account_without_estimates() -> None:
    nothing = {"stages": [stage("extract", 0, 0, (0, 0)), stage("tokenize", 0, 0, (0, 0), tokens=0)], "tokens": 0}
    text = account_text(nothing)
    assert text.endswith("0 records read = 0 kept + 0 dropped + 0 set aside\n")
    assert "≈" not in text


def test_the_columns_of_the_text_stand_still_however_large_the_numbers(summary: dict[str, Any]) -> None:
    table = account_text(summary).splitlines()
    ends = [table[0].index("documents") + len("documents"), table[0].rindex("tokens") + len("tokens")]
    for line in table[2:]:
        if line.startswith("  "):
            assert line[ends[0] - 1].isdigit()
            assert line[ends[0]] == " "
            assert len(line) <= ends[1]
    assert max(map(len, table)) <= 120


def test_set_aside_records_are_told_by_reason(summary: dict[str, Any]) -> None:
    text = account_text(summary)
    assert "! set aside: truncated" in text
    assert "! set aside: corrupt_gzip" in text


def printed(summary: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=140, color_system=None)
    console.print(account_table(summary))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_table_says_what_the_text_says(summary: dict[str, Any]) -> None:
    shown = printed(summary)
    for row in rows(summary):
        assert row.label in shown
    assert "1,220 records read = 400 kept + 815 dropped + 5 set aside" in shown


def test_a_reason_is_never_read_as_markup_or_as_terminal_control(summary: dict[str, Any]) -> None:
    summary["stages"][0]["dropped"] = {"[red]status[/nope]\x1b[2J": 215}
    assert "[red]status[/nope]?[2J" in printed(summary)
    assert "\x1b" not in printed(summary) + account_text(summary)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, ""),
        (0, "0.0%"),
        (0.0004999, "<0.1%"),
        (0.0005, "0.1%"),
        (0.9994, "99.9%"),
        (0.9995, ">99.9%"),
        (1, "100.0%"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_to_all(share: float | None, shown: str) -> None:
    assert percent(share) == shown


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, Any]:
    """A few stages that add up."""
    count = draw(st.integers(1, 10**9))
    read, stages = count, []
    for name in ("extract", "dedup", "select", "tokenize"):
        dropped = {f"r{i}": draw(st.integers(0, count // 5)) for i in range(draw(st.integers(0, 3)))}
        aside = draw(st.integers(0, count // 5))
        out = count - sum(dropped.values()) - aside
        reasons = {"x": aside} if aside else {}
        stages.append(stage(name, count, out, (0, 0), dropped=dropped, set_aside=aside, set_aside_by_reason=reasons))
        count = out
    stages[-1]["tokens"] = draw(st.integers(0, 10**12))
    return {"stages": stages, "tokens": stages[-1]["tokens"], "read": read, "kept": count}


@given(accounts())
def test_every_account_that_adds_up_is_proven(account: dict[str, Any]) -> None:
    read, kept = account["read"], account["kept"]
    first, _, rest = proof(account).partition(" records read = ")
    numbers = [int(part.split()[0].replace(",", "")) for part in rest.split(" + ")]
    assert int(first.replace(",", "")) == read == sum(numbers)
    assert numbers[0] == kept


@given(accounts(), st.data())
def test_no_account_with_one_wrong_count_is_proven(account: dict[str, Any], data: st.DataObject) -> None:
    stage = data.draw(st.sampled_from(account["stages"]))
    stage[data.draw(st.sampled_from(["in", "out", "set_aside"]))] += data.draw(st.sampled_from([-2, -1, 1, 7]))
    with pytest.raises(AccountError):
        proof(account)
