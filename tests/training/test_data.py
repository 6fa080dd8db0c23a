"""The data of a run, from datasets on disk to what a rank is given."""

from __future__ import annotations

import pickle
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from curate.errors import UserError
from curate.storage import read_sealed, write_sealed
from curate.tokens import reader
from curate.tokens.reader import TokenDataset
from curate.training.data import IGNORED, Batch, Batches, Corpus, Source, split, targets
from curate.training.order import Mixture
from tests.tokens.conftest import build

SEQUENCE = 6


def documents(prefix: str, lengths: Sequence[int], first: int) -> dict[str, list[int]]:
    """Documents of tokens that occur nowhere else, so that a window says where it is from."""
    found, token = {}, first
    for i, length in enumerate(lengths):
        found[f"{prefix}-{i}"] = list(range(token, token + length))
        token += length
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sources of 3 shards: books in many row groups of about 40 tokens, wiki in few."""
    folder = tmp_path_factory.mktemp("data")
    books = documents("book", [1 + (7 * i * i + 3 * i) % 29 for i in range(60)], 1_000)
    wiki = documents("wiki", [1 + 5 * i % 14 for i in range(20)], 3_000)
    build(folder, {"books": books, "wiki": wiki}, shards=3, row_group_tokens=40)
    return str(folder)


@pytest.fixture(scope="module")
def corpus(root: str) -> Corpus:
    return Corpus([root])


def take(corpus: Corpus, steps: int, weights: dict[str, float] | None = None, **changes: Any) -> list[Batch]:
    arguments: dict[str, Any] = {"sequence": SEQUENCE, "batch_sequences": 12, "seed": 5} | changes
    with Batches(corpus, weights or {}, **arguments) as batches:
        return [next(batches) for _ in range(steps)]


def whole(ranks: Sequence[Sequence[Batch]]) -> list[np.ndarray]:
    """Global batches from what each rank was given."""
    steps = []
    for parts in zip(*ranks, strict=True):
        kept = [part.tokens[part.valid].numpy() for part in parts]
        rows = np.zeros((sum(map(len, kept)), SEQUENCE + 1), np.int64)
        for rank, part in enumerate(kept):
            rows[rank :: len(parts)] = part
        steps.append(rows)
    return steps


def all_windows(root: str, corpus: Corpus, name: str) -> list[tuple[int, ...]]:
    """Every window to train on of a source, found the plain way."""
    dataset, found = TokenDataset.open(root), []
    for group, start, stop in zip(*corpus.splits[name].train, strict=True):
        tokens = dataset.read_row_group(name, int(group))[0][start:stop].tolist()
        found += [tuple(tokens[i : i + SEQUENCE + 1]) for i in range(0, len(tokens) - SEQUENCE, SEQUENCE)]
    return found


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_every_window_is_read_once_an_epoch_on_any_number_of_ranks(root: str, corpus: Corpus, ranks: int) -> None:
    expected = sorted(all_windows(root, corpus, "books"))
    size = len(expected)
    assert size > 50
    steps = -(-2 * size // 7)
    parts = [take(corpus, steps, {"books": 1}, batch_sequences=7, rank=r, ranks=ranks) for r in range(ranks)]
    read = [tuple(row) for row in np.concatenate(whole(parts)).tolist()]
    assert sorted(read[:size]) == expected
    assert sorted(read[size : 2 * size]) == expected
    assert read[:size] != read[size : 2 * size]


def test_windows_cover_every_token_but_less_than_a_window_at_the_end_of_each_row_group(
    root: str, corpus: Corpus
) -> None:
    dataset, train = TokenDataset.open(root), corpus.splits["books"].train
    predicted = Counter(token for window in all_windows(root, corpus, "books") for token in window[1:])
    source = corpus.source("books", SEQUENCE, 0)
    assert predicted == Counter(token for window in source for token in window[1:].tolist())
    left = 0
    for group in train.groups.tolist():
        tokens = dataset.read_row_group("books", group)[0].tolist()
        tail = (len(tokens) - 1) % SEQUENCE
        left += 1 + tail
        predicted.update([tokens[0], *tokens[len(tokens) - tail :]])
    assert predicted == Counter(
        token for group in train.groups.tolist() for token in dataset.read_row_group("books", group)[0].tolist()
    )
    assert left <= len(train.groups) * SEQUENCE


@pytest.mark.parametrize(("ranks", "micro_batch"), [(1, 5), (2, 1), (3, 2), (5, 3), (16, 1)])
def test_the_global_batch_is_the_same_on_any_number_of_ranks(corpus: Corpus, ranks: int, micro_batch: int) -> None:
    mixture = {"books": 0.7, "wiki": 0.3}
    alone = take(corpus, 4, mixture)
    parts = [take(corpus, 4, mixture, rank=r, ranks=ranks, micro_batch=micro_batch) for r in range(ranks)]
    for one, many in zip(alone, whole(parts), strict=True):
        assert np.array_equal(one.tokens.numpy(), many)
    for step in zip(*parts, strict=True):
        sizes = {len(part.tokens) for part in step}
        assert len(sizes) == 1
        assert sizes.pop() == -(-12 // (ranks * micro_batch)) * micro_batch
        assert all(part.state_after == step[0].state_after for part in step)


def test_sequences_that_fill_up_a_rank_are_marked(corpus: Corpus) -> None:
    (batch,) = take(corpus, 1, rank=4, ranks=5, micro_batch=2)
    assert batch.valid.tolist() == [True, True, False, False]
    assert batch.sources[2:].tolist() == [-1, -1]
    assert not batch.tokens[2:].any()


def test_each_sequence_is_of_the_source_it_names(corpus: Corpus) -> None:
    for batch in take(corpus, 5, {"books": 1, "wiki": 2}):
        for row, source in zip(batch.tokens.tolist(), batch.sources.tolist(), strict=True):
            of_wiki = [token >= 3_000 for token in row if token > 2]
            assert all(of_wiki) if source == 1 else not any(of_wiki)


def test_a_mixture_is_held_to_across_steps(corpus: Corpus) -> None:
    batches = take(corpus, 10, {"books": 0.75, "wiki": 0.25}, batch_sequences=7)
    chosen = np.concatenate([batch.sources for batch in batches])
    assert chosen.tolist() == Mixture({"books": 0.75, "wiki": 0.25}).take(70).tolist()
    assert batches[-1].state_after["counts"] == {"books": 53, "wiki": 17}


def test_without_weights_sources_go_by_their_tokens_and_one_too_short_is_left_out(tmp_path: Path) -> None:
    sources = {"a": documents("a", [30] * 20, 100), "b": documents("b", [30] * 10, 900), "c": {"c": [2000]}}
    build(tmp_path, sources, shards=1, row_group_tokens=64)
    corpus = Corpus([str(tmp_path)], held_out_shards=0)
    with Batches(corpus, {}, SEQUENCE, 4, 0) as batches:
        assert batches.names == ["a", "b"]
        assert batches.weights == pytest.approx({"a": 2 / 3, "b": 1 / 3})
        assert next(batches).state_after["counts"] == {"a": 3, "b": 1, "c": 0}


@pytest.mark.parametrize("before", [1, 9, 23])
def test_a_resume_in_mid_epoch_goes_on_exactly_whatever_the_ranks(corpus: Corpus, before: int) -> None:
    mixture = {"books": 0.6, "wiki": 0.4}
    straight = take(corpus, before + 4, mixture)
    state = straight[before - 1].state_after
    assert state["counts"]["books"] % len(corpus.source("books", SEQUENCE, 5))
    again = whole([take(corpus, 4, mixture, rank=r, ranks=3, state=state) for r in range(3)])
    for one, other in zip(straight[before:], again, strict=True):
        assert np.array_equal(one.tokens.numpy(), other)


def test_a_state_is_json_and_is_of_the_batch_delivered_not_of_one_read_ahead(corpus: Corpus) -> None:
    with Batches(corpus, {"books": 1}, SEQUENCE, 12, 5) as batches:
        assert batches.state["counts"] == {"books": 0, "wiki": 0}
        first = next(batches)
        time.sleep(0.1)
        assert first.state_after["counts"] == batches.state["counts"] == {"books": 12, "wiki": 0}
        next(batches)
        assert first.state_after["counts"]["books"] == 12
        assert batches.state["counts"]["books"] == 24
    assert first.state_after == {
        "counts": {"books": 12, "wiki": 0},
        "fingerprint": corpus.fingerprint,
        "held_out_shards": 1,
        "sequence": SEQUENCE,
        "seed": 5,
    }


@pytest.mark.parametrize(
    ("key", "value"), [("fingerprint", "0" * 64), ("sequence", 7), ("seed", 6), ("held_out_shards", 2)]
)
def test_a_state_of_another_run_is_refused_and_the_difference_said(corpus: Corpus, key: str, value: Any) -> None:
    (batch,) = take(corpus, 1)
    with pytest.raises(UserError, match=f"{key} {value}"):
        take(corpus, 1, state=batch.state_after | {key: value})


def test_a_state_that_counts_a_source_the_data_lacks_is_refused(corpus: Corpus) -> None:
    state = take(corpus, 1)[0].state_after
    with pytest.raises(UserError, match="poems"):
        take(corpus, 1, state=state | {"counts": {"poems": 3}})


def test_the_stream_never_changes(corpus: Corpus) -> None:
    """Two tokens of each window. A change here breaks every checkpoint of every run under way."""
    batches = take(corpus, 2, {"books": 0.5, "wiki": 0.5}, batch_sequences=4, sequence=8)
    assert [batch.tokens[:, 3:5].tolist() for batch in batches] == [
        [[1226, 1227], [3006, 2], [1037, 1038], [2, 1]],
        [[1206, 1207], [2, 1], [1301, 1302], [3137, 3138]],
    ]


def test_weights_that_cannot_be_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"names poems; the data has books, wiki"):
        take(corpus, 1, {"books": 1, "poems": 1})
    with pytest.raises(UserError, match="every weight"):
        take(corpus, 1, {"books": 0})
    with pytest.raises(UserError, match=r"books, wiki: not 401 tokens in a row"):
        take(corpus, 1, sequence=400)
    build(tmp_path, {"a": documents("a", [40] * 9, 10), "b": {"b": [9]}}, shards=1)
    with pytest.raises(UserError, match="b: not 7 tokens in a row"):
        take(Corpus([str(tmp_path)]), 1, {"a": 1, "b": 1})


def test_what_goes_wrong_while_reading_ahead_reaches_the_caller(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("the disk is gone")

    monkeypatch.setattr(TokenDataset, "read_row_group", broken)
    with Batches(corpus, {}, SEQUENCE, 12, 5) as batches:
        for _ in range(2):
            with pytest.raises(OSError, match="the disk is gone"):
                next(batches)


def test_batches_end_their_thread_when_closed_or_let_go(corpus: Corpus) -> None:
    def reading() -> int:
        return sum(thread.name == "batches" for thread in threading.enumerate())

    batches = Batches(corpus, {}, SEQUENCE, 12, 5)
    assert reading() == 1
    batches.close()
    assert reading() == 0
    with pytest.raises(StopIteration):
        next(batches)
    kept = Batches(corpus, {}, SEQUENCE, 12, 5)
    next(kept)
    del kept
    for _ in range(100):
        if not reading():
            break
        time.sleep(0.05)
    assert reading() == 0


def test_a_source_is_a_map_style_dataset(root: str, corpus: Corpus) -> None:
    source = corpus.source("books", SEQUENCE, 5)
    epoch = [source[n] for n in range(len(source))]
    assert all(window.dtype == np.int64 and window.shape == (SEQUENCE + 1,) for window in epoch)
    assert sorted(map(tuple, np.stack(epoch).tolist())) == sorted(all_windows(root, corpus, "books"))
    assert np.array_equal(np.stack(list(source)), np.stack(epoch))
    again: Source = pickle.loads(pickle.dumps(source))
    assert not again._resident, "decoded tokens were pickled"
    assert np.array_equal(again[3], epoch[3])
    loaded = DataLoader(source, batch_size=5, num_workers=2)
    assert torch.cat(list(loaded)).tolist() == np.stack(epoch).tolist()


def test_no_more_row_groups_are_resident_than_a_block(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    split = corpus.splits["books"]
    source = corpus.source("books", SEQUENCE, 5)
    small = Source(source.dataset, "books", split.train, SEQUENCE, 5, block=3)
    decoded: list[int] = []
    read = TokenDataset.read_row_group
    monkeypatch.setattr(TokenDataset, "read_row_group", lambda *of: (decoded.append(of[2]), read(*of))[1])
    most = 0
    for first in range(0, len(small) - 4, 4):
        small.__getitems__(list(range(first, first + 4)))
        most = max(most, len(small._resident))
    assert len(split.train.groups) > 6
    assert most == 3
    assert len(decoded) == len(set(decoded)), "a row group was decoded twice in an epoch read forward"


def tokens_of(root: str, name: str, spans: Any) -> list[int]:
    dataset = TokenDataset.open(root)
    return [
        token
        for group, start, stop in zip(*spans, strict=True)
        for token in dataset.read_row_group(name, int(group))[0][start:stop].tolist()
    ]


@pytest.mark.parametrize(("asked", "held"), [(1, 1), (2, 2), (3, 2), (9, 2)])
def test_whole_last_shards_are_held_out_and_one_is_always_left(root: str, asked: int, held: int) -> None:
    dataset = TokenDataset.open(root)
    found = split(dataset, "books", asked)
    files = dataset.row_groups("books").column("file").to_pylist()
    shards = sorted(set(files))
    assert {files[group] for group in found.held_out.groups} == set(shards[-held:])
    assert {files[group] for group in found.train.groups} == set(shards[:-held])
    everything = [token for _, tokens in dataset.documents("books") for token in tokens.tolist()]
    assert tokens_of(root, "books", found.train) + tokens_of(root, "books", found.held_out) == everything
    assert f"the last {held} of 3 shards held out: {found.held_out.tokens:,} of {len(everything):,} tokens" == found.how


@pytest.mark.parametrize("row_group_tokens", [10_000, 300, 20])
def test_the_last_documents_of_a_single_shard_are_held_out(tmp_path: Path, row_group_tokens: int) -> None:
    build(tmp_path, {"a": documents("a", [18] * 50, 10)}, shards=1, row_group_tokens=row_group_tokens)
    dataset = TokenDataset.open(str(tmp_path))
    found = split(dataset, "a", 1)
    train, rest = tokens_of(str(tmp_path), "a", found.train), tokens_of(str(tmp_path), "a", found.held_out)
    assert train + rest == [token for _, tokens in dataset.documents("a") for token in tokens.tolist()]
    assert len(rest) == 100
    assert rest[0] == 1
    assert found.how == "the end of its one shard held out: 100 of 1,000 tokens"


def test_a_single_document_is_cut_and_nothing_is_held_out_where_none_is_asked_for(tmp_path: Path) -> None:
    build(tmp_path, {"a": {"a": list(range(10, 108))}}, shards=1)
    dataset = TokenDataset.open(str(tmp_path))
    found = split(dataset, "a", 1)
    assert (found.train.tokens, found.held_out.tokens) == (90, 10)
    none = split(dataset, "a", 0)
    assert (none.train.tokens, none.held_out.tokens, none.how) == (100, 0, "nothing is held out")


def test_held_out_windows_are_never_trained_on(root: str, corpus: Corpus) -> None:
    windows = corpus.held_out("books", SEQUENCE, 1000)
    trained = {token for window in corpus.source("books", SEQUENCE, 0) for token in window.tolist()} - {1, 2}
    assert len(windows) > 10
    assert not trained & set(windows.ravel().tolist())
    assert corpus.held_out("books", SEQUENCE, 3).tolist() == windows[:3].tolist()
    assert corpus.held_out("books", 400, 3).shape == (0, 401)
    at = tokens_of(root, "books", corpus.splits["books"].held_out)
    assert windows[0].tolist() == at[: SEQUENCE + 1]
    assert windows[1].tolist() == at[SEQUENCE : 2 * SEQUENCE + 1]


def test_windows_begin_where_their_spans_do(tmp_path: Path) -> None:
    build(tmp_path, {"a": documents("a", [18] * 50, 10)}, shards=1, row_group_tokens=10_000)
    corpus = Corpus([str(tmp_path)])
    rest = tokens_of(str(tmp_path), "a", corpus.splits["a"].held_out)
    expected = [rest[i : i + SEQUENCE + 1] for i in range(0, len(rest) - SEQUENCE, SEQUENCE)]
    assert corpus.held_out("a", SEQUENCE, 100).tolist() == expected
    source = Source(TokenDataset.open(str(tmp_path)), "a", corpus.splits["a"].held_out, SEQUENCE, 0)
    assert sorted(window.tolist() for window in source) == sorted(expected)


def some(folder: Path, *sources: str, **options: Any) -> str:
    build(folder, {name: documents(name, [20] * 9, 100) for name in sources}, shards=1, **options)
    return str(folder)


def test_several_datasets_make_a_corpus_and_names_that_clash_are_told_apart(tmp_path: Path) -> None:
    first = some(tmp_path / "cc-2019" / "tokens", "web", "books")
    second = some(tmp_path / "cc-2020", "web", seed=8)
    corpus = Corpus([str(tmp_path / "cc-2019"), second])
    assert corpus.names == ["books", "cc-2019/web", "cc-2020/web"]
    assert corpus.fingerprint == Corpus([second, first]).fingerprint
    assert corpus.fingerprint not in {Corpus([first]).fingerprint, Corpus([second]).fingerprint}
    assert Corpus([first]).fingerprint == TokenDataset.open(first).fingerprint
    (batch,) = take(corpus, 1)
    assert sum(batch.state_after["counts"].values()) == 12
    with pytest.raises(UserError, match="both have a source cc-2020/web"):
        Corpus([second, second])


def test_datasets_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    first = some(tmp_path / "a", "a")
    with pytest.raises(UserError, match="cannot be trained on together"):
        Corpus([first, some(tmp_path / "b", "b", delimiters="eos")])
    other = tmp_path / "c"
    some(other, "c")
    manifest = read_sealed(str(other / "manifest.json"))
    manifest["tokenizer"]["sha256"] = "1" * 64
    write_sealed(str(other / "manifest.json"), manifest)
    with pytest.raises(UserError, match="cannot be trained on together"):
        Corpus([first, str(other)])
    with pytest.raises(UserError, match="not a whole token dataset"):
        Corpus([str(tmp_path)])
    with pytest.raises(UserError, match="no data"):
        Corpus([])


def test_a_corpus_knows_its_delimiters(tmp_path: Path) -> None:
    both, end = Corpus([some(tmp_path / "a", "a")]), Corpus([some(tmp_path / "b", "b", delimiters="eos")])
    assert (both.bos_id, both.eos_id, both.vocab_size) == (1, 2, 32_000)
    assert (end.bos_id, end.eos_id) == (-1, 2)


def test_targets_are_the_next_tokens_and_sequences_that_fill_up_have_none() -> None:
    tokens = torch.tensor([[1, 7, 8, 2, 1, 9, 2], [0] * 7])
    inputs, wanted, numbers = targets(tokens, torch.tensor([True, False]), False, eos=2, bos=1)
    assert inputs.tolist() == [[1, 7, 8, 2, 1, 9], [0] * 6]
    assert wanted.tolist() == [[7, 8, 2, 1, 9, 2], [IGNORED] * 6]
    assert numbers is None
    assert tokens.tolist() == [[1, 7, 8, 2, 1, 9, 2], [0] * 7]


@pytest.mark.parametrize(
    ("bos", "eos", "tokens", "wanted", "numbers"),
    [
        (1, 2, [8, 2, 1, 7, 2, 1, 9], [2, IGNORED, 7, 2, IGNORED, 9], [0, 0, 1, 1, 1, 2]),
        (-1, 2, [8, 2, 7, 7, 2, 9, 9], [2, IGNORED, 7, 2, IGNORED, 9], [0, 0, 1, 1, 1, 2]),
        (2, 2, [8, 2, 2, 7, 2, 2, 9], [2, IGNORED, 7, 2, IGNORED, 9], [0, 0, 1, 1, 1, 2]),
    ],
)
def test_with_a_document_mask_no_document_predicts_the_next(
    bos: int, eos: int, tokens: list[int], wanted: list[int], numbers: list[int]
) -> None:
    _, found, documents_of = targets(torch.tensor([tokens]), torch.tensor([True]), True, eos, bos)
    assert found.tolist() == [wanted]
    assert documents_of is not None
    assert documents_of.tolist() == [numbers]


def test_a_dataset_is_read_by_several_threads_at_once(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that a thread closes and forgets with every step: what another is reading, if they shared.
    monkeypatch.setattr(reader, "_OPEN_FILES", 1)
    monkeypatch.setattr(reader, "_CACHED_GROUPS", 1)
    dataset = TokenDataset.open(root)
    expected = [tokens.tolist() for tokens in dataset]
    reads: list[Callable[[], list[list[int]]]] = [
        lambda: [tokens.tolist() for tokens in dataset],
        lambda: [dataset[i].tolist() for i in range(len(dataset))],
    ] * 3
    with ThreadPoolExecutor(6) as pool:
        assert all(found == expected for found in pool.map(lambda read: read(), reads))
