"""The data of a run: sources of one or more `tokens/v1` datasets, what of each is held out, and its windows."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from curate.errors import UserError
from curate.storage import exists, join
from curate.tokens.reader import TokenDataset
from curate.tokens.schema import DELIMITERS, MANIFEST, Tokens
from curate.training.order import Integers, Order, windows_in

# Row groups a source's windows are shuffled among, and kept decoded: 8 MB each with 16-bit tokens.
BLOCK = 8

# Of a source that is one part file, this much is held out.
_HELD_OUT = 0.1


class Spans(NamedTuple):
    """Runs of a source's tokens: [start, stop) of each of these row groups. int64, all of one length."""

    groups: Integers
    starts: Integers
    stops: Integers

    @property
    def tokens(self) -> int:
        return int((self.stops - self.starts).sum())


@dataclass(frozen=True, slots=True)
class Split:
    """What of a source is trained on and what is not; `how` says it in words."""

    train: Spans
    held_out: Spans
    how: str


def split(dataset: TokenDataset, source: str, held_out_shards: int) -> Split:
    """Hold out the last shards of a source, all but one at most; of a single shard, the last tenth of its tokens.

    Documents are in the order of a hash, so the end of a source is a random sample of it. A tenth begins at the
    document boundary nearest to it (and in mid-document where a document is larger than that).
    """
    tokens = dataset.tokens_in_row_groups(source)
    files = dataset.row_groups(source).column("file").to_pylist()
    shards = list(dict.fromkeys(files))
    total = int(tokens.sum())
    ends = np.cumsum(tokens)
    if held_out_shards == 0 or not shards:
        cut, how = total, "nothing is held out"
    elif len(shards) > 1:
        count = min(held_out_shards, len(shards) - 1)
        first = files.index(shards[-count])
        cut, how = int(ends[first] - tokens[first]), f"the last {count} of {len(shards)} shards held out"
    else:
        cut, how = _boundary(dataset, source, ends), "the end of its one shard held out"
    groups = np.arange(len(tokens))
    within = np.clip(cut - (ends - tokens), 0, tokens)
    train, held_out = np.flatnonzero(within > 0), np.flatnonzero(within < tokens)
    share = f": {total - cut:,} of {total:,} tokens" if cut < total else ""
    return Split(
        Spans(groups[train], np.zeros(len(train), np.int64), within[train]),
        Spans(groups[held_out], within[held_out], tokens[held_out]),
        how + share,
    )


def _boundary(dataset: TokenDataset, source: str, ends: Integers) -> int:
    """Where the last tenth of a source begins."""
    total = int(ends[-1])
    cut = total - max(1, int(total * _HELD_OUT))
    group = int(np.searchsorted(ends, cut, side="right"))
    _, offsets = dataset.read_row_group(source, group)
    boundaries = offsets + (int(ends[group - 1]) if group else 0)
    near = boundaries[(boundaries > total // 2) & (boundaries < total)]
    return int(near[np.argmin(np.abs(near - cut))]) if len(near) else cut


class Source:
    """The windows of one source as a map-style dataset: any `torch.utils.data.DataLoader` reads it.

    source[n], for any n of 0 or more, is window n of an endless reshuffled order: int64 [sequence + 1]. len() is the
    windows of one epoch, and iterating gives one. The order is random already: read forward, row groups are decoded
    once an epoch and `block` of them are in memory; read at random, each window may cost a row group.

    dataset, source: where it is; spans: what of it. UserError where no window fits.
    """

    def __init__(
        self, dataset: TokenDataset, source: str, spans: Spans, sequence: int, seed: int, block: int = BLOCK
    ) -> None:
        self.dataset, self.source, self.spans, self.sequence = dataset, source, spans, sequence
        self.order = Order(spans.stops - spans.starts, sequence, seed, block)
        if not len(self.order):
            raise UserError(f"{source} of {dataset.root} has no {sequence + 1} tokens in a row to train on")
        self._resident: OrderedDict[int, Tokens] = OrderedDict()

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, number: int) -> Integers:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: list[int]) -> list[Integers]:
        out = np.empty((len(numbers), self.sequence + 1), np.int64)
        self.read(np.array(numbers, np.int64), out, np.arange(len(numbers)))
        return list(out)

    def __iter__(self) -> Iterator[Integers]:
        return (self[number] for number in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_resident": OrderedDict()}

    def read(self, numbers: Integers, out: Integers, rows: Integers) -> None:
        """Write windows `numbers` to these rows of out, int64 [.., sequence + 1]."""
        length = self.sequence + 1
        for places, groups, windows in self.order.by_block(numbers):
            self._load(np.unique(groups).tolist())
            starts = (windows * self.sequence).tolist()
            for row, group, start in zip(rows[places].tolist(), groups.tolist(), starts, strict=True):
                out[row] = self._resident[group][start : start + length]

    def _load(self, groups: list[int]) -> None:
        """Have these row groups of one block resident, and in all no more than a block."""
        missing = [group for group in groups if group not in self._resident]
        if not missing:
            return
        for group in list(self._resident)[: max(0, len(self._resident) + len(missing) - self.order.block)]:
            if group not in groups:
                del self._resident[group]
        if len(missing) == 1:
            self._resident[missing[0]] = self._decode(missing[0])
            return
        with ThreadPoolExecutor(min(len(missing), os.cpu_count() or 1)) as pool:
            self._resident.update(zip(missing, pool.map(self._decode, missing), strict=True))

    def _decode(self, group: int) -> Tokens:
        spans = self.spans
        tokens, _ = self.dataset.read_row_group(self.source, int(spans.groups[group]))
        return tokens[int(spans.starts[group]) : int(spans.stops[group])]


class Corpus:
    """Sources of one or more `tokens/v1` datasets that share a tokenizer.

    roots: folders or URLs of datasets, or of builds that hold one in `tokens/`. A source goes by its name, or by
    `<folder>/<name>` where another root has the same. UserError for a root that is no dataset, for tokenizers or
    delimiters that differ, and for names that clash still.

    names (sorted), splits (by name), tokens (to train on, by name), fingerprint, tokenizer, vocab_size, eos_id,
    bos_id (-1 where documents do not begin with one), held_out_shards, mixture (the shares that a built mixture states,
    empty otherwise).
    """

    def __init__(self, roots: Sequence[str], held_out_shards: int = 1) -> None:
        if not roots:
            raise UserError("no data to train on: name a build's folder with --data")
        self.held_out_shards = held_out_shards
        datasets = [TokenDataset.open(_tokens_root(root)) for root in roots]
        first = datasets[0]
        for other in datasets[1:]:
            if (other.tokenizer.sha256, other.delimiters) != (first.tokenizer.sha256, first.delimiters):
                raise UserError(
                    f"{other.root} has tokenizer {other.tokenizer.name} ({other.tokenizer.sha256[:12]}, "
                    f"{other.delimiters}), {first.root} has {first.tokenizer.name} "
                    f"({first.tokenizer.sha256[:12]}, {first.delimiters}): they cannot be trained on together"
                )
        self.tokenizer = first.tokenizer
        self.vocab_size, self.eos_id = first.tokenizer.vocab_size, first.tokenizer.eos_id
        self.bos_id = first.tokenizer.bos_id if DELIMITERS[first.delimiters][0] else -1
        prints = sorted(dataset.fingerprint for dataset in datasets)
        self.fingerprint = prints[0] if len(prints) == 1 else hashlib.sha256("\n".join(prints).encode()).hexdigest()
        self._places = _named(datasets)
        self.names = sorted(self._places)
        self.splits = {name: split(*self._places[name], held_out_shards) for name in self.names}
        self.tokens = {name: self.splits[name].train.tokens for name in self.names}
        told = first.manifest["extra"].get("mixture") if len(datasets) == 1 else None
        self.mixture: dict[str, float] = dict(told or {})

    def windows(self, name: str, sequence: int) -> int:
        """Windows of a source in one epoch, possibly none."""
        train = self.splits[name].train
        return int(windows_in(train.stops - train.starts, sequence).sum())

    def source(self, name: str, sequence: int, seed: int) -> Source:
        """What a source has to train on."""
        return Source(*self._places[name], self.splits[name].train, sequence, seed)

    def held_out(self, name: str, sequence: int, limit: int) -> Integers:
        """The first `limit` held-out windows of a source, or all it has: int64 [windows, sequence + 1]."""
        dataset, source = self._places[name]
        found: list[Integers] = []
        for group, start, stop in zip(*self.splits[name].held_out, strict=True):
            count = min(limit - len(found), int(windows_in(stop - start, sequence)))
            if count:
                tokens = dataset.read_row_group(source, int(group))[0][start:stop].astype(np.int64)
                found += [tokens[i * sequence : (i + 1) * sequence + 1] for i in range(count)]
        return np.stack(found) if found else np.empty((0, sequence + 1), np.int64)


def _tokens_root(root: str) -> str:
    """The dataset a build holds, or the root itself."""
    inner = join(root, "tokens")
    return inner if exists(join(inner, MANIFEST)) else root


def _named(datasets: Sequence[TokenDataset]) -> dict[str, tuple[TokenDataset, str]]:
    times = Counter(source for dataset in datasets for source in dataset.sources)
    places: dict[str, tuple[TokenDataset, str]] = {}
    for dataset in datasets:
        folders = [part for part in dataset.root.rstrip("/").split("/") if part]
        folder = folders[-2] if folders[-1] == "tokens" and len(folders) > 1 else folders[-1]
        for source in dataset.sources:
            name = source if times[source] == 1 else f"{folder}/{source}"
            if name in places:
                raise UserError(f"{places[name][0].root} and {dataset.root} both have a source {name}: rename a folder")
            places[name] = dataset, source
    return places
