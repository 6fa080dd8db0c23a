"""The file of an encoder: told apart by its bytes, and refused in one line where it is not what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from curate.errors import UserError
from curate.models.document_classifier import beside, open_classifier
from curate.models.encoder_file import EncoderFile, Sizes, is_encoder, parts, read_encoder_file, windows_of
from curate.models.encoder_model import Encoder, EncoderModel
from curate.models.registry import resolve

SIZES = Sizes(layers=1, dim=8, heads=2, length=16, windows=3, ids=20)


def described() -> EncoderFile:
    return EncoderFile(SIZES, ("no", "yes"), "tokenizer-32k", resolve("tokenizer-32k").sha256)


def tensors(sizes: Sizes = SIZES, labels: int = 2) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = {name: tensor.detach() for name, tensor in Encoder(sizes, labels).state_dict().items()}
    return made | {"ids": torch.arange(100, 100 + sizes.ids, dtype=torch.int32)}


def write(path: Path, weights: dict[str, torch.Tensor], metadata: dict[str, str] | None) -> Path:
    path.write_bytes(save(weights, metadata=metadata))
    return path


def test_what_is_written_is_what_is_read_and_the_shapes_are_the_networks(tmp_path: Path) -> None:
    path = write(tmp_path / "m", tensors(), described().metadata())
    assert is_encoder(path)
    assert read_encoder_file(path) == described()
    assert {name: tuple(tensor.shape) for name, tensor in tensors().items()} == described().tensors()
    assert EncoderModel(path).labels() == {"no", "yes"}
    assert beside(path) == ["tokenizer-32k"]


def test_a_fasttext_file_is_no_encoder() -> None:
    path = resolve("quality-en").path
    assert not is_encoder(path)
    assert beside(path) == []
    assert len(open_classifier(path).labels()) == 2


@pytest.mark.parametrize("data", [b"", b"\x02\0\0\0\0\0\0\0", b"random bytes that are no model", b"\xff" * 100])
def test_a_file_of_neither_kind_is_told_in_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(UserError, match="neither a fastText model nor an encoder") as caught:
        open_classifier(tmp_path / "m")
    assert "\n" not in str(caught.value)


def changed(**changes: Any) -> dict[str, str]:
    return replace(described(), **changes).metadata()


def sized(**changes: Any) -> dict[str, str]:
    return changed(sizes=replace(SIZES, **changes))


def rewritten(change: Callable[[dict[str, Any]], Any]) -> dict[str, str]:
    entry = json.loads(described().metadata()["curate"])
    change(entry)
    return {"curate": json.dumps(entry)}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (None, "was not made by"),
        ({"format": "pt"}, "was not made by"),
        ({"curate": "{"}, "Expecting"),
        ({"curate": "[1]"}, "its format"),
        ({"curate": "[" * 100_000}, "not an encoder"),
        ({"curate": '{"format": "curate-encoder/2"}', "x": "y"}, "its format"),
        (sized(layers=10**9), "layers is not from 1 to 24"),
        (sized(layers=True), "layers is not"),
        (sized(dim=10**6), "dim is not"),
        (sized(dim=8.5), "dim is not"),
        (sized(heads=3), "no multiple of heads"),
        (sized(heads=0), "heads is not"),
        (sized(length=0), "length is not"),
        (sized(windows=10**9), "windows is not"),
        (sized(ids=0), "ids is not"),
        (sized(ids=10**12), "ids is not"),
        (sized(ids=21), "is not I32 of"),
        (sized(layers=2), "its tensors are not those"),
        (sized(dim=16), "is not F16 or F32 of"),
        (changed(labels=("yes",)), "labels"),
        (changed(labels=("yes", "yes")), "labels"),
        (changed(labels=("yes", "")), "labels"),
        (changed(labels=("a", "b", "c")), "head.weight"),
        (rewritten(lambda entry: entry.update(labels=[1, [2]])), "labels"),
        (changed(tokenizer=""), "no tokenizer"),
        (changed(tokenizer=7), "no tokenizer"),
        (changed(tokenizer_sha256="x"), "sha256"),
        (rewritten(lambda entry: entry.pop("sizes")), "it has no 'sizes'"),
        (rewritten(lambda entry: entry["sizes"].pop("dim")), "it has no 'dim'"),
        (rewritten(lambda entry: entry.update(sizes=[1])), "not an encoder"),
    ],
)
def test_a_file_that_says_what_it_is_not_is_refused_before_its_tensors_are_read(
    tmp_path: Path, metadata: dict[str, str] | None, said: str
) -> None:
    path = write(tmp_path / "m.safetensors", tensors(), metadata)
    with pytest.raises(UserError, match=said) as caught:
        open_classifier(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("ids", torch.arange(119, 99, -1, dtype=torch.int32), "ascending"),
        ("ids", torch.arange(-1, 19, dtype=torch.int32), "ascending"),
        ("ids", torch.arange(31_990, 32_010, dtype=torch.int32), "ascending ids of its tokenizer"),
        ("ids", torch.arange(20, dtype=torch.int64), "is not I32"),
        ("head.bias", torch.tensor([0.0, float("nan")]), "not finite"),
        ("head.bias", torch.tensor([0, 1], dtype=torch.int32), "is not F16 or F32"),
        ("more", torch.zeros(1), "its tensors are not those"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(tmp_path: Path, name: str, tensor: torch.Tensor, said: str) -> None:
    path = write(tmp_path / "m", tensors() | {name: tensor}, described().metadata())
    with pytest.raises(UserError, match=said):
        open_classifier(path)


@pytest.mark.parametrize("left", [9, 200, 3000, -1])
def test_a_torn_file_is_one_line(tmp_path: Path, left: int) -> None:
    path = write(tmp_path / "m", tensors(), described().metadata())
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(UserError) as caught:
        open_classifier(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 99_000_000, (1 << 63)])
def test_a_header_of_any_size_is_not_believed(tmp_path: Path, size: int) -> None:
    (tmp_path / "m").write_bytes(size.to_bytes(8, "little") + b"{" * 100)
    with pytest.raises(UserError):
        open_classifier(tmp_path / "m")


def test_another_tokenizer_than_it_was_trained_with_is_refused_and_so_is_one_that_is_not_here(tmp_path: Path) -> None:
    for metadata, said in (
        (changed(tokenizer_sha256="0" * 64), "trained with a tokenizer tokenizer-32k of sha256 000000000000…"),
        (changed(tokenizer="nowhere"), "needs its tokenizer: no model 'nowhere'"),
    ):
        with pytest.raises(UserError, match=said):
            open_classifier(write(tmp_path / "m", tensors(), metadata))


def test_where_torch_is_not_installed_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "m", tensors(), described().metadata())
    monkeypatch.setattr("curate.training.extra.find_spec", lambda name: None)
    for asked in (open_classifier, beside):
        with pytest.raises(UserError, match=r"is an encoder: this needs torch: pip install 'curate\[train\]'"):
            asked(path)


@given(count=st.integers(1, 5000), length=st.integers(8, 600), windows=st.integers(1, 16))
def test_windows_go_from_the_start_to_the_end_and_fit(count: int, length: int, windows: int) -> None:
    starts = windows_of(count, length, windows)
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert len(starts) == min(windows, -(-count // length))
    assert all(start + length <= count for start in starts) or count <= length
    if windows > 1 and count > length:
        assert starts[-1] + length == count
    if windows * length >= count:
        assert all(after - before <= length for before, after in pairwise(starts)), "no gap"


@pytest.mark.parametrize(
    ("count", "starts"), [(256, [0]), (257, [0, 1]), (512, [0, 256]), (513, [0, 128, 257]), (2256, [0, 1000, 2000])]
)
def test_of_a_long_document_the_first_the_middle_and_the_last_are_read(count: int, starts: list[int]) -> None:
    assert windows_of(count, 256, 3) == starts


@given(st.text(max_size=2000), st.integers(1, 4))
def test_what_is_tokenized_has_a_bound_and_a_text_below_it_is_whole(text: str, windows: int) -> None:
    found = parts(text, 8, windows)
    assert sum(map(len, found)) <= 16 * 8 * windows
    if len(text) <= 16 * 8 * windows:
        assert found == [text]
    else:
        assert text.startswith(found[0])
        assert windows == 1 or text.endswith(found[-1])
