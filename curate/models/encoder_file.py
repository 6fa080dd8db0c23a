"""What the file of an encoder classifier holds, checked without torch.

A `.safetensors` file: tensors by name, and one metadata entry, JSON, with the encoder's sizes, its labels and the
tokenizer that its ids are of. Nothing in it is code, and every size is checked before a tensor is read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.storage import canonical

SUFFIX = ".safetensors"
FORMAT = "curate-encoder/1"
ENTRY = "curate"  # one entry: safetensors writes several in no fixed order
SETTINGS: Mapping[str, int | float] = {
    "layers": 2,
    "dim": 128,
    "heads": 4,
    "length": 256,
    "windows": 3,
    "minCount": 3,
    "batch": 32,
    "lr": 1e-3,
    "dropout": 0.1,
}
LIMITS: Mapping[str, tuple[float, float]] = {
    "layers": (1, 24),
    "dim": (4, 1024),
    "heads": (1, 16),
    "length": (8, 2048),
    "windows": (1, 16),
    "minCount": (1, 1_000_000),
    "batch": (1, 1024),
    "lr": (1e-6, 1),
    "dropout": (0, 0.9),
    "epoch": (1, 10_000),
}
MOST_LABELS, MOST_IDS = 1000, 1 << 20
_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """layers, dim and heads of the encoder; length: tokens of a window; windows: how many of a document are read at
    most; ids: how many of the tokenizer's it knows, all others being one unknown."""

    layers: int
    dim: int
    heads: int
    length: int
    windows: int
    ids: int


@dataclass(frozen=True, slots=True)
class EncoderFile:
    """tokenizer: reference (see curate.models.registry); tokenizer_sha256: of the file it was trained with."""

    sizes: Sizes
    labels: tuple[str, ...]
    tokenizer: str
    tokenizer_sha256: str

    def metadata(self) -> dict[str, str]:
        """As the file has it."""
        return {ENTRY: canonical({"format": FORMAT, **asdict(self)}).decode()}

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor by name. `ids`: the tokenizer's ids that are known, ascending; the embedding's
        row 0 is for all others."""
        dim = self.sizes.dim
        shapes: dict[str, tuple[int, ...]] = {"ids": (self.sizes.ids,)}
        shapes |= {"tokens.weight": (self.sizes.ids + 1, dim), "positions.weight": (self.sizes.length, dim)}
        for layer in range(self.sizes.layers):
            for name, rows, columns in (
                ("query_key_value", 3 * dim, dim),
                ("out", dim, dim),
                ("up", 4 * dim, dim),
                ("down", dim, 4 * dim),
            ):
                shapes |= {f"blocks.{layer}.{name}.weight": (rows, columns), f"blocks.{layer}.{name}.bias": (rows,)}
            for name in ("attention_norm", "feed_norm"):
                shapes |= {f"blocks.{layer}.{name}.{part}": (dim,) for part in ("weight", "bias")}
        shapes |= {f"norm.{part}": (dim,) for part in ("weight", "bias")}
        return shapes | {"head.weight": (len(self.labels), dim), "head.bias": (len(self.labels),)}


def is_encoder(path: Path) -> bool:
    """Whether the file is a safetensors file, by its first bytes."""
    with path.open("rb") as stream:
        begin = stream.read(9)
    return len(begin) == 9 and begin[8:] == b"{" and int.from_bytes(begin[:8], "little") <= 100_000_000


def read_encoder_file(path: Path) -> EncoderFile:
    """What the file says it is; UserError where it is no encoder of ours, or its tensors are not of those sizes."""
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if size > _HEADER:
                raise ValueError(f"its header is of {size} bytes")
            header = json.loads(stream.read(size))
        if not isinstance(header, dict):
            raise ValueError("its header is no object")
        found = _described(header.pop("__metadata__", None))
        _same_tensors(header, found)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not an encoder classifier: {said}") from None
    return found


def _described(metadata: Any) -> EncoderFile:
    if not isinstance(metadata, dict) or not isinstance(metadata.get(ENTRY), str):
        raise ValueError("it was not made by `curate models train classifier --encoder`")
    made = json.loads(metadata[ENTRY])
    if not isinstance(made, dict) or made.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    sizes = {}
    for name, (low, high) in {**{key: LIMITS[key] for key in _SIZES}, "ids": (1, MOST_IDS)}.items():
        value = made["sizes"][name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name} is not from {low:g} to {high:g}")
        sizes[name] = value
    if sizes["dim"] % sizes["heads"]:
        raise ValueError("dim is no multiple of heads")
    labels = made["labels"]
    texts = isinstance(labels, list) and all(isinstance(label, str) and 0 < len(label) <= 200 for label in labels)
    if not texts or not 2 <= len(set(labels)) == len(labels) <= MOST_LABELS:
        raise ValueError(f"its labels are not from 2 to {MOST_LABELS} different words")
    tokenizer, sha256 = made["tokenizer"], made["tokenizer_sha256"]
    if not isinstance(tokenizer, str) or not 0 < len(tokenizer) <= 1000 or "\x00" in tokenizer:
        raise ValueError("it names no tokenizer")
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError("it has no sha256 of its tokenizer")
    return EncoderFile(Sizes(**sizes), tuple(labels), tokenizer, sha256)


_SIZES = ("layers", "dim", "heads", "length", "windows")


def _same_tensors(header: dict[str, Any], found: EncoderFile) -> None:
    wanted = found.tensors()
    if set(header) != set(wanted):
        raise ValueError(f"its tensors are not those of {found.sizes}")
    for name, shape in wanted.items():
        kinds = ("I32",) if name == "ids" else ("F16", "F32")
        if header[name]["shape"] != list(shape) or header[name]["dtype"] not in kinds:
            raise ValueError(f"tensor {name} is not {' or '.join(kinds)} of {list(shape)}")


def parts(text: str, length: int, windows: int) -> list[str]:
    """What of a text is tokenized: all of it, but of a very long one `windows` evenly spread parts, the first at its
    start and the last at its end, so that what a document costs has a bound."""
    size = 16 * length
    if len(text) <= size * windows:
        return [text]
    return [text[start : start + size] for start in _starts(len(text), size, windows)]


def windows_of(count: int, length: int, windows: int) -> list[int]:
    """Where the windows of `count` tokens begin: one where they fit, else at most `windows`, evenly from the start to
    the end (with 3: first, middle, last)."""
    return _starts(count, length, min(windows, math.ceil(count / length)))


def _starts(count: int, size: int, most: int) -> list[int]:
    if most < 2 or count <= size:
        return [0]
    return [place * (count - size) // (most - 1) for place in range(most)]
