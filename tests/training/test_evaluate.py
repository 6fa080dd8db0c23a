"""Scores are those of a brute force that predicts every token by itself; text is written as its rule says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.tokens.tokenizer import load_tokenizer
from curate.training.corpus import Corpus
from curate.training.evaluate import (
    Score,
    choose,
    evaluate_data,
    generate,
    generate_ids,
    perplexity,
    rolling,
    score_continuations,
    score_ids,
    score_text,
)
from curate.training.model import Llama
from curate.training.vocabulary import read_vocabulary
from tests.tokens.conftest import build

TEXT = "A corpus is read once, line by line; 東京 and 3.14 are in it too. " * 4


def logs(model: Llama, ids: list[int]) -> torch.Tensor:
    """log-probabilities of what follows ids, in double precision."""
    return model(torch.tensor([ids]))[0, -1].double().log_softmax(-1)


def brute(model: Llama, ids: list[int], stride: int) -> float:
    """Each id by itself, given what the stride leaves it."""
    nats, context = 0.0, model.config.context
    for place in range(1, len(ids)):
        last = min(len(ids) - 1, (place - 1) // stride * stride + stride)
        nats -= float(logs(model, ids[max(0, last - context) : place])[ids[place]])
    return nats


def random_ids(count: int, seed: int = 0) -> list[int]:
    return [1, *np.random.default_rng(seed).integers(3, 32_000, count - 1).tolist()]


@pytest.mark.parametrize("stride", [1, 5, 16, 32])
@pytest.mark.parametrize("length", [2, 17, 32, 33, 34, 90])
def test_every_id_is_scored_once_with_the_context_its_stride_leaves(model: Llama, stride: int, length: int) -> None:
    ids = random_ids(length)
    assert score_ids(model, ids, stride=stride, batch=3) == pytest.approx(brute(model, ids, stride), rel=1e-5)


@given(st.integers(0, 200), st.integers(1, 40), st.data())
def test_windows_predict_every_id_once_and_leave_it_enough(length: int, context: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, context))
    predicted = []
    for begin, first, end in rolling(length, context, stride):
        assert 0 <= begin < first <= end < length
        assert end - begin <= context
        assert begin == 0 or first - begin > context - stride
        predicted += range(first, end + 1)
    assert predicted == list(range(1, length))


@pytest.mark.parametrize("stride", [0, 33])
def test_a_stride_that_would_leave_ids_out_is_refused(model: Llama, stride: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        score_ids(model, random_ids(40), stride=stride)


def test_a_text_is_scored_from_its_begin_by_half_contexts(model: Llama, tokenizer_file: Path) -> None:
    tokenizer = load_tokenizer(str(tokenizer_file), "t")
    ids = [1, *tokenizer.encode_batch([TEXT])[0].tolist()]
    score = score_text(model, tokenizer, TEXT, 1)
    assert (score.tokens, score.bytes) == (len(ids) - 1, len(TEXT.encode()))
    assert score.nats == pytest.approx(brute(model, ids, 16), rel=1e-5)
    assert score.loss == pytest.approx(score.nats / score.tokens)
    assert score.perplexity == pytest.approx(math.exp(score.loss))
    assert score.bits_per_byte == pytest.approx(score.nats / math.log(2) / len(TEXT.encode()))


def test_an_empty_text_has_no_loss(model: Llama, tokenizer_file: Path) -> None:
    score = score_text(model, load_tokenizer(str(tokenizer_file), "t"), "", 1)
    assert (score.nats, score.tokens, score.bits_per_byte) == (0.0, 0, None)
    assert math.isnan(score.loss)
    assert math.isnan(score.perplexity)


def test_a_hopeless_loss_is_an_infinite_perplexity_not_an_error() -> None:
    assert Score(1e4, 10).perplexity == math.inf


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_windows_are_scored_as_a_brute_force_does(model: Llama, batch: int) -> None:
    windows = np.array([random_ids(13, seed) for seed in range(5)])
    expected = -sum(float(logs(model, row[:i])[row[i]]) for row in windows.tolist() for i in range(1, 13))
    score = perplexity(model, windows, batch=batch)
    assert score.nats == pytest.approx(expected, rel=1e-5)
    assert (score.tokens, score.bytes) == (60, None)


def test_with_a_document_mask_a_document_is_scored_by_itself(model: Llama) -> None:
    first, second = [1, 7, 8, 9, 2], [1, 70, 80, 2]
    score = perplexity(model, np.array([first + second]), document_mask=True, eos=2, bos=1)
    expected = -sum(float(logs(model, ids[:i])[ids[i]]) for ids in (first, second) for i in range(1, len(ids)))
    assert score.nats == pytest.approx(expected, rel=1e-5)
    assert score.tokens == 7


def test_every_source_is_scored_on_what_was_held_out(model: Llama, tmp_path: Path, tokenizer_file: Path) -> None:
    tokenizer = load_tokenizer(str(tokenizer_file), "t")
    texts = [f"{TEXT[: 40 + number]} page {number}" for number in range(30)]
    documents = {f"d{i}": ids.tolist() for i, ids in enumerate(tokenizer.encode_batch(texts))}
    build(tmp_path, {"web": documents, "books": documents}, shards=3, row_group_tokens=100)
    corpus = Corpus([str(tmp_path)], 1)
    vocabulary = read_vocabulary(tokenizer_file.read_bytes())
    scores = evaluate_data(model, corpus, sequence=16, limit=6, vocabulary=vocabulary)
    assert set(scores) == {"books", "web"}
    for name, score in scores.items():
        windows = corpus.held_out(name, 16, 6)
        assert score == perplexity(model, windows, vocabulary=vocabulary)
        assert score.tokens == windows[:, 1:].size > 0
        text = tokenizer.decode(windows.ravel()).encode()
        assert score.bytes == pytest.approx(len(text), rel=0.2)
    assert evaluate_data(model, corpus)["web"].tokens % 32 == 0  # windows of the whole context


def test_tokens_beyond_the_models_vocabulary_are_refused(model: Llama, tmp_path: Path) -> None:
    build(tmp_path, {"web": {f"d{i}": [5, 6, 7] * 20 for i in range(9)}}, vocab_size=32_001)
    with pytest.raises(UserError, match="32,001"):
        evaluate_data(model, Corpus([str(tmp_path)], 1))


def test_continuations_are_scored_as_a_brute_force_does(model: Llama) -> None:
    ids = random_ids(60)
    best: list[int] = [1, 50, 60]
    for _ in range(3):
        best.append(int(logs(model, best).argmax()))
    pairs = [
        (ids[:1], ids[1:4]),
        (ids[:20], ids[20:29]),
        (best[:3], best[3:]),
        (best[:3], [*best[3:5], (best[5] + 1) % 32_000]),
        (ids[:30], ids[30:33]),  # 33 ids: the first of them is seen
        (ids[:31], ids[31:34]),  # 34: it is not
        (ids[:50], ids[50:51]),
        (ids[:5], []),
        (ids[:1], ids[1:33]),  # as long as the context
    ]
    for batch in (1, 4):
        for (before, after), (log, greedy) in zip(pairs, score_continuations(model, pairs, batch=batch), strict=True):
            whole = [*before, *after][-33:]
            expected, all_best = 0.0, True
            for place in range(len(whole) - len(after), len(whole)):
                chances = logs(model, whole[:place])
                expected += float(chances[whole[place]])
                all_best &= int(chances.argmax()) == whole[place]
            assert log == pytest.approx(expected, rel=1e-5, abs=1e-9)
            assert greedy == all_best
    assert [greedy for _, greedy in score_continuations(model, pairs[2:4])] == [True, False]


@pytest.mark.parametrize("pair", [([], [5]), ([1], [5] * 33)])
def test_a_continuation_that_cannot_be_scored_is_refused(model: Llama, pair: tuple[list[int], list[int]]) -> None:
    with pytest.raises(ValueError, match="continuation"):
        score_continuations(model, [pair])


def test_at_temperature_0_the_likeliest_follows_even_past_the_context(model: Llama) -> None:
    ids = random_ids(28)
    expected = list(ids)
    for _ in range(10):
        expected.append(int(logs(model, expected[-32:]).argmax()))
    assert generate_ids(model, ids, 10, temperature=0) == expected[28:]


def test_the_same_seed_writes_the_same_and_another_seed_something_else(model: Llama) -> None:
    written = [generate_ids(model, [1], 12, seed=seed, temperature=1.5) for seed in (3, 3, 4)]
    assert written[0] == written[1] != written[2]
    assert len(written[0]) == 12


def test_ids_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.tensor([0.0, 2.0, 1.0, -30.0])
    generator = torch.Generator().manual_seed(0)
    for temperature in (1.0, 0.5):
        drawn = torch.tensor([choose(logits, temperature, 1.0, generator) for _ in range(4000)])
        counts = torch.bincount(drawn, minlength=4) / 4000
        torch.testing.assert_close(counts, (logits / temperature).softmax(-1), rtol=0, atol=0.03)


@pytest.mark.parametrize(("top_p", "drawn"), [(0.5, {1}), (0.66, {1, 2}), (0.9, {1, 2}), (0.92, {0, 1, 2}), (0.0, {1})])
def test_top_p_keeps_the_likeliest_that_together_reach_it(top_p: float, drawn: set[int]) -> None:
    """Holtzman et al. 2020, §3.1. Probabilities here are 0.65, 0.26 and 0.09."""
    logits = torch.tensor([0.09, 0.65, 0.26]).log()
    generator = torch.Generator().manual_seed(0)
    assert {choose(logits, 1.0, top_p, generator) for _ in range(300)} == drawn


def test_a_sample_begins_with_its_prompt_and_ends_with_the_document(model: Llama, tokenizer_file: Path) -> None:
    tokenizer = load_tokenizer(str(tokenizer_file), "t")
    assert generate(model, tokenizer, "The corpus", 0, begin=1) == "The corpus"
    text = generate(model, tokenizer, "The corpus", 9, begin=1, seed=2)
    assert text.startswith("The corpus")
    assert len(text) > len("The corpus")
    assert text == generate(model, tokenizer, "The corpus", 9, begin=1, seed=2)


def test_writing_stops_where_it_is_told_to(model: Llama) -> None:
    whole = generate_ids(model, [1], 12, seed=3)
    assert generate_ids(model, [1], 12, seed=3, stop=lambda written: written[-1:] == [whole[4]]) == whole[:5]
