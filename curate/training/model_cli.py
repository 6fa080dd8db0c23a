"""`curate train export`, `evaluate` and `sample`: what is done with a trained model. Torch is imported late."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.errors import UserError
from curate.report.clean import REPLACEMENT, printable
from curate.training.extra import need_training

if TYPE_CHECKING:
    from curate.tokens.tokenizer import Tokenizer
    from curate.training.evaluate import Score
    from curate.training.model import Llama

Model = Annotated[str, typer.Argument(help="A Hugging Face folder, as `curate train export` makes.", metavar="MODEL")]
TokenizerFile = Annotated[
    str | None, typer.Option("--tokenizer", help="SentencePiece model or tiktoken file; default: the folder's own.")
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …; default: a GPU if there is one.")]
Precision = Annotated[str | None, typer.Option("--dtype", help="float32 or bfloat16; default: bfloat16 on a GPU.")]


def export(
    run: Annotated[str, typer.Argument(help="The folder of a run (its --output).", metavar="RUN")],
    output: Annotated[str | None, typer.Option(help="Where to; default: RUN/model-step-N.")] = None,
    step: Annotated[int | None, typer.Option(help="Of this checkpoint; default: the newest.", min=0)] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Its tokenizer's file; default: looked up by the name the tokens record.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="bfloat16 or float32.")] = "bfloat16",
    file_size: Annotated[float, typer.Option(help="Most of a file of weights, in GB.", min=0.001)] = 5.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a checkpoint as a Hugging Face folder: `AutoModelForCausalLM.from_pretrained` reads it."""
    need_training()
    from curate.training.export import export_run

    where = export_run(
        run,
        step=step,
        out=output,
        tokenizer=tokenizer,
        dtype=_precision(dtype),
        max_shard_bytes=file_size * 1e9,
        replace=overwrite,
    )
    print(f"exported to {where}")


def evaluate(
    model: Model,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Score what is held out of a build, or tokens/v1; repeatable.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option("--text", help="Score a plain text file; repeatable.")] = None,
    tasks: Annotated[str | None, typer.Option(help="Tasks of lm-eval, with commas: arc_easy,hellaswag")] = None,
    sequence: Annotated[
        int | None, typer.Option(help="Tokens a held-out window has; default: the context.", min=1)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Windows of a source (default 1024), examples of a task (default all).", min=1)
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="How far windows over a text move; default: half the context.", min=1)
    ] = None,
    held_out_shards: Annotated[int, typer.Option(help="As the run had it.", min=0)] = 1,
    document_mask: Annotated[bool, typer.Option("--document-mask", help="As the run had it.")] = False,
    batch: Annotated[int, typer.Option(help="Windows in one pass.", min=1)] = 8,
    output: Annotated[str | None, typer.Option(help="Write the numbers to this JSON file too.")] = None,
    tokenizer: TokenizerFile = None,
    device: Device = None,
    dtype: Precision = None,
) -> None:
    """Print loss, perplexity and bits a byte of held-out tokens and of texts, and results of lm-eval's tasks."""
    need_training()
    if not (data or text or tasks):
        raise UserError("nothing to evaluate on: give --data, --text or --tasks")
    from curate.training.evaluate import evaluate_data, score_text
    from curate.training.hugging_face import begins_with

    llama = _load(model, device, dtype)
    found: dict[str, Any] = {}
    pieces = _tokenizer(model, tokenizer, needed=bool(text or tasks))
    if stride is not None and stride > llama.config.context:
        raise UserError(f"--stride {stride} is longer than the model's context of {llama.config.context}")
    if sequence is not None and sequence > llama.config.context:
        raise UserError(f"--sequence {sequence} is longer than the model's context of {llama.config.context}")
    if data:
        from curate.training.corpus import Corpus
        from curate.training.hugging_face import tokenizer_path
        from curate.training.vocabulary import read_vocabulary

        corpus = Corpus(data, held_out_shards)
        vocabulary = None
        if pieces is not None:
            if pieces.sha256 != corpus.tokenizer.sha256:
                raise UserError(f"the model's tokenizer is not {corpus.tokenizer.name}, which the data was made with")
            vocabulary = read_vocabulary(tokenizer_path(model, tokenizer).read_bytes())
        scores = evaluate_data(
            llama,
            corpus,
            sequence=sequence,
            limit=limit or 1024,
            batch=batch,
            vocabulary=vocabulary,
            document_mask=document_mask,
        )
        if not scores:
            raise UserError(f"{', '.join(data)}: no source holds out a window of {sequence or llama.config.context}")
        found["data"] = _told(scores)
    if text and pieces is not None:
        begin = begins_with(model, pieces)
        found["text"] = _told(
            {path: score_text(llama, pieces, _read(path), begin, stride=stride, batch=batch) for path in text}
        )
    if tasks and pieces is not None:
        from curate.training.lm_eval_model import run_tasks

        names = [name.strip() for name in tasks.split(",") if name.strip()]
        found["tasks"] = run_tasks(llama, pieces, begins_with(model, pieces), names, limit=limit, batch=batch)
        for task, measures in found["tasks"].items():
            for measure, value in measures.items():
                if isinstance(value, float):
                    print(f"{task} {measure}: {value:.4f}")
    if output is not None:
        from curate.storage import atomic_write

        with atomic_write(output) as out:
            out.write((json.dumps(found, indent=2, ensure_ascii=False, default=str) + "\n").encode())


def sample(
    model: Model,
    prompt: Annotated[list[str] | None, typer.Option("--prompt", help="Where the text begins; repeatable.")] = None,
    tokens: Annotated[int, typer.Option(help="How much to write, at most.", min=1)] = 100,
    temperature: Annotated[float, typer.Option(help="0: always the likeliest token.", min=0)] = 0.8,
    top_p: Annotated[float, typer.Option(help="Of the likeliest that reach this probability.", min=0, max=1)] = 0.95,
    seed: int = 0,
    tokenizer: TokenizerFile = None,
    device: Device = None,
    dtype: Precision = None,
) -> None:
    """Print what the model writes after each prompt."""
    need_training()
    from curate.training.evaluate import generate
    from curate.training.hugging_face import begins_with, load_tokenizer_of

    llama = _load(model, device, dtype)
    pieces = load_tokenizer_of(model, tokenizer)
    begin = begins_with(model, pieces)
    for number, start in enumerate(prompt or [""]):
        written = generate(
            llama, pieces, start, tokens, begin=begin, temperature=temperature, top_p=top_p, seed=seed + number
        )
        # A model may write anything, control sequences of a terminal too.
        print(printable(written, REPLACEMENT, keep="\n\t"))


def _told(scores: dict[str, Score]) -> dict[str, dict[str, Any]]:
    """Print each score; the same as plain numbers."""
    for name, score in scores.items():
        print(f"{name}: {score.line()}", flush=True)
    return {
        name: {
            # Of an empty text neither is a number, and JSON has no other.
            "nats_per_token": score.loss if score.tokens else None,
            "perplexity": score.perplexity if math.isfinite(score.perplexity) else None,
            "bits_per_byte": score.bits_per_byte,
            "tokens": score.tokens,
            "bytes": score.bytes,
        }
        for name, score in scores.items()
    }


def _load(folder: str, device: str | None, dtype: str | None) -> Llama:
    import torch

    from curate.training.hugging_face import load_model

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kind = _precision(dtype or ("bfloat16" if where.startswith("cuda") else "float32"))
    try:
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {where}: {str(error).splitlines()[0]}") from None
    return load_model(folder, where, getattr(torch, kind))


def _tokenizer(folder: str, path: str | None, needed: bool) -> Tokenizer | None:
    from curate.training.hugging_face import load_tokenizer_of, tokenizer_path

    return load_tokenizer_of(folder, path) if needed or path or tokenizer_path(folder, None).is_file() else None


def _precision(name: str) -> Any:
    if name not in ("bfloat16", "float32"):
        raise UserError(f"--dtype {name!r} is not bfloat16 or float32")
    return name


def _read(path: str) -> str:
    from curate.storage import read_bytes

    try:
        return read_bytes(path).decode("utf-8", "replace")
    except OSError as error:
        raise UserError(f"--text {path}: {error.strerror or error}") from None
