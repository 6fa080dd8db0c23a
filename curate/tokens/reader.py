"""Read a `tokens/v1` dataset: by document, like any map-style dataset, or a row group at a time, for the sampler."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import UserError
from curate.parquet import parquet_file, table_of
from curate.storage import BrokenSeal, filesystem, is_local, join, read_bytes, read_sealed
from curate.tokens.schema import FORMAT, INDEX, INDEX_SCHEMA, MANIFEST, TokenizerInfo, Tokens

# Decoded row groups kept for `__getitem__`: about 8 MB each with 16-bit tokens.
_CACHED_GROUPS = 4
# Part files kept open.
_OPEN_FILES = 64


class _OfThread(threading.local):
    """What one thread keeps: part files it has open, and row groups it has decoded for `__getitem__`."""

    def __init__(self) -> None:
        self.open: OrderedDict[str, pq.ParquetFile] = OrderedDict()
        self.groups: OrderedDict[int, tuple[Tokens, npt.NDArray[np.int64]]] = OrderedDict()


class TokenDataset:
    """A whole `tokens/v1` dataset, opened for reading.

    Documents are numbered through the sources in order of name, then shards, then rows. Row groups of a source are
    numbered through its shards. Instances pickle (they open again), survive a fork, and serve several threads at once:
    each has files and decoded row groups of its own.

    root, fingerprint (hex sha256 of the index: what a checkpoint stores), tokenizer, delimiters, dtype, manifest.
    """

    def __init__(self, root: str) -> None:
        """See `open`."""
        self.root = root
        self.manifest = _manifest(root)
        self.fingerprint: str = self.manifest["fingerprint"]
        self.tokenizer = TokenizerInfo.from_json(self.manifest["tokenizer"])
        self.delimiters: str = self.manifest["delimiters"]
        self.dtype: np.dtype[Any] = np.dtype(self.manifest["dtype"])
        self.index = self._read_index()
        self._files: list[str] = self.index.column("file").to_pylist()
        self._numbers = self._column("row_group")
        self._starts = np.concatenate(([0], np.cumsum(self._column("documents"))))
        names = np.array(self.index.column("source").to_pylist(), dtype=object)
        self._first = {
            source: (int(np.argmax(names == source)), int(np.sum(names == source))) for source in self.sources
        }
        self._mine = _OfThread()

    @classmethod
    def open(cls, root: str) -> TokenDataset:
        """Open the dataset at a path or URL. UserError where there is none, it is not whole, or its index changed."""
        return cls(root)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return TokenDataset, (self.root,)

    @property
    def sources(self) -> list[str]:
        """Names of the sources, sorted."""
        return sorted(self.manifest["sources"])

    def __len__(self) -> int:
        """Documents in the dataset."""
        return int(self._starts[-1])

    def __getitem__(self, document: int) -> Tokens:
        """The tokens of one document, delimiters included; negative numbers count from the end."""
        number = document + len(self) if document < 0 else document
        if not 0 <= number < len(self):
            raise IndexError(f"document {document} of {len(self)}")
        row = int(np.searchsorted(self._starts, number, side="right")) - 1
        tokens, offsets = self._cached(row)
        place = number - int(self._starts[row])
        found: Tokens = tokens[offsets[place] : offsets[place + 1]].copy()
        return found

    def __iter__(self) -> Iterator[Tokens]:
        """Every document's tokens, in order."""
        for _, tokens in self.documents():
            yield tokens

    def row_groups(self, source: str) -> pa.Table:
        """The index's rows of one source (see `curate.tokens.schema.INDEX_SCHEMA`)."""
        first, count = self._span(source)
        return self.index.slice(first, count)

    def tokens_in_row_groups(self, source: str) -> npt.NDArray[np.int64]:
        """Tokens of each row group of a source, from the index alone."""
        first, count = self._span(source)
        return self._column("tokens")[first : first + count]

    def read_row_group(self, source: str, i: int) -> tuple[Tokens, npt.NDArray[np.int64]]:
        """The tokens of row group `i` of a source, flat, and the documents' n + 1 offsets into them.

        The tokens are in the dataset's dtype and read-only. IndexError beyond the last row group.
        """
        first, count = self._span(source)
        if not 0 <= i < count:
            raise IndexError(f"row group {i} of {count} of {source}")
        return self._read(first + i)

    def documents(self, source: str | None = None) -> Iterator[tuple[str, Tokens]]:
        """(id, tokens) of every document of one source, or of all, in order; one row group is in memory at a time."""
        first, count = (0, self.index.num_rows) if source is None else self._span(source)
        for row in range(first, first + count):
            tokens, offsets = self._read(row)
            ids = self._file(row).read_row_group(int(self._numbers[row]), columns=["id"], use_threads=False)
            bounds = offsets.tolist()
            for document, start, end in zip(ids.column(0).to_pylist(), bounds, bounds[1:], strict=False):
                yield document, tokens[start:end]

    def _span(self, source: str) -> tuple[int, int]:
        if source not in self._first:
            raise UserError(f"{self.root} has no source {source!r}; it has {', '.join(self.sources)}")
        return self._first[source]

    def _column(self, name: str) -> npt.NDArray[np.int64]:
        column: npt.NDArray[np.int64] = self.index.column(name).to_numpy().astype(np.int64)
        return column

    def _read_index(self) -> pa.Table:
        data = read_bytes(join(self.root, INDEX))
        if hashlib.sha256(data).hexdigest() != self.fingerprint:
            raise UserError(f"{join(self.root, INDEX)} is not the index its manifest names: run `curate verify`")
        table = table_of(data)
        if not table.schema.remove_metadata().equals(INDEX_SCHEMA):
            raise UserError(f"{join(self.root, INDEX)} is not a {FORMAT} index")
        return table.combine_chunks()

    def _cached(self, row: int) -> tuple[Tokens, npt.NDArray[np.int64]]:
        groups = self._mine.groups
        if row not in groups:
            groups[row] = self._read(row)
            if len(groups) > _CACHED_GROUPS:
                groups.popitem(last=False)
        groups.move_to_end(row)
        return groups[row]

    def _read(self, row: int) -> tuple[Tokens, npt.NDArray[np.int64]]:
        # No threads of Arrow's own: a pool does not survive the fork of a data loader's workers.
        table = self._file(row).read_row_group(int(self._numbers[row]), columns=["tokens"], use_threads=False)
        lists = table.column(0).combine_chunks()
        offsets = lists.offsets.to_numpy().astype(np.int64)
        tokens: Tokens = lists.values.to_numpy(zero_copy_only=True)
        return tokens[offsets[0] : offsets[-1]], offsets - offsets[0]

    def _file(self, row: int) -> pq.ParquetFile:
        name, files = self._files[row], self._mine.open
        if name not in files:
            fs, inner = filesystem(join(self.root, name))
            files[name] = parquet_file(pa.memory_map(inner) if is_local(fs) else fs.open(inner, "rb"))
            if len(files) > _OPEN_FILES:
                files.popitem(last=False)[1].close(force=True)
        files.move_to_end(name)
        return files[name]


def _manifest(root: str) -> dict[str, Any]:
    path = join(root, MANIFEST)
    try:
        manifest = read_sealed(path)
    except FileNotFoundError:
        raise UserError(f"{root} is not a whole token dataset: it has no {MANIFEST}") from None
    except BrokenSeal as broken:
        raise UserError(f"{broken}: run `curate verify`") from None
    if manifest.get("format") != FORMAT:
        raise UserError(f"{path} is not a {FORMAT} manifest")
    return manifest
