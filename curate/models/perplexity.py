"""CCNet's perplexity of a document: SentencePiece pieces under a KenLM 5-gram model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import kenlm
import sentencepiece

from curate.errors import UserError
from curate.models.registry import card, resolve
from curate.text.ccnet import lines_for_model

_SUFFIXES = (".arpa.bin", ".binary", ".bin", ".arpa")


class PerplexityModel:
    """Called with a text, gives 10^(-sum log10 p / sum(tokens + 1)) over its lines, rounded to 1 decimal.

    The +1 is each line's end. Lines that are blank in the normal form are not scored. None where no line is left.
    one_line=True is what cc_net's pipeline computes in fact: it normalises the document whole, so that its newlines,
    being control characters, vanish and the document is scored as one line (`mine.py`, step "sp").
    """

    def __init__(self, tokenizer: Path, model: Path) -> None:
        self._tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
        self._model = kenlm.Model(str(model))

    def __call__(self, text: str, one_line: bool = False) -> float | None:
        exact = self.exact(text, one_line)
        return None if exact is None else round(exact, 1)

    def exact(self, text: str, one_line: bool = False) -> float | None:
        """The same, not rounded."""
        source = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no UTF-8 form
        normal = lines_for_model([source] if one_line else source.split("\n"))
        lines = [line for line in normal if line and not line.isspace()]
        if not lines:
            return None
        total, tokens = 0.0, len(lines)
        for line in lines:  # one by one: a call for many starts threads, which cost more than most pages
            pieces = self._tokenizer.encode(line, out_type=str)
            total += self._model.score(" ".join(pieces))
            tokens += len(pieces)
        return float(10.0 ** (-total / tokens))


def percentile_cutoffs(counts: Mapping[float, int], percentiles: Sequence[float]) -> tuple[float, ...]:
    """For each percentile p the perplexity below which lie p % of the documents, exactly.

    counts: how many documents have each (rounded) perplexity. With n documents in ascending order the cutoff is the
    one at 0-based rank floor(n p / 100), so never more than p % lie strictly below it. ValueError without documents.
    """
    total = sum(counts.values())
    if total == 0:
        raise ValueError("no perplexity was measured")
    found: list[float] = []
    for percentile in percentiles:
        rank = min(int(total * Fraction(str(percentile)) / 100), total - 1)
        seen = 0
        for value in sorted(counts):
            seen += counts[value]
            if seen > rank:
                found.append(value)
                break
    return tuple(found)


def card_beside(model: Path) -> Path:
    """Where the card of a KenLM file is: `fr.arpa.bin` and `fr.binary` have `fr.card.json`."""
    suffix = next((suffix for suffix in _SUFFIXES if model.name.endswith(suffix)), model.suffix)
    return model.with_name(model.name.removesuffix(suffix) + ".card.json")


def described(reference: str) -> dict[str, Any]:
    """The card of a KenLM model, by name or path (a pin after it is ignored); empty where it has none."""
    name = reference.partition("@sha256:")[0]
    if "/" not in name:
        return card(name) or {}
    beside = card_beside(Path(name).expanduser())
    if not beside.is_file():
        return {}
    try:
        found = json.loads(beside.read_bytes())
    except ValueError as error:
        raise UserError(f"model card {beside} is not JSON: {error}") from None
    return found if isinstance(found, dict) else {}


def pieces_of(reference: str) -> str:
    """The reference of the SentencePiece model that a KenLM model was made over: as its card says, else by its name.

    `ccnet-kenlm-fr` has `ccnet-sp-fr`; a path has a path in the same folder, and cc_net's own `fr.arpa.bin` has
    `fr.sp.model`. UserError where neither says.
    """
    name = reference.partition("@sha256:")[0]
    path = Path(name).expanduser()
    known = described(name).get("pieces")
    if isinstance(known, dict) and known.get("name"):
        return str(path.with_name(Path(str(known["file"])).name)) if "/" in name else str(known["name"])
    if "/" in name and name.endswith(".arpa.bin") and not path.name.startswith("ccnet-kenlm-"):
        return name.removesuffix(".arpa.bin") + ".sp.model"
    for ours, pieces in (("ccnet-kenlm-", "ccnet-sp-"), ("kenlm-", "sp-")):
        if path.name.startswith(ours):
            language = card_beside(path).name.removesuffix(".card.json") if "/" in name else name
            other = pieces + language.removeprefix(ours)
            return str(path.with_name(f"{other}.model")) if "/" in name else other
    raise UserError(
        f"model {name}: its card does not say which SentencePiece model its pieces are of: give `tokenizer`"
    )


def open_model(reference: str, tokenizer: str = "") -> PerplexityModel:
    """The scorer of a KenLM model. UserError where a file is missing, or the pieces are not the ones of its card."""
    pieces = resolve(tokenizer or pieces_of(reference))
    known = described(reference).get("pieces")
    wanted = known.get("sha256") if isinstance(known, dict) else None
    if wanted and wanted != pieces.sha256:
        raise UserError(
            f"model {reference} was made over SentencePiece pieces with sha256 {wanted}, but {pieces.path} has "
            f"{pieces.sha256}"
        )
    return PerplexityModel(pieces.path, resolve(reference).path)
