"""P30 and P60 of a perplexity model on pages that a user has: what CCNet's head, middle and tail are cut at."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.cards import DEFAULT_FOLDER
from curate.models.kenlm_texts import InLanguage
from curate.models.perplexity import PerplexityModel, card_beside, percentile_cutoffs
from curate.models.texts import TrainingText, file_hashes, read_texts
from curate.storage import atomic_write, canonical

PERCENTILES = (30.0, 60.0)
LEAST_OF_A_PAGE = 300
"""Characters (cc_net `mine.py`: min_len)."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """cutoffs: perplexities below which lie 30 % and 60 % of the pages; counts: pages by rounded perplexity."""

    cutoffs: tuple[float, float]
    counts: Counter[float]
    inputs: dict[str, str]

    @property
    def pages(self) -> int:
        return self.counts.total()

    def for_card(self, language: str) -> dict[str, Any]:
        """What a card says of it."""
        return {
            "percentiles": list(PERCENTILES),
            "cutoffs": {language: list(self.cutoffs)},
            "calibrated_on": {"pages": self.pages, "inputs": self.inputs},
        }


def pages_in(paths: Sequence[Path], language: str) -> Iterator[TrainingText]:
    """The pages that CCNet would score: at least 300 characters, in the language by lid.176, each text once."""
    inside = InLanguage(language)
    seen: set[bytes] = set()
    for page in read_texts(paths):
        mark = hashlib.blake2b(page.text.encode("utf-8", "replace"), digest_size=12).digest()
        if len(page.text) >= LEAST_OF_A_PAGE and mark not in seen:
            seen.add(mark)
            if inside.judged(page.text):
                yield page


def first_page(paths: Sequence[Path], language: str) -> TrainingText:
    """UserError where there is no page to calibrate on, told before hours of training."""
    found = next(pages_in(paths, language), None)
    if found is None:
        raise UserError(
            f"no page of {LEAST_OF_A_PAGE} characters or more in {language!r} to calibrate on in "
            f"{', '.join(map(str, paths))}"
        )
    return found


def calibrate(
    scorer: PerplexityModel,
    language: str,
    paths: Sequence[Path],
    leave_out: Callable[[TrainingText], bool] = lambda page: False,
) -> Calibration:
    """Score the pages and cut them; those that `leave_out` (trained on) do not count. UserError without one page."""
    counts = Counter(
        value for page in pages_in(paths, language) if not leave_out(page) and (value := scorer(page.text)) is not None
    )
    if not counts:
        first_page(paths, language)
        raise UserError("every page to calibrate on was also trained on: name other pages")
    low, high = percentile_cutoffs(counts, PERCENTILES)
    return Calibration((low, high), counts, file_hashes(paths))


def write_cutoffs(model: Path, language: str, found: Calibration, described: dict[str, Any]) -> bool:
    """Put the cutoffs into the card beside a model; False, and nothing written, for one that comes with the package.

    A model without a card gets one that says this and its sha256. A pulled model's card is sealed anew.
    """
    if model.resolve().parent == DEFAULT_FOLDER.resolve():
        return False
    card = card_beside(model)
    content = {**described, **found.for_card(language)}
    # A model of several languages keeps the cutoffs of the others.
    content["cutoffs"] = {**described.get("cutoffs", {}), **content["cutoffs"]}
    if "seal" in described:
        bare = {key: value for key, value in content.items() if key != "seal"}
        content["seal"] = hashlib.sha256(canonical(bare)).hexdigest()
    with atomic_write(str(card)) as out:
        out.write(canonical(content))
    return True


def new_card(model: Path, language: str) -> dict[str, Any]:
    """A card for a KenLM file that has none."""
    with model.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    name = card_beside(model).name.removesuffix(".card.json")
    described = {
        "name": name,
        "file": model.name,
        "sha256": sha256,
        "bytes": model.stat().st_size,
        "kind": "KenLM model",
    }
    return {**described, "role": "perplexity", "languages": [language], "measured": {}}
