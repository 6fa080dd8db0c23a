"""What a finished run leaves: the model as a Hugging Face folder, a loss plot, sample text, and a summary."""

from __future__ import annotations

import os
from dataclasses import asdict

from curate.errors import UserError
from curate.report.clean import printable
from curate.storage import write_sealed
from curate.training.config import TrainConfig
from curate.training.loop import Result
from curate.training.record import Metrics

SUMMARY = "summary.json"
MODEL = "model"
SAMPLED_PARAMETERS = 2 * 10**9
"""A larger model is not loaded again on one machine for a few lines of text."""
SAMPLED_TOKENS = 60


def finish(config: TrainConfig, result: Result) -> list[str]:
    """Write it all into the run's folder; the lines to print. For one process, after the ranks have parted."""
    from curate.training.export import export_run
    from curate.training.plot import plot_loss

    lines = []
    for source, loss in result.validation.items():
        first = result.first.get(source, loss)
        change = f" from {first:.4f}" if first != loss else ""
        lines.append(f"validation loss of {source}: {loss:.4f}{change}")
    if result.skipped:
        lines.append(f"{result.skipped} steps were skipped: their loss or gradient was not finite")
    plot = plot_loss(config.output, title=config.name)
    if plot is not None:
        lines.append(f"loss: {plot}")
    folder = os.path.join(config.output, MODEL)
    try:
        dtype = "bfloat16" if config.parallel.precision == "bf16" else "float32"
        export_run(config.output, out=folder, replace=True, dtype=dtype)  # type: ignore[arg-type]
    except UserError as error:
        lines.append(f"not exported: {error}")
    else:
        lines.append(f"model: {folder}")
        if config.model.parameters <= SAMPLED_PARAMETERS:
            text = _sample(folder)
            with Metrics(config.output, resumed=result.step) as metrics:
                metrics.sample(result.step, text)
            lines.append("it writes: " + " ".join(printable(text).split()))
    write_sealed(os.path.join(config.output, SUMMARY), asdict(result))
    return lines


def _sample(folder: str) -> str:
    import torch

    from curate.training.evaluate import generate
    from curate.training.hugging_face import begins_with, load_model, load_tokenizer_of

    tokenizer = load_tokenizer_of(folder, None)
    model = load_model(folder, "cuda" if torch.cuda.is_available() else "cpu", torch.float32)
    return generate(model, tokenizer, "The", SAMPLED_TOKENS, begin=begins_with(folder, tokenizer))
