"""Which documents are another capture of the same URL, or the same text over again."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from curate.dedup.rows import DISPLACED, Packed, ordered, runs


class Reason(IntEnum):
    """Why a whole document is a duplicate; the value is what `duplicates/` stores."""

    URL = 1
    EXACT = 2
    NEAR = 3
    EMPTY = 4
    """Nothing was left of it when repeated lines had gone."""
    CONTAINED = 5
    """Most of it stands in another book."""

    @property
    def label(self) -> str:
        return {1: "url", 2: "exact", 3: "near", 4: "lines.nothing_left", 5: "contained"}[self.value]


def displace(rows: Packed, keepers: Packed, reason: Reason) -> Packed:
    """DISPLACED records saying that `keepers[i]` displaced `rows[i]`."""
    out = np.zeros(len(rows), DISPLACED)
    out["reason"] = reason
    out["shard"], out["row"] = rows["shard"], rows["row"]
    out["by_shard"], out["by_row"] = keepers["shard"], keepers["row"]
    return out


def latest_captures(rows: Packed) -> tuple[Packed, Packed]:
    """Of CAPTURE rows: (those that stay, DISPLACED records of the others).

    One row stays for each URL: the latest date (Llama-3 §3.1.1: "the most recent version"), the first address where
    dates tie.
    """
    by_url = ordered(rows, "url_hi", "url_lo", "shard", "row")
    newest_first = by_url[
        np.lexsort([by_url["row"], by_url["shard"], -by_url["date"], by_url["url_lo"], by_url["url_hi"]])
    ]
    starts, lengths = runs(newest_first["url_hi"], newest_first["url_lo"])
    return _keep_first(newest_first, starts, lengths, Reason.URL)


def first_texts(rows: Packed) -> tuple[Packed, Packed]:
    """Of CAPTURE rows: (those that stay, DISPLACED records of the others); the first address of each text stays."""
    by_text = ordered(rows, "text_hi", "text_lo", "shard", "row")
    starts, lengths = runs(by_text["text_hi"], by_text["text_lo"])
    return _keep_first(by_text, starts, lengths, Reason.EXACT)


def _keep_first(rows: Packed, starts: np.ndarray, lengths: np.ndarray, reason: Reason) -> tuple[Packed, Packed]:
    stays = np.zeros(len(rows), bool)
    stays[starts] = True
    keeper = np.repeat(starts, lengths)
    return rows[stays], displace(rows[~stays], rows[keeper[~stays]], reason)
