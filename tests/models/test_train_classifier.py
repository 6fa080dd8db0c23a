"""A user's own classifier: what is read, what is held out, what is measured, and that it is the same every time."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from curate.errors import UserError
from curate.models.classifier_cli import classifier
from curate.models.classifier_figures import evaluate
from curate.models.fasttext_model import FastTextModel, one_line
from curate.models.labelled_figures import measure
from curate.models.labels import BadLine, LabelledText, label_name, read_labels
from curate.models.language_id import LanguageIdentifier
from curate.models.passages import Labelled, write_labelled
from curate.models.registry import card, resolve
from curate.models.supervised import train_classifier
from curate.models.train_classifier import (
    Recipe,
    balanced,
    chosen_positive,
    collect,
    settings_of,
    train_from_labels,
)

WORDS = {
    "yes": "theorem proof lemma integral prime vector matrix".split(),  # noqa: SIM905
    "no": "discount shipping coupon basket sale newsletter offer".split(),  # noqa: SIM905
}
SMALL = ["bucket=500", "dim=4", "wordNgrams=1", "minn=2", "maxn=3"]


def rows(count: int = 150, seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    shared = [f"w{n}" for n in range(40)]
    return [
        {
            "id": f"{label}-{n}",
            "text": " ".join([*rng.choices(WORDS[label], k=3), *rng.choices(shared, k=9)]),
            "label": label,
        }
        for label in WORDS
        for n in range(count)
    ]


def write(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def train(tmp_path: Path, labels: Path, name: str = "maths", *options: str) -> Result:
    app = typer.Typer()
    app.command()(classifier)
    settings = [part for setting in SMALL for part in ("--set", setting)]
    return CliRunner().invoke(
        app, ["--labels", str(labels), "--name", name, "--output", str(tmp_path / "models"), *settings, *options]
    )


class TestTraining:
    def test_the_model_finds_the_label_is_found_by_name_and_its_card_tells(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = train(tmp_path, write(tmp_path / "labels.jsonl", rows()))
        assert done.exit_code == 0, done.output
        monkeypatch.setenv("CURATE_MODELS", str(tmp_path / "models"))
        described = card("maths")
        assert described is not None
        assert described["sha256"] == resolve("maths").sha256
        assert (described["labels"], described["positive"]) == (["no", "yes"], "yes")
        assert described["measured"]["roc_auc"] > 0.95
        held_out = sum(figures["held_out"] for figures in described["measured"]["labels"].values())
        assert held_out + sum(described["data"]["trained"].values()) == 300
        model = FastTextModel(resolve("maths").path)
        assert model.distribution("a theorem and its proof of a lemma")["yes"] > 0.5
        assert model.distribution("coupon for shipping, discount sale")["yes"] < 0.5

    def test_the_same_documents_give_the_same_bytes_in_any_order_and_file(self, tmp_path: Path) -> None:
        made = []
        for number, records in enumerate((rows(), rows()[::-1])):
            folder = tmp_path / str(number)
            folder.mkdir()
            labels = write(folder / "labels.jsonl", records)
            assert train(folder, labels).exit_code == 0
            made.append((folder / "models/maths.ftz").read_bytes())
        assert made[0] == made[1]

    def test_the_card_is_the_same_bytes_too_and_another_seed_splits_otherwise(self, tmp_path: Path) -> None:
        labels = write(tmp_path / "labels.jsonl", rows())
        cards = []
        for options in ([], ["--overwrite"], ["--overwrite", "--seed", "1"]):
            assert train(tmp_path, labels, "maths", *options).exit_code == 0
            cards.append((tmp_path / "models/maths.card.json").read_bytes())
        assert cards[0] == cards[1]
        assert json.loads(cards[2])["sha256"] != json.loads(cards[0])["sha256"]

    def test_the_card_has_the_licence_that_was_given_and_a_command_that_gives_it_again(self, tmp_path: Path) -> None:
        labels = write(tmp_path / "labels.jsonl", rows())
        assert train(tmp_path, labels, "maths", "--licence", "CC0-1.0").exit_code == 0
        made = json.loads((tmp_path / "models/maths.card.json").read_text())
        assert made["licence"] == "CC0-1.0"
        assert made["command"].endswith("--licence CC0-1.0")

    def test_the_card_names_the_texts_that_labels_were_made_from(self, tmp_path: Path) -> None:
        long = [row | {"text": " ".join([row["text"]] * 9)} for row in rows()]
        texts = {
            label: write(tmp_path / f"{label}.jsonl", [row for row in long if row["label"] == label]) for label in WORDS
        }
        labels = tmp_path / "labels.jsonl"
        write_labelled([Labelled(label, path) for label, path in texts.items()], labels, 900, 3)
        assert train(tmp_path, labels).exit_code == 0
        made = json.loads((tmp_path / "models/maths.card.json").read_text())
        wanted = {label: {path.name: hashlib.sha256(path.read_bytes()).hexdigest()} for label, path in texts.items()}
        assert made["labelled_from"] == wanted

    @pytest.mark.parametrize("account", ["", "[]", '{"yes": 3}', "not JSON"])
    def test_an_account_of_texts_that_is_something_else_is_one_line_and_no_model(
        self, tmp_path: Path, account: str
    ) -> None:
        labels = write(tmp_path / "labels.jsonl", rows())
        (tmp_path / "labels.jsonl.inputs.json").write_text(account)
        refused = train(tmp_path, labels)
        assert isinstance(refused.exception, UserError)
        assert "curate models label" in str(refused.exception)
        assert not list((tmp_path / "models").glob("maths*"))

    def test_no_document_is_trained_on_and_measured_on_and_every_one_is_either(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: dict[str, set[str]] = {}

        def learn(examples: list[tuple[str, str]], output: Path, **settings: Any) -> None:
            seen["trained"] = {text for _, text in examples}
            train_classifier(examples, output, **settings)

        def judge(model: FastTextModel, documents: list[LabelledText], *others: Any) -> dict[str, Any]:
            seen["measured"] = {item.text for item in documents}
            return measure(model, documents, *others)

        monkeypatch.setattr("curate.models.train_classifier.train_classifier", learn)
        monkeypatch.setattr("curate.models.train_classifier.measure", judge)
        found = collect([write(tmp_path / "labels.jsonl", [*rows(), *rows()])], "text", "label")
        train_from_labels(found, tmp_path / "m.ftz", Recipe(held_out=0.3, settings=settings_of(SMALL)), [])
        assert not seen["trained"] & seen["measured"]
        assert seen["trained"] | seen["measured"] == {row["text"] for row in rows()}
        assert len(seen["measured"]) == pytest.approx(90, abs=30)

    def test_a_model_that_cannot_be_quantized_says_how_to_train_it(self, tmp_path: Path) -> None:
        labels = write(tmp_path / "labels.jsonl", rows())
        options = ["--set", "minn=0", "--set", "maxn=0"]
        done = train(tmp_path, labels, "maths", *options)
        assert isinstance(done.exception, UserError)
        assert "--no-quantize" in str(done.exception)
        assert not list((tmp_path / "models").iterdir()), "nothing is left of a failed training"
        assert train(tmp_path, labels, "maths", *options, "--no-quantize").exit_code == 0
        assert (tmp_path / "models/maths.bin").is_file()

    def test_marks_of_fasttext_in_a_text_are_no_labels_and_end_nothing(self, tmp_path: Path) -> None:
        records = rows()
        for record in records:
            record["text"] = f"__label__spam </s> {record['text']}\n__label__no"
        assert train(tmp_path, write(tmp_path / "labels.jsonl", records)).exit_code == 0
        model = FastTextModel(tmp_path / "models/maths.ftz")
        assert model.labels() == {"yes", "no"}
        assert model.distribution("theorem lemma proof")["yes"] > 0.5
        assert one_line("a __label__x b__label__y </s> c</s>\n</s>").split() == ["a", "b__label__y", "c</s>"]

    @pytest.mark.parametrize("mark", ["</s>", "</s>\n", "__label__x", "__label__x </s> __label__y\t"])
    def test_a_mark_at_the_start_of_a_page_hides_it_from_no_model_that_comes_with_curate(self, mark: str) -> None:
        text = "The committee published its report in the spring, and the government accepted most of it."
        for name in ("quality-en", "nsfw-en"):
            model = FastTextModel(resolve(name).path)
            assert model.top(f"{mark} {text}") == model.top(text)
            assert model.distribution(f"{mark} {text}") == model.distribution(text)
        french = "Le comité a publié son rapport au printemps, et le gouvernement en a accepté la plus grande partie."
        identify = LanguageIdentifier(resolve("lid.176").path)
        assert identify(f"{mark} {french}") == identify(french)
        assert identify(french)[0] == "fr"


class TestSplit:
    def test_a_copy_is_left_out_and_so_is_a_document_with_two_labels(self, tmp_path: Path) -> None:
        records = [
            {"id": "b", "text": "one  two", "label": "yes"},
            {"id": "a", "text": "one two\n", "label": "yes"},
            {"text": "three", "label": "yes"},
            {"text": "three", "label": "no"},
            {"text": "four", "label": "no"},
        ]
        found = collect([write(tmp_path / "labels.jsonl", records)], "text", "label")
        assert sorted(item.text.split()[0] for _, item in found.documents) == ["four", "one"]
        assert (found.duplicates, found.contradictory) == (2, 1)
        again = collect([write(tmp_path / "other.jsonl", records[::-1])], "text", "label")
        assert [key for key, _ in again.documents] == [key for key, _ in found.documents]
        assert {item.text for _, item in again.documents} == {item.text for _, item in found.documents}

    def test_a_smaller_class_is_given_again_until_it_is_as_large(self) -> None:
        documents = [(bytes([n]), LabelledText(str(n), "yes" if n < 3 else "no", str(n))) for n in range(10)]
        examples = balanced(documents, {"yes": 3, "no": 7}, 0)
        given_of = {text: examples.count(("yes", text)) for text in ("0", "1", "2")}
        assert sorted(given_of.values()) == [2, 2, 3]
        assert sum(label == "no" for label, _ in examples) == 7
        assert examples == balanced(documents, {"yes": 3, "no": 7}, 0) != balanced(documents, {"yes": 3, "no": 7}, 1)

    @pytest.mark.parametrize(
        ("count", "said"), [({"yes": 150}, "two labels"), ({"yes": 150, "no": 9}, "too few documents labelled no: 9")]
    )
    def test_too_few_documents_are_refused_in_one_line(self, tmp_path: Path, count: dict[str, int], said: str) -> None:
        records = [row for label, n in count.items() for row in [r for r in rows() if r["label"] == label][:n]]
        done = train(tmp_path, write(tmp_path / "labels.jsonl", records))
        assert isinstance(done.exception, UserError)
        assert said in str(done.exception)

    @pytest.mark.parametrize(
        ("labels", "wanted", "found"),
        [
            ({"yes", "no"}, None, "yes"),
            ({"No", "Yes"}, None, "Yes"),
            ({"0", "1"}, None, "1"),
            ({"false", "true"}, None, "true"),
            ({"a", "b", "c"}, "b", "b"),
        ],
    )
    def test_the_positive_label_is_told_or_known(self, labels: set[str], wanted: str | None, found: str) -> None:
        assert chosen_positive(labels, wanted) == found

    @pytest.mark.parametrize(
        ("labels", "wanted"), [({"a", "b"}, None), ({"a", "b"}, "c"), ({"yes"}, "yes"), (set(), None)]
    )
    def test_where_it_is_neither_the_user_is_asked(self, labels: set[str], wanted: str | None) -> None:
        with pytest.raises(UserError):
            chosen_positive(labels, wanted)


class Fixed:
    """A model that says what the text says."""

    def distribution(self, text: str) -> dict[str, float]:
        return {"yes": float(text), "no": 1 - float(text)}


def test_figures_by_hand() -> None:
    documents = [
        LabelledText(f"{label}{text}", label, text)
        for label, text in [("yes", "0.9"), ("yes", "0.6"), ("yes", "0.2"), ("no", "0.6"), ("no", "0.1"), ("no", "0.3")]
    ]
    found = measure(Fixed(), documents, "yes", 0.6)  # type: ignore[arg-type]
    assert found["precision"] == found["recall"] == found["f1"] == 0.6667
    assert found["keep_rate"] == 0.5
    assert found["roc_auc"] == round((3 + 2.5 + 1) / 9, 4)
    assert found["accuracy"] == 0.6667
    assert found["labels"]["no"] == {"held_out": 3, "precision": 0.6667, "recall": 0.6667, "f1": 0.6667}
    assert found["worst_errors"] == [
        {"id": "yes0.2", "label": "yes", "probability": 0.2},
        {"id": "no0.6", "label": "no", "probability": 0.6},
    ]
    assert found["operating_points"][8]["recall"] == 0.3333


class TestFigures:
    def test_on_the_files_it_was_trained_on_they_are_the_cards(self, tmp_path: Path) -> None:
        labels = write(tmp_path / "labels.jsonl", [*rows(), *rows()[:7], {"text": 1}])
        assert train(tmp_path, labels, "maths", "--threshold", "0.3", "--seed", "3").exit_code == 0
        path = tmp_path / "models/maths.ftz"
        described = json.loads(path.with_name("maths.card.json").read_text())
        found = evaluate(resolve(str(path)), [labels])
        assert {key: found[key] for key in described["measured"]} == described["measured"]
        assert found["trained_on"] == sum(described["data"]["trained"].values())
        assert (found["documents"] + found["trained_on"], found["duplicates"]) == (300, 7)
        assert found["set_aside"] == {"text_not_a_string": 1}

    def test_of_new_files_every_document_counts_but_those_it_was_trained_on(self, tmp_path: Path) -> None:
        labels, new = write(tmp_path / "labels.jsonl", rows()), write(tmp_path / "new.jsonl", rows(40, seed=9))
        assert train(tmp_path, labels).exit_code == 0
        model = resolve(str(tmp_path / "models/maths.ftz"))
        assert evaluate(model, [new])["documents"] == 80
        both = evaluate(model, [new, labels])
        assert both["documents"] == 80 + evaluate(model, [labels])["documents"]
        assert both == evaluate(model, [labels, new])

    @pytest.mark.parametrize(
        ("records", "said"),
        [
            ([{"text": "a", "label": "maybe"}], "no label 'maybe'; its labels are no, yes"),
            ([{"text": "a", "label": "yes"}], "labelled yes and others; held out there is yes"),
            ([{"text": "a", "label": "no"}], "labelled yes and others"),
            ([[1]], "held out there is nothing"),
        ],
    )
    def test_labels_that_are_not_the_models_are_one_line(self, tmp_path: Path, records: list[Any], said: str) -> None:
        assert train(tmp_path, write(tmp_path / "labels.jsonl", rows(60))).exit_code == 0
        with pytest.raises(UserError, match=said):
            evaluate(resolve(str(tmp_path / "models/maths.ftz")), [write(tmp_path / "new.jsonl", records)])

    def test_a_model_without_a_card_is_one_line(self, tmp_path: Path) -> None:
        train_classifier([("yes", "a b"), ("no", "c d")] * 20, tmp_path / "m.bin", quantize=False, bucket=10, dim=2)
        with pytest.raises(UserError, match="no card"):
            evaluate(resolve(str(tmp_path / "m.bin")), [write(tmp_path / "labels.jsonl", rows(5))])


class TestReading:
    GOOD: tuple[dict[str, Any], ...] = (
        {"id": "x", "text": "a", "label": "yes"},
        {"text": "b", "label": True},
        {"id": 7, "text": "c", "label": 1},
    )
    WANTED = (("x", "yes", "a"), ("{file}:2", "true", "b"), ("7", "1", "c"))

    def check(self, path: Path) -> None:
        found = [(item.id, item.label, item.text) for item in read_labels(path) if isinstance(item, LabelledText)]
        assert found == [(name.format(file=path.name), label, text) for name, label, text in self.WANTED]

    def test_json_lines_plain_and_compressed_whatever_the_name(self, tmp_path: Path) -> None:
        plain = "".join(json.dumps(row) + "\n" for row in self.GOOD).encode()
        frames = zstandard.compress(plain[:20]) + zstandard.compress(plain[20:])
        for name, data in (("a", plain), ("b", gzip.compress(plain)), ("c", frames), ("d", b"\xef\xbb\xbf" + plain)):
            (tmp_path / name).write_bytes(data)
            self.check(tmp_path / name)

    def test_parquet(self, tmp_path: Path) -> None:
        columns = {"id": ["x", None, "7"], "text": ["a", "b", "c"], "label": ["yes", "true", "1"]}
        pq.write_table(pa.table(columns), tmp_path / "labels")
        self.check(tmp_path / "labels")
        with pytest.raises(UserError, match="no column 'quality'; it has id, text, label"):
            list(read_labels(tmp_path / "labels", label_key="quality"))

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"{", "not_json"),
            (b"\xff\xfe", "not_json"),
            (b"[" * 100_000, "not_json"),
            (b"[1]", "not_an_object"),
            (b"3", "not_an_object"),
            (b'{"label": "yes"}', "no_text"),
            (b'{"text": null, "label": "yes"}', "no_text"),
            (b'{"text": " ", "label": "yes"}', "no_text"),
            (b'{"text": 3, "label": "yes"}', "text_not_a_string"),
            (b'{"text": "a"}', "no_label"),
            (b'{"text": "a", "label": null}', "no_label"),
            (b'{"text": "a", "label": 0.5}', "not_a_label"),
            (b'{"text": "a", "label": NaN}', "not_a_label"),
            (b'{"text": "a", "label": ["yes"]}', "not_a_label"),
            (b'{"text": "a", "label": ""}', "not_a_label"),
        ],
    )
    def test_a_bad_line_is_set_aside_with_its_number_and_the_next_is_read(
        self, tmp_path: Path, line: bytes, reason: str
    ) -> None:
        path = tmp_path / "labels.jsonl"
        path.write_bytes(b"\n" + line + b'\n{"text": "a", "label": "yes"}')
        bad, good = read_labels(path)
        assert isinstance(bad, BadLine)
        assert (bad.file, bad.line, bad.reason) == ("labels.jsonl", 2, reason)
        assert str(bad).isprintable()
        assert good == LabelledText("labels.jsonl:3", "yes", "a")

    def test_a_line_without_end_is_not_held_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("curate.models.labels.MOST_OF_A_LINE", 100)
        path = write(tmp_path / "labels.jsonl", [{"text": "x" * 200, "label": 1}, {"text": "a", "label": 1}])
        bad, good = read_labels(path)
        assert isinstance(bad, BadLine)
        assert bad.reason == "line_too_long"
        assert isinstance(good, LabelledText)

    @pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
    def test_a_torn_file_is_an_error_of_one_line(self, tmp_path: Path, compress: Any) -> None:
        whole = compress("".join(json.dumps(row) + "\n" for row in rows()).encode())
        (tmp_path / "labels").write_bytes(whole[:-100])
        with pytest.raises(UserError, match="cannot be read to its end"):
            list(read_labels(tmp_path / "labels"))

    def test_set_aside_lines_are_printed_with_their_numbers(self, tmp_path: Path) -> None:
        labels = write(tmp_path / "labels.jsonl", [*rows(), [1], {"text": 1, "label": 2}])
        done = train(tmp_path, labels)
        assert done.exit_code == 0
        assert "set aside: 2 lines" in done.output
        assert "labels.jsonl:301: not_an_object" in done.output
        assert "labels.jsonl:302: text_not_a_string" in done.output

    @given(st.text())
    def test_a_label_is_one_word_and_stays_as_it_is_written(self, text: str) -> None:
        name = label_name(text)
        if name is not None:
            assert name.split() == [name]
            assert label_name(name) == name


class TestRefusals:
    @pytest.mark.parametrize(
        "setting", ["dim", "dim=x", "dim=0", "dim=1.5", "lr=nan", "lr=0", "loss=hs", "bucket=0", "minn=3", "=1"]
    )
    def test_a_setting_that_cannot_be_is_refused(self, setting: str) -> None:
        with pytest.raises(UserError, match="--set"):
            settings_of([setting, "maxn=2"])

    @pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a b", "quality-en", "lid.176.bin"])
    def test_a_name_that_is_none_or_is_taken_is_refused(self, tmp_path: Path, name: str) -> None:
        done = train(tmp_path, write(tmp_path / "labels.jsonl", rows(20)), name)
        assert isinstance(done.exception, UserError)
        assert "--name" in str(done.exception)

    def test_a_model_that_is_there_is_not_replaced_unasked(self, tmp_path: Path) -> None:
        labels = write(tmp_path / "labels.jsonl", rows())
        assert train(tmp_path, labels).exit_code == 0
        done = train(tmp_path, labels)
        assert isinstance(done.exception, UserError)
        assert "--overwrite" in str(done.exception)

    def test_no_file_and_no_document_are_errors(self, tmp_path: Path) -> None:
        for labels, said in (
            (tmp_path / "none", "no labelled documents at"),
            (write(tmp_path / "e", [1]), "e:1: not_an"),
        ):
            done = train(tmp_path, labels)
            assert isinstance(done.exception, UserError)
            assert said in str(done.exception)
