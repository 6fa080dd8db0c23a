"""CCNet's perplexity model trained from scratch, tiny, on text made here."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import kenlm
import pytest
import sentencepiece
from typer.testing import CliRunner

from curate.cli import app
from curate.errors import UserError
from curate.models import kenlm_tools
from curate.models.kenlm_cli import FEW_PAGES
from curate.models.perplexity import PerplexityModel
from curate.models.train_kenlm import Recipe, train_ngrams, train_unigram
from curate.text.page import Page
from filters.perplexity import Perplexity
from pipelines.chain import build_chain

NOUNS = tuple("harbour bridge keeper lantern ferry window garden letter engine river teacher market".split())  # noqa: SIM905
VERBS = tuple("opened repaired painted crossed followed remembered sold measured".split())  # noqa: SIM905


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [
        f"the old {rng.choice(NOUNS)} {rng.choice(VERBS)} a {rng.choice(NOUNS)} near the {rng.choice(NOUNS)} "
        f"in {rng.randrange(1800, 2000)}."
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def kenlm_is_built() -> None:
    try:
        for tool in kenlm_tools.TOOLS:
            kenlm_tools.find_tool(tool)
    except UserError as error:
        pytest.skip(str(error))


def test_the_vocabulary_falls_back_to_what_the_text_supports() -> None:
    lines = sentences(300)
    exact = sentencepiece.SentencePieceProcessor(model_proto=train_unigram(lines, [100_000, 80]))
    assert exact.get_piece_size() == 80
    fitted = sentencepiece.SentencePieceProcessor(model_proto=train_unigram(lines, [100_000, 90_000]))
    assert 20 < fitted.get_piece_size() < 90_000


def test_no_text_is_a_clear_error() -> None:
    with pytest.raises(UserError, match="too little text"):
        train_unigram([])


@pytest.mark.usefixtures("kenlm_is_built")
def test_a_trained_model_prefers_the_language_it_saw(tmp_path: Path) -> None:
    lines = sentences(600)
    tokenizer, model = tmp_path / "sp.model", tmp_path / "lm.binary"
    tokenizer.write_bytes(train_unigram(lines, [120]))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    pieces = [processor.encode(line, out_type=str) for line in lines]
    recipe = Recipe("en", prune=(0, 0, 1, 1, 1), quantize=8, memory="64M")
    train_ngrams(iter(pieces), model, recipe, tmp_path)
    assert kenlm.Model(str(model)).order == 5
    scorer = PerplexityModel(tokenizer, model)
    unseen, reversed_words = sentences(1, seed=9)[0], " ".join(sentences(1, seed=9)[0].split()[::-1])
    good, bad = scorer(unseen), scorer(reversed_words)
    assert good is not None
    assert bad is not None
    assert good < bad
    again = tmp_path / "again.binary"
    train_ngrams(iter(pieces), again, recipe, tmp_path)
    assert again.read_bytes() == model.read_bytes(), "the same text gives the same bytes"


def texts_of(documents: int, seed: int) -> list[str]:
    return ["\n".join(sentences(9, seed + number)) for number in range(documents)]


def pages_of(documents: int) -> list[str]:
    """Texts with more and more of their words in another order."""
    rng, found = random.Random(0), []
    for number, text in enumerate(texts_of(documents, 1000)):
        words = text.split(" ")
        for _ in range(number // 4):
            one, other = rng.sample(range(len(words)), 2)
            words[one], words[other] = words[other], words[one]
        found.append(" ".join(words))
    return found


def write_texts(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text, "language": "en"}) + "\n" for text in texts))
    return path


@pytest.mark.usefixtures("kenlm_is_built")
def test_the_commands_train_and_calibrate_a_model_that_a_manifest_takes_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_texts(tmp_path / "texts.jsonl", texts_of(60, 0))
    write_texts(tmp_path / "pages.jsonl", pages_of(FEW_PAGES))
    write_texts(tmp_path / "few.jsonl", pages_of(FEW_PAGES)[1:])
    command = "models train kenlm --lang en --from texts.jsonl --name mine --vocabulary 120 --licence CC0-1.0"
    for folder in ("one", "two"):
        monkeypatch.setenv("CURATE_MODELS", folder)
        done = CliRunner().invoke(app, [*command.split(), "--memory", "64M"])
        assert done.exit_code == 0, done.output
        assert "curate models calibrate mine" in done.stdout
    made = json.loads(Path("one/mine.card.json").read_text())
    assert made["command"] == f"curate {command}"
    for name in ("mine.binary", "mine-sp.model", "mine.card.json", "mine-sp.card.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()
    few = CliRunner().invoke(app, ["models", "calibrate", "mine", "--on", "few.jsonl"])
    assert "few pages" in few.stdout
    enough = CliRunner().invoke(app, ["models", "calibrate", "mine", "--on", "pages.jsonl"])
    assert "few pages" not in enough.stdout
    [filter_] = build_chain({"perplexity": {"models": {"en": "mine"}}}, "manifest")
    assert isinstance(filter_, Perplexity)
    scores = [filter_.measure(Page(text, language="en"))["perplexity"] for text in pages_of(FEW_PAGES)]
    buckets = Counter(filter_.bucket(float(str(score)), "en") for score in scores)
    assert buckets["head"] == pytest.approx(0.3 * FEW_PAGES, abs=3)
    assert buckets["tail"] == pytest.approx(0.4 * FEW_PAGES, abs=3)


@pytest.mark.usefixtures("kenlm_is_built")
def test_with_nothing_held_out_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path / "models"))
    texts = write_texts(tmp_path / "texts.jsonl", texts_of(2, 0))
    command = [
        "models",
        "train",
        "kenlm",
        "--lang",
        "en",
        "--from",
        str(texts),
        "--vocabulary",
        "60",
        "--held-out",
        "1",
    ]
    done = CliRunner().invoke(app, [*command, "--name", "mine", "--memory", "64M"])
    assert done.exit_code == 0, done.output
    assert "none: there are too few documents" in done.stdout


def test_missing_tools_are_named_with_the_command_that_builds_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CURATE_KENLM_BIN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"python -m curate\.models\.kenlm_tools"):
        kenlm_tools.find_tool("lmplz")
    with pytest.raises(UserError, match=r"apt-get install g\+\+ make"):
        kenlm_tools.build(tmp_path / "kenlm.tar.gz", tmp_path)
