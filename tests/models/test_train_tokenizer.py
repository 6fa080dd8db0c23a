"""A tokenizer trained from scratch on text made here is LLaMA-1's kind, of its mixture, and the same each time."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import curate
from curate.errors import UserError
from curate.models import tokenizer_cli
from curate.models.registry import ModelFile, card, file_sha256, resolve
from curate.models.texts import TrainingText, is_held_out
from curate.models.tokenizer_figures import evaluate, measure, table, with_languages
from curate.models.train_tokenizer import (
    LLAMA1,
    MOST_OF_A_DOCUMENT,
    Quota,
    Recipe,
    choose,
    collect,
    kind_of,
    lines_of,
    mixture_of,
    standard_library,
    train_bpe,
)
from curate.tokens.sentencepiece_tokenizer import SentencePieceTokenizer

NOUNS = "harbour bridge keeper lantern ferry window garden letter engine river teacher market".split()  # noqa: SIM905
VERBS = "opened repaired painted crossed followed remembered sold measured".split()  # noqa: SIM905


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [
        f"the old {rng.choice(NOUNS)} {rng.choice(VERBS)} a {rng.choice(NOUNS)} near the {rng.choice(NOUNS)} "
        f"in {rng.randrange(1800, 2000)}."
        for _ in range(count)
    ]


def text(key: str, kind: str = "c4", content: str = "some text", language: str = "en") -> TrainingText:
    return TrainingText(key, kind, language, content)


@pytest.fixture(scope="module")
def model() -> bytes:
    return train_bpe(sentences(400), Recipe(vocabulary=400))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text of three kinds: c4, books (by its source) and code."""
    root = tmp_path_factory.mktemp("texts")
    for name, source, seed in (("c4.jsonl", None, 1), ("b.jsonl", "books", 2)):
        rows = [{"text": " ".join(sentences(10, seed * 1000 + n)), "source": source} for n in range(60)]
        (root / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    for n in range(40):
        (root / f"m{n}.py").write_text(f"def f{n}(x):\n    return x + {n}\n" * 5)
    return root


def run(*arguments: str | Path) -> str:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(tokenizer_cli.tokenizer)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


class TestPieces:
    def test_the_same_text_gives_the_same_bytes(self, model: bytes) -> None:
        program = (
            "import hashlib, sys\nfrom curate.models.train_tokenizer import Recipe, train_bpe\n"
            "model = train_bpe(sys.stdin.read().split('\\n'), Recipe(vocabulary=400))\n"
            "print(hashlib.sha256(model).hexdigest())"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            input="\n".join(sentences(400)),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(curate.__file__).parents[1])},
        )
        assert done.stdout.strip() == hashlib.sha256(model).hexdigest()

    @pytest.fixture(params=["tiny", "tokenizer-32k"])
    def processor(self, request: pytest.FixtureRequest, model: bytes) -> sentencepiece.SentencePieceProcessor:
        if request.param == "tiny":
            return sentencepiece.SentencePieceProcessor(model_proto=model)
        return sentencepiece.SentencePieceProcessor(model_file=str(resolve("tokenizer-32k").path))

    def test_it_is_llamas_kind(self, processor: sentencepiece.SentencePieceProcessor) -> None:
        assert (processor.unk_id(), processor.bos_id(), processor.eos_id(), processor.pad_id()) == (0, 1, 2, -1)
        assert [processor.id_to_piece(n) for n in range(3)] == ["<unk>", "<s>", "</s>"]
        pieces = processor.encode("the 1984", out_type=str)
        assert pieces[0].startswith("▁"), "a space is put before the first word"
        assert [piece for piece in pieces if any(c.isdigit() for c in piece)] == list("1984"), "numbers are split"

    @pytest.mark.parametrize("given_text", ["a  b\n\tc ", "naïve 日本 🙂 \u1234", "ﬁ ①", "", "\x07"])
    def test_any_text_comes_back_and_nothing_is_unknown(
        self, processor: sentencepiece.SentencePieceProcessor, given_text: str
    ) -> None:
        ids = processor.encode(given_text)
        assert processor.decode(ids) == given_text
        assert processor.unk_id() not in ids

    def test_it_holds_no_text_longer_than_a_piece(self, processor: sentencepiece.SentencePieceProcessor) -> None:
        whole = processor.serialized_model_proto()
        assert max(len(processor.id_to_piece(n)) for n in range(processor.get_piece_size())) <= 16
        # After the pieces there are settings only: neither lines, nor the names of files.
        settings = whole[whole.rindex(processor.id_to_piece(len(processor) - 1).encode()) :]
        assert b"identity" in settings
        assert len(settings) < 300
        assert b"/" not in settings

    def test_more_pieces_than_the_text_has_are_one_line_to_the_user(self) -> None:
        with pytest.raises(UserError, match="no vocabulary of 32,000") as caught:
            train_bpe(sentences(5), Recipe())
        assert "\n" not in str(caught.value)


def test_the_default_tokenizer_has_32000_pieces() -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(resolve("tokenizer-32k").path))
    assert model.get_piece_size() == 32_000


class TestMixture:
    def test_the_default_is_llama1s_table(self) -> None:
        assert mixture_of([]) == LLAMA1
        assert sum(LLAMA1.values()) == pytest.approx(1)
        assert len(LLAMA1) == 7

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("common-crawl", "crawl"), ("CommonCrawl", "crawl"), ("GitHub", "code"), ("books", "books"), ("Law", "law")],
    )
    def test_a_source_has_one_name(self, name: str, kind: str) -> None:
        assert kind_of(name) == kind

    def test_shares_add_up_to_1_and_those_of_0_are_left_out(self) -> None:
        assert mixture_of(["books=3", "GitHub=1", "c4=0"]) == {"books": 0.75, "code": 0.25}

    @pytest.mark.parametrize(
        "content",
        [
            "mixture: {books: 0.75, github: 0.25}",
            "sources: {books: {manifest: b.yaml, share: 3}, mine: {manifest: g.yaml, share: 1}}",
        ],
    )
    def test_a_file_of_shares_or_of_manifests_is_read(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "b.yaml").write_text("name: b\nsource: books\n")
        (tmp_path / "g.yaml").write_text("name: g\nsource: github\n")
        (tmp_path / "mix.yaml").write_text(content)
        assert mixture_of([str(tmp_path / "mix.yaml")]) == {"books": 0.75, "code": 0.25}

    def test_two_crawls_of_a_mixture_of_manifests_are_one_kind(self, tmp_path: Path) -> None:
        for year in (2019, 2020):
            (tmp_path / f"{year}.yaml").write_text(f"name: cc-{year}\nsource: commoncrawl\n")
        (tmp_path / "mix.yaml").write_text(
            "sources: {a: {manifest: 2019.yaml, share: 1}, b: {manifest: 2020.yaml, share: 2}, c4: {share: 1}}"
        )
        assert mixture_of([str(tmp_path / "mix.yaml")]) == {"crawl": 0.75, "c4": 0.25}

    @pytest.mark.parametrize(
        ("given_shares", "why"),
        [
            (["books"], "KIND=SHARE"),
            (["=1"], "KIND=SHARE"),
            (["books=-1"], "at least 0"),
            (["books=nan"], "at least 0"),
            (["books=inf"], "at least 0"),
            (["books=x"], "at least 0"),
            (["books=0"], "more than 0"),
            (["code=1", "github=1"], "names code twice"),
            (["absent.yaml"], "no file"),
        ],
    )
    def test_what_is_no_mixture_is_one_line_to_the_user(self, given_shares: Sequence[str], why: str) -> None:
        with pytest.raises(UserError, match=why) as caught:
            mixture_of(given_shares)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("content", ["a: b", "sources: {a: {manifest: x}}", "mixture: {books: yes}", "[1]"])
    def test_a_file_without_a_mixture_is_one_line_to_the_user(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "mix.yaml").write_text(content)
        with pytest.raises(UserError) as caught:
            mixture_of([str(tmp_path / "mix.yaml")])
        assert "\n" not in str(caught.value)


class TestSample:
    @given(lengths=st.lists(st.integers(1, 40), max_size=30), limit=st.integers(0, 300), seed=st.integers(0, 3))
    @settings(deadline=None)
    def test_a_quota_is_met_to_the_character_in_any_order(self, lengths: list[int], limit: int, seed: int) -> None:
        texts = [text(f"k{n}", content="x" * length) for n, length in enumerate(lengths)]
        mixed = list(texts)
        random.Random(seed).shuffle(mixed)
        one, other = Quota(limit, 30), Quota(limit, 30)
        for item in texts:
            one.offer(item)
        for item in mixed:
            other.offer(item)
            assert other._size < limit + 30 + 1, "memory is bounded"
        there = sum(min(length, 30) for length in lengths)
        assert one.chosen() == other.chosen()
        assert sum(len(item.text) for item in one.chosen()) == min(limit, there)
        assert one.seen == there

    def test_each_kind_gives_its_share_and_one_that_runs_short_is_told(self) -> None:
        texts = [text(f"{kind}{n}", kind, "x" * 100) for kind in ("c4", "books", "law") for n in range(100)]
        recipe = Recipe(mixture={"c4": 0.5, "books": 0.3, "arxiv": 0.2}, characters=4_000)
        sample = choose((("file", item) for item in texts), {"file": Path("x")}, recipe)
        assert sample.wished == {"c4": 2_000, "books": 1_200, "arxiv": 800}
        assert sample.taken == {"c4": 2_000, "books": 1_200, "arxiv": 0}
        assert sample.short() == ["arxiv"]
        assert sample.unnamed == {"law": 10_000}
        said = tokenizer_cli.sample_lines(sample, recipe)
        assert [line for line in said if "runs short" in line] == [
            "  arxiv: 0 of 800 (20.0% wished, 0.0% here), runs short: no more is there"
        ]
        assert any("law: 10,000 characters left out" in line for line in said)

    def test_what_is_held_out_is_not_trained_on(self) -> None:
        texts = [text(f"k{n}", content=f"text {n}") for n in range(500)]
        sample = choose((("f", item) for item in texts), {"f": Path("x")}, Recipe())
        assert {item.key for item in sample.held_out} == {item.key for item in texts if is_held_out(item.key, 10)}
        assert not {item.key for item in sample.held_out} & {item.key for item in sample.training}
        assert len(sample.training) + len(sample.held_out) == 500

    def test_no_long_document_outweighs_the_rest(self) -> None:
        texts = [text(f"long{n}", content="x" * 1_000_000) for n in range(20)]
        sample = choose((("f", item) for item in texts), {}, Recipe())
        assert {len(item.text) for item in sample.training} == {MOST_OF_A_DOCUMENT}

    def test_text_of_other_kinds_only_is_one_line_to_the_user(self) -> None:
        with pytest.raises(UserError, match="there is law: name them with --mixture"):
            choose([("f", text("k", "law"))], {}, Recipe())

    def test_the_sample_is_the_same_wherever_the_files_lie(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "other").symlink_to(folder)
        one, other = (collect([path], Recipe(characters=5_000)) for path in (folder, tmp_path / "other"))
        assert one.training == other.training
        assert one.held_out == other.held_out
        assert sorted(one.files) == sorted(other.files)

    def test_lines_keep_their_indentation_and_are_cut_where_they_are_long(self) -> None:
        given_lines = "\n".join(["  a", "", " \t", "b\x00c", "x" * 9_000])
        assert list(lines_of([text("k", content=given_lines)])) == ["  a", "bc", "x" * 4_000, "x" * 4_000, "x" * 1_000]

    def test_the_standard_library_is_python_without_its_tests(self) -> None:
        found = standard_library()
        names = {name.partition("/")[2] for name in found}
        assert {"json/decoder.py", "os.py"} <= names
        assert not [name for name in names if name.startswith(("test/", "site-packages/")) or "/tests/" in name]
        assert not [name for name in found if name.startswith("/")]


class TestFigures:
    def test_figures_are_counted_by_kind_and_language(self) -> None:
        pieces = train_bpe(sentences(400), Recipe(vocabulary=400))
        tokenizer = SentencePieceTokenizer(pieces, "t", "")
        texts = [
            text("a", "c4", "the old ferry"),
            text("b", "books", "the harbour", "en"),
            text("c", "books", "日 12", "zh"),
            text("d", "books", "x", ""),
        ]
        found = measure(tokenizer, texts)
        assert found["documents"] == 4
        assert found["bytes"] == 13 + 11 + 6 + 1
        own = sentencepiece.SentencePieceProcessor(model_proto=pieces)
        tokens = {item.key: len(own.encode(item.text)) for item in texts}
        assert found["tokens"] == sum(tokens.values())
        books = found["kinds"]["books"]
        assert sorted(books["languages"]) == ["en", "unknown", "zh"]
        chinese = books["languages"]["zh"]
        # "日" is three bytes that no piece has; a space comes before it, and each digit is a piece of its own.
        assert own.encode("日 12", out_type=str)[1:4] == ["<0xE6>", "<0x97>", "<0xA5>"]
        assert chinese["byte_fallback"] == pytest.approx(3 / tokens["c"], abs=1e-4)
        assert chinese["bytes_per_token"] == pytest.approx(6 / tokens["c"], abs=1e-4)
        assert chinese["tokens_per_word"] == pytest.approx(tokens["c"] / 2, abs=1e-4)
        assert found["round_trip"] == 1.0

    def test_a_text_that_does_not_come_back_counts_against_the_round_trip(self) -> None:
        tokenizer = SentencePieceTokenizer(train_bpe(sentences(400), Recipe(vocabulary=400)), "t", "")
        tokenizer.decode = lambda ids: "the old ferry"  # type: ignore[method-assign,assignment]
        assert measure(tokenizer, [text("a", content="the old ferry"), text("b", content="x")])["round_trip"] == 0.5

    def test_a_document_without_a_language_gets_the_one_it_is_in(self) -> None:
        french = "La rivière traverse la ville, et les bateaux passent sous les ponts au printemps comme en hiver. " * 3
        found = with_languages([text("a", language="", content=french), text("b", language="nl", content=french)])
        assert [item.language for item in found] == ["fr", "nl"]
        assert with_languages([text("c", language="", content="\n")])[0].language == ""

    def test_the_table_has_a_column_for_each_tokenizer_and_small_languages_are_left_out(self) -> None:
        tokenizer = SentencePieceTokenizer(train_bpe(sentences(400), Recipe(vocabulary=400)), "t", "")
        texts = [text("a", content="the " * 400), text("b", content="le", language="fr"), text("c", "code", "x", "py")]
        texts.append(text("d", content="de " * 200, language="nl"))
        lines = table({"mine": measure(tokenizer, texts), "other": measure(tokenizer, texts)})
        assert lines[0].split()[-2:] == ["mine", "other"]
        labels = [line.split()[0] for line in lines[1:6]]
        assert labels == ["c4", "en", "nl", "code", "all"]
        assert all(line.split()[-1] == line.split()[-2] for line in lines[1:])


class TestCommand:
    OPTIONS = ("--vocabulary", "420", "--characters", "20000", "--mixture", "c4=0.5", "--mixture", "books=0.4")

    def train(self, folder: Path, output: Path, *more: str | Path) -> str:
        return run("--from", folder, "--output", output, "--name", "mine", *self.OPTIONS, *more)

    def test_it_writes_the_same_model_and_card_again(self, folder: Path, tmp_path: Path) -> None:
        said = self.train(folder, tmp_path / "a", "--mixture", "code=0.1")
        assert self.train(folder, tmp_path / "b", "--mixture", "code=0.1") == said.replace("/a/", "/b/")
        for name in ("mine.model", "mine.card.json"):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert "  code: 2,000 of 2,000 (10.0% wished" in said
        assert f'tokens: {{tokenizer: "{tmp_path}/a/mine.model"}}' in said

    def test_the_card_says_how_of_what_and_how_good(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shipped = resolve("tokenizer-32k")
        (tmp_path / "other.model").write_bytes(shipped.path.read_bytes())
        monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
        output = run(
            "--from", folder, "--name", "mine", *self.OPTIONS, "--beside", tmp_path / "other.model",
            "--beside", "tokenizer-32k", "--json",
        )  # fmt: skip
        made = json.loads(output)
        assert made == card("mine")
        assert made["role"] == "tokenizer"
        assert made["command"] == (
            f"curate models train tokenizer --from {folder.name} --mixture c4=0.5 --mixture books=0.4 --vocabulary 420 "
            "--characters 20000 --name mine --beside other.model --beside tokenizer-32k"
        )
        assert str(tmp_path) not in output
        assert str(folder) not in output
        assert made["inputs"] == {name: file_sha256(folder / name) for name in ("b.jsonl", "c4.jsonl")}
        assert made["data"]["kinds"]["books"]["taken"] == made["data"]["kinds"]["books"]["wished"] == 8_889
        assert made["data"]["not_in_the_mixture"]["code"] > 0
        beside = made["measured"]["beside"]
        assert sorted(beside) == ["other.model", "tokenizer-32k"]
        assert beside["other.model"] == beside["tokenizer-32k"]
        assert beside["other.model"]["sha256"] == shipped.sha256
        assert beside["other.model"]["bytes"] == made["measured"]["bytes"]
        assert 1 < beside["other.model"]["bytes_per_token"] < made["measured"]["bytes_per_token"], (
            "it knows them by heart"
        )

    def test_a_model_measured_on_its_own_text_is_measured_on_what_was_held_out(
        self, folder: Path, tmp_path: Path
    ) -> None:
        self.train(folder, tmp_path / "out")
        path = tmp_path / "out" / "mine.model"
        file = ModelFile("mine", path, file_sha256(path))
        made = json.loads((tmp_path / "out" / "mine.card.json").read_bytes())
        # Wherever the files lie now, and whatever they are called.
        (tmp_path / "moved").mkdir()
        for name in ("b.jsonl", "c4.jsonl"):
            (tmp_path / "moved" / f"renamed-{name}").write_bytes((folder / name).read_bytes())
        found = evaluate(file, [tmp_path / "moved"])
        assert found["left_out"] > 90
        assert found["vocabulary"] == 420
        assert {key: found[key] for key in ("documents", "bytes", "tokens", "round_trip")} == {
            key: made["measured"][key] for key in ("documents", "bytes", "tokens", "round_trip")
        }

    def test_a_model_measured_on_other_text_is_measured_on_all_of_it(self, folder: Path, tmp_path: Path) -> None:
        self.train(folder, tmp_path / "out")
        path = tmp_path / "out" / "mine.model"
        (tmp_path / "new.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in sentences(50, 77)))
        found = evaluate(ModelFile("mine", path, file_sha256(path)), [tmp_path / "new.jsonl"])
        assert (found["documents"], found["left_out"]) == (50, 0)
        assert list(found["kinds"]) == ["text"]

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            (["--name", "tokenizer-32k"], "comes with curate"),
            (["--name", "a/b"], "--name"),
            (["--beside", "no-such-model"], "no model"),
            (["--beside", "kenlm-en"], "neither a SentencePiece model nor a tiktoken file"),
            (["--beside", "tokenizer-32k", "--beside", "tokenizer-32k"], "two tokenizers are called tokenizer-32k"),
            (["--mixture", "law=1"], "no text of the mixture's kinds"),
        ],
    )
    def test_what_cannot_be_done_is_one_line_to_the_user(
        self, folder: Path, tmp_path: Path, options: list[str], why: str
    ) -> None:
        with pytest.raises(UserError, match=why) as caught:
            run("--from", folder, "--output", tmp_path / "out", *options)
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.glob("out/*"))

    def test_without_text_it_says_how_to_name_it(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="--from"):
            run("--output", tmp_path)

    def test_a_model_that_is_there_stays_unless_it_may_be_replaced(self, folder: Path, tmp_path: Path) -> None:
        self.train(folder, tmp_path)
        before = (tmp_path / "mine.model").read_bytes()
        with pytest.raises(UserError, match="--overwrite"):
            self.train(folder, tmp_path, "--mixture", "code=5")
        assert (tmp_path / "mine.model").read_bytes() == before
        self.train(folder, tmp_path, "--mixture", "code=5", "--overwrite")
        assert (tmp_path / "mine.model").read_bytes() != before


def test_the_shipped_card_names_no_machine_and_says_what_was_measured() -> None:
    found = card("tokenizer-32k")
    assert found is not None
    written = json.dumps(found)
    assert all(mark not in written for mark in ("/tmp", "/work", "/root", "/home"))
    measured: dict[str, Any] = found["measured"]
    assert measured["round_trip"] == 1.0
    assert sum(kind["bytes"] for kind in measured["kinds"].values()) == measured["bytes"]
    assert found["sha256"] == resolve("tokenizer-32k").sha256
