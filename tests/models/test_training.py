"""CCNet's perplexity model trained from scratch, tiny, on text made here."""

from __future__ import annotations

import random
from pathlib import Path

import kenlm
import pytest
import sentencepiece

from curate.errors import UserError
from curate.models import kenlm_tools
from curate.models.perplexity import PerplexityModel
from curate.models.train_kenlm import Recipe, train_ngrams, train_unigram

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


def test_missing_tools_are_named_with_the_command_that_builds_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CURATE_KENLM_BIN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"python -m curate\.models\.kenlm_tools"):
        kenlm_tools.find_tool("lmplz")
    with pytest.raises(UserError, match=r"apt-get install g\+\+ make"):
        kenlm_tools.build(tmp_path / "kenlm.tar.gz", tmp_path)
