"""A model of neighbouring languages is trained from labelled text, measured on what was held out, and used at once."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate.cli import app
from curate.errors import UserError
from curate.models.fasttext_model import FastTextModel
from curate.models.language_figures import FIRST, MOST, MOST_OF_OTHERS, SECOND, chosen, evaluate, length_of, measure
from curate.models.language_near import OTHER, letters
from curate.models.language_texts import key_of
from curate.models.language_train import LLAMA_1, NEAR, Recipe, collect, examples, may_be_trained_on, without_shared
from curate.models.registry import card, read_card, resolve
from curate.models.texts import TrainingText
from curate.text.page import Page
from filters.language import Language, LanguageConfig
from tests.models.test_language_near import HARD

# Words of two languages made up here; sentences are drawn from them.
WORDS = {
    "hr": "tko što gdje uvijek lijepo mlijeko rijeka dijete tjedan vlak kruh zrak glazba otok siječanj kolovoz",
    "sl": "kdo kaj kjer vedno lepo mleko reka otrok teden vlak kruh zrak glasba otok zdaj jutri dež bil smo",
}


def sentences(code: str, count: int) -> list[str]:
    chance = random.Random(code)
    return [" ".join(chance.choices(WORDS[code].split(), k=9)).capitalize() + "." for _ in range(count)]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "sentences.jsonl"
    rows = [{"text": text, "language": code} for code in WORDS for text in sentences(code, 300)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def trained(labelled: Path) -> Path:
    output = labelled.parent / "models"
    for folder in (output, output.parent / "again"):
        done = CliRunner().invoke(
            app,
            ["models", "train", "language", "--from", str(labelled), "--name", "near", "--output", str(folder)],
        )
        assert done.exit_code == 0, done.output
    assert "language: {neighbours: near}" in done.output
    return output / "near.ftz"


def text(language: str, said: str, kind: str = "text") -> TrainingText:
    return TrainingText(key_of(language, said), kind, language, said)


def test_the_same_text_gives_the_same_bytes(trained: Path, labelled: Path) -> None:
    assert trained.read_bytes() == (labelled.parent / "again" / "near.ftz").read_bytes()


def test_the_card_has_what_it_was_made_of_and_how_good_it_is(trained: Path, labelled: Path) -> None:
    made = read_card(trained.with_name("near.card.json"))
    assert made["role"] == "language"
    assert made["languages"] == ["hr", "sl"]
    assert (
        made["command"]
        == "curate models train language --from sentences.jsonl --characters 100000 --seed 0 --name near"
    )
    assert made["asked_after"] == f"{FIRST}@sha256:{resolve(FIRST).sha256}"
    assert list(made["inputs"]) == ["sentences.jsonl"]
    found = made["measured"]["macro_accuracy"]["text"]
    assert found["filter"] >= found["alone"]
    model = FastTextModel(trained)
    told = [model.top(letters(item.text)) for item in collect([labelled], Recipe()).held_out]
    wanted = [item.language for item in collect([labelled], Recipe()).held_out]
    assert sum(top is not None and top[0] == code for top, code in zip(told, wanted, strict=True)) >= 0.95 * len(told)
    assert found["texts"] + made["data"]["texts"] == 600


def test_evaluating_on_the_same_file_gives_the_cards_figures(
    trained: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_MODELS", str(trained.parent))
    done = CliRunner().invoke(app, ["models", "evaluate", "near", "--on", str(labelled), "--json"])
    assert done.exit_code == 0, done.output
    made = read_card(trained.with_name("near.card.json"))
    found = json.loads(done.output)
    assert found.pop("left_out") == made["data"]["texts"]
    assert found == made["measured"]


def test_a_manifest_takes_it_by_its_name(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_MODELS", str(trained.parent))
    used = Language(LanguageConfig(neighbours="near"))
    assert used.models() == [FIRST, "near"]
    alone = Language(LanguageConfig(neighbours=None))
    right = [sum(by.measure(Page(said))["language"] == "sl" for said in sentences("sl", 30)) for by in (used, alone)]
    assert right[0] >= max(15, right[1])


def test_no_text_is_trained_on_and_measured_on(labelled: Path) -> None:
    sample = collect([labelled], Recipe())
    trained, held_out = {item.key for item in sample.texts}, {item.key for item in sample.held_out}
    assert len(trained) + len(held_out) == 600
    assert not trained & held_out
    assert all(may_be_trained_on(item, 50) for item in sample.texts)


@pytest.mark.parametrize("kind", ["udhr", "url", "word-pairs", "single-words", "wikipedia"])
def test_some_kinds_of_text_are_for_measuring_only(kind: str) -> None:
    texts = [text("hr", said, kind) for said in sentences("hr", 50)]
    assert not any(may_be_trained_on(item, 0) for item in texts)
    assert all(may_be_trained_on(text("hr", item.text), 0) for item in texts)


def test_of_each_language_and_kind_as_many_characters_are_taken_as_asked_for(labelled: Path) -> None:
    sample = collect([labelled], Recipe(characters=1000))
    for code in WORDS:
        taken = [len(item.text) for item in sample.texts if item.language == code]
        assert sum(taken[:-1]) < 1000 <= sum(taken)
        assert sample.kinds["text"][code] == sum(taken)


def test_one_language_is_not_enough(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"text": "Brod plovi.", "language": "hr"}))
    with pytest.raises(UserError, match="at least two of its languages"):
        collect([path], Recipe())


def test_pieces_are_two_to_forty_words_and_every_word_is_in_one() -> None:
    said = " ".join(sentences("hr", 30))[:400]
    found = [piece for _, piece in examples([text("hr", said)], ["hr"], 0)]
    words = sorted(word for piece in found for word in piece.split())
    assert words == sorted(said.lower().replace(".", "").split())
    assert all(1 <= len(piece.split()) <= 40 for piece in found)
    assert len(found) > 1


def test_serbian_is_read_in_both_of_its_alphabets() -> None:
    pieces = examples([text("sr", "Љубав и његов џеп, ђак чека ћерку")], ["sr"], 0)
    assert sorted(word for _, piece in pieces for word in piece.split() if len(word) > 1) == sorted(
        ["љубав", "његов", "џеп", "ђак", "чека", "ћерку", "ljubav", "njegov", "džep", "đak", "čeka", "ćerku"]
    )


def test_languages_that_are_not_told_apart_have_one_label() -> None:
    texts = [text("oc", "una frasa qualsevol en occitan"), text("ca", "una frase qualsevol en català")]
    assert {label for label, _ in examples(texts, ["ca"], 0)} == {"ca", OTHER}


def test_text_that_stands_under_several_languages_is_left_out() -> None:
    texts = [
        ("a", text("da", "Not translated yet.")),
        ("b", text("sl", "Not translated yet.")),
        ("a", text("da", "Ja.")),
    ]
    assert [item.text for _, item in without_shared(texts)] == ["Ja."]


@pytest.mark.parametrize(
    ("length", "name"),
    [(19, "under 20"), (20, "under 50"), (499, "under 500"), (1999, "under 2000"), (2000, "2000 or more")],
)
def test_texts_are_grouped_by_length(length: int, name: str) -> None:
    assert length_of("x" * length) == name


def test_so_many_of_each_kind_and_language_are_measured_whatever_their_order() -> None:
    texts = [text(code, f"{code} {number}") for code in ("hr", "mk") for number in range(MOST + 50)]
    found = chosen(texts)
    assert [sum(item.language == code for item in found) for code in ("hr", "mk")] == [MOST, MOST_OF_OTHERS]
    assert chosen(reversed(texts)) == found


def test_figures_count_each_way_by_itself() -> None:
    texts = [text(code, said) for code, said in HARD.items()] + [
        text("tlh", "nuqneH"),
        text("en", "The boat leaves now."),
    ]
    found = measure(resolve(FIRST).path, resolve(SECOND).path, texts)
    assert found["texts"] == 3  # of a language that the model does not have only the precision knows
    assert found["macro_accuracy"]["text"] == {"languages": 3, "texts": 3, "alone": 0.6667, "filter": 1.0}
    assert found["by_language"]["text"]["en"] == {"texts": 1, "alone": 1.0, "filter": 1.0, "taken for": ""}


def test_no_text_in_a_language_of_the_model_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "klingon.jsonl"
    path.write_text(json.dumps({"text": "nuqneH", "language": "tlh"}))
    with pytest.raises(UserError, match="no text here has a language"):
        evaluate(resolve(FIRST), [path])


def test_the_twenty_languages_of_llama_are_all_told_apart() -> None:
    assert len(LLAMA_1) == 20
    assert set(LLAMA_1) <= set(NEAR) == set((card(SECOND) or {})["languages"])


def test_the_shipped_model_beats_the_identifier_alone_on_every_kind_of_held_out_text() -> None:
    measured = (card(SECOND) or {})["measured"]
    for kind, found in measured["macro_accuracy"].items():
        assert found["filter"] >= found["alone"], kind
    sentences = measured["macro_accuracy"]["sentences"]
    assert sentences["languages"] == 20
    assert sentences["filter"] >= 0.97 > 0.95 > sentences["alone"]
    for found in measured["by_length"].values():
        assert found["filter"] >= found["alone"]
