"""Passages of long texts, and labelled documents from texts whose label their origin tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UserError
from curate.models.label_cli import label
from curate.models.labels import LabelledText, read_labels
from curate.models.passages import LEAST, Labelled, parse_labelled, passages, write_labelled


@settings(max_examples=100)
@given(st.lists(st.text("abc", min_size=1, max_size=9), max_size=300), st.integers(20, 200), st.integers(1, 6))
def test_passages_are_whole_words_of_the_text_no_longer_and_no_more_than_asked(words, characters, most) -> None:
    text = " ".join(words)
    found = list(passages(text, characters, most))
    assert len(found) <= most
    for passage in found:
        assert len(passage) <= characters
        assert set(passage.split()) <= set(words)


def test_a_text_that_is_not_longer_is_one_passage_and_a_longer_one_is_taken_from_end_to_end() -> None:
    assert list(passages("a" * 50, 50, 3)) == ["a" * 50]
    text = " ".join(f"w{n:05d}" for n in range(1000))
    found = list(passages(text, 700, 4))
    assert len(found) == 4
    assert found[0].startswith("w00000")
    assert found[-1].endswith("w00999")


def test_a_text_without_spaces_is_still_cut() -> None:
    assert all(0 < len(passage) <= 100 for passage in passages("x" * 1000, 100, 5))


def write_texts(path: Path, *texts: str) -> Path:
    path.write_text("".join(json.dumps({"id": f"{path.stem}{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


def test_what_is_written_is_what_the_trainer_reads_and_its_inputs_are_named(tmp_path: Path) -> None:
    sums = write_texts(tmp_path / "sums.jsonl", "two and two are four. " * 20, "too short")
    tales = write_texts(tmp_path / "tales.jsonl", "once there was a fox. " * 200)
    output = tmp_path / "labels.jsonl"
    counts = write_labelled([Labelled("maths", sums), Labelled("tale", tales)], output, 500, 3)
    assert counts == {"maths": 1, "tale": 3}
    read = list(read_labels(output))
    assert all(isinstance(item, LabelledText) for item in read)
    assert [(item.id, item.label) for item in read] == [
        ("sums0/0", "maths"), ("tales0/0", "tale"), ("tales0/1", "tale"), ("tales0/2", "tale"),
    ]  # fmt: skip
    named = json.loads((tmp_path / "labels.jsonl.inputs.json").read_text())
    assert {label: list(files) for label, files in named.items()} == {"maths": ["sums.jsonl"], "tale": ["tales.jsonl"]}
    again = output.read_bytes()
    write_labelled([Labelled("maths", sums), Labelled("tale", tales)], output, 500, 3)
    assert output.read_bytes() == again


def test_the_command_says_how_many_passages_each_label_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sums = write_texts(tmp_path / "sums.jsonl", "two and two are four. " * 20)
    label([f"maths={sums}"], tmp_path / "labels.jsonl")
    assert "maths: 1 passages" in capsys.readouterr().out
    assert len(list(read_labels(tmp_path / "labels.jsonl"))) == 1


def test_a_label_of_which_nothing_is_long_enough_is_one_line(tmp_path: Path) -> None:
    short = write_texts(tmp_path / "short.jsonl", "x" * (LEAST - 1))
    with pytest.raises(UserError, match="labelled maths"):
        write_labelled([Labelled("maths", short)], tmp_path / "out.jsonl", 500, 3)


@pytest.mark.parametrize("spec", ["maths", "=x", "maths=", ""])
def test_a_text_is_named_by_label_and_path(spec: str) -> None:
    with pytest.raises(UserError, match="LABEL=PATH"):
        parse_labelled(spec)
    assert parse_labelled("a b=x=y") == Labelled("a_b", Path("x=y"))


def test_the_shipped_topic_model_knows_mathematics_and_code_it_never_saw() -> None:
    from curate.models.document_classifier import open_classifier
    from curate.models.registry import resolve

    model = open_classifier(resolve("topic-en").path)
    texts = {
        "maths": "Let $f: X \\to Y$ be a continuous map of compact spaces. We show that the image of $f$ is closed. "
        "Suppose $y_n = f(x_n)$ converges to $y$. Then a subsequence of $x_n$ converges to $x$, so $f(x) = y$. "
        "Therefore the sum over all $n$ is bounded by the integral, and the theorem follows by induction.",
        "code": "To open a connection, call connect() with the name of the host as a string. The function returns an "
        "object, or raises an exception if the argument is invalid:\n\n>>> import client\n>>> c = client.connect('x')\n"
        "def main():\n    return c.get(key='name', default=None)\n\nChanged in version 2.1: the module has no default.",
        "general": "The ferry leaves the island at seven in the morning and comes back at dusk. On Sunday it takes the "
        "long way round the lighthouse, so that visitors can see the seals, and the captain's wife sells tea and cake "
        "to those who have waited in the rain since early in the day.",
    }
    for wanted, text in texts.items():
        found = model.distribution(text)
        assert max(found, key=lambda name: found[name]) == wanted, found
