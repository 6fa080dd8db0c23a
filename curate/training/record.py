"""What a run leaves behind while it goes: metrics.jsonl, TensorBoard events, and a line to look at."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from curate.storage import atomic_write

METRICS = "metrics.jsonl"
EVENTS = "tensorboard"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands after `step` of `steps`; rates are of all ranks together."""

    step: int
    steps: int
    tokens: int
    """Trained on since the run began."""
    loss: float
    """Nats a token."""
    lr: float
    grad_norm: float
    """Before clipping."""
    tokens_per_second: float
    mfu: float | None = None
    """0 to 1; None where the device's peak is not known."""
    skipped: int = 0
    """Steps left out so far because their loss or gradient was not finite."""

    @property
    def seconds_left(self) -> float | None:
        """At this rate, validation and checkpoints not counted; None while nothing is known."""
        if self.step < 1 or not self.tokens_per_second > 0:
            return None
        return (self.steps - self.step) * (self.tokens / self.step) / self.tokens_per_second

    def line(self) -> str:
        """One line for a terminal or a log."""
        width = len(f"{self.steps:,}")
        parts = [
            f"step {self.step:>{width},}/{self.steps:,}",
            f"loss {self.loss:.4f}",
            f"lr {self.lr:.2e}",
            f"grad {self.grad_norm:.2f}",
            f"{self.tokens_per_second:,.0f} tokens/s",
        ]
        if self.mfu is not None:
            parts.append(f"MFU {self.mfu:.1%}")
        if self.seconds_left is not None:
            parts.append(f"ETA {duration(self.seconds_left)}")
        if self.skipped:
            parts.append(f"skipped {self.skipped:,}")
        return "  ".join(parts)


def duration(seconds: float) -> str:
    """A time by its two largest units: 42s, 3m 05s, 7h 40m, 12d 03h."""
    if not math.isfinite(seconds):
        return "unknown"
    minutes, second = divmod(max(0, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days:,}d {hour:02}h"
    if hours:
        return f"{hours}h {minute:02}m"
    return f"{minutes}m {second:02}s" if minutes else f"{second}s"


def read_metrics(path: str | Path) -> Iterator[dict[str, Any]]:
    """Records of a metrics.jsonl in their order; lines that a kill tore are passed over."""
    with open(path, "rb") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and isinstance(record.get("step"), int):
                yield record


class Metrics:
    """Writes a run's records into a local folder; with `enabled` off (every rank but one) it does nothing.

    metrics.jsonl has one JSON object a line, `kind` (train, validation, sample) and `step` in each, a number that is
    not finite as null; a line is handed to the system whole as soon as it is known. A run that resumes after step
    `resumed` takes what came later out of the file, and has TensorBoard discard it; one that starts at 0 takes all.
    """

    def __init__(self, folder: str | Path, *, resumed: int = 0, enabled: bool = True) -> None:
        self._file: Any = None
        self._events: Any = None
        if not enabled:
            return
        from torch.utils.tensorboard import SummaryWriter

        path = Path(folder) / METRICS
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            with atomic_write(os.fspath(path.absolute())) as out:
                for record in read_metrics(path):
                    if resumed and record["step"] <= resumed:
                        out.write(_line(record))
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115
        self._events = SummaryWriter(  # type: ignore[no-untyped-call]
            os.fspath(Path(folder) / EVENTS), purge_step=resumed + 1 if resumed else 0
        )

    def train(self, progress: Progress) -> None:
        """Of a step (or the mean of the steps since the last record)."""
        values = {
            name: getattr(progress, name)
            for name in ("tokens", "loss", "lr", "grad_norm", "tokens_per_second", "mfu", "skipped")
        }
        scalars = {"loss/train" if name == "loss" else name: value for name, value in values.items()}
        self._write("train", progress.step, values, scalars)

    def validation(self, step: int, tokens: int, losses: Mapping[str, float]) -> None:
        """losses: by source, nats a token on its held-out documents."""
        scalars = {f"loss/validation/{source}": loss for source, loss in losses.items()}
        self._write("validation", step, {"tokens": tokens, "losses": dict(losses)}, scalars)

    def sample(self, step: int, text: str) -> None:
        """Text that the model wrote."""
        if self._events is not None:
            # TensorBoard renders Markdown: indented, what the model wrote stays as it is; and it keeps UTF-8 only.
            shown = "\n".join("    " + line for line in _utf8(text).splitlines())
            self._events.add_text("sample", shown, step)
        self._write("sample", step, {"text": text}, {})

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._events.close()
            self._file = self._events = None

    def __enter__(self) -> Metrics:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, kind: str, step: int, values: Mapping[str, Any], scalars: Mapping[str, float | None]) -> None:
        if self._file is None:
            return
        self._file.write(_line({"kind": kind, "step": step, **values}))
        for tag, value in scalars.items():
            if value is not None and math.isfinite(value):
                self._events.add_scalar(_utf8(tag), value, step)
        # Else a kill would take minutes of events that metrics.jsonl and the checkpoint have.
        self._events.flush()


def _line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(_finite(record), allow_nan=False) + "\n").encode()


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return value
