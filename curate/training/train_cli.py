"""`curate train`: train, plan, take up. What needs torch is imported when a command runs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from curate.counts import asked_tokens
from curate.errors import UserError
from curate.training import model_cli
from curate.training.config import TrainConfig, load_config
from curate.training.extra import need_training

train_app = typer.Typer(
    name="train",
    invoke_without_command=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Train the bundled Llama on token datasets, alone or under `torchrun`.",
)
Name = Annotated[str, typer.Option("--config", help="A recipe (tiny, llama1-7b … llama3-70b) or a YAML file.")]
Data = Annotated[list[str] | None, typer.Option("--data", help="A build, or a tokens/v1 dataset; repeatable.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change one field: optimizer.lr=1e-4, parallel.tensor=8, steps=100")
]
Steps = Annotated[int | None, typer.Option(help="Stop after so many steps: the budget, and the cosine's length.")]
Tokens = Annotated[str | None, typer.Option(help="The budget in tokens: 300M, 1.4T.")]
Run = Annotated[str, typer.Argument(help="The folder of a run (its --output).", metavar="RUN")]


@train_app.callback()
def train(
    context: typer.Context,
    config: Name = "tiny",
    data: Data = None,
    output: Annotated[str | None, typer.Option(help="The run's folder; default runs/NAME.")] = None,
    steps: Steps = None,
    tokens: Tokens = None,
    set_: Settings = None,
) -> None:
    """Train; the same command again, or a restart by `torchrun`, takes up from the newest checkpoint.

    On several GPUs: `torchrun --nproc-per-node 8 --max-restarts 3 -m curate train --config llama1-7b --data …`
    """
    if context.invoked_subcommand is not None:
        return
    need_training()
    from curate.training.loop import settle

    wanted = configured(config, data, steps, tokens, set_)
    wanted = wanted.model_copy(update={"output": output or wanted.output or f"runs/{wanted.name}"})
    run(settle(wanted))


@train_app.command()
def plan(
    config: Name = "tiny",
    ranks: Annotated[int, typer.Option(help="How many GPUs (or processes).", min=1)] = 1,
    steps: Steps = None,
    tokens: Tokens = None,
    set_: Settings = None,
) -> None:
    """Print what a run would take on so many ranks: parameters, tokens, steps, FLOPs, memory per rank."""
    need_training()
    from curate.training.plan import make_plan

    print("\n".join(make_plan(configured(config, None, steps, tokens, set_), ranks).lines()))


@train_app.command()
def resume(output: Run, set_: Settings = None) -> None:
    """Take up a run from its newest checkpoint, on any number of ranks; --set changes how, not what, it computes."""
    need_training()
    from curate.training.loop import read_config, settle

    read_config(output)
    run(settle(load_config(os.path.join(output, "config.yaml"), set_ or ()).model_copy(update={"output": output})))


train_app.command()(model_cli.export)
train_app.command()(model_cli.evaluate)
train_app.command()(model_cli.sample)


def configured(
    config: str, data: list[str] | None, steps: int | None, tokens: str | None, settings: list[str] | None
) -> TrainConfig:
    """The recipe with everything the command line says."""
    wanted = list(settings or ())
    if steps is not None:
        wanted.append(f"steps={steps}")
    loaded = load_config(config, wanted)
    if tokens is not None:
        if steps is not None:
            raise UserError("--steps and --tokens are both the budget: give one")
        loaded = loaded.model_copy(update={"tokens": asked_tokens(tokens, "--tokens")})
    return loaded.model_copy(update={"data": tuple(data)}) if data else loaded


def run(config: TrainConfig) -> None:
    """Plan, train, and at the end write the model and what there is to see."""
    from curate.training.finish import finish
    from curate.training.loop import train as train_on
    from curate.training.plan import make_plan, refuse_what_cannot_fit

    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if rank == 0:
        plan = make_plan(config, size)
        print("\n".join(plan.lines()), flush=True)
        refuse_what_cannot_fit(plan)
    try:
        result = train_on(config, say=lambda line: print(line, flush=True))
    except UserError as error:
        # A launcher shows the words of every rank.
        raise UserError(f"rank {rank}: {error}" if rank else str(error)) from None
    if rank == 0:
        if result.stopped:
            print(f"stopped at step {result.step:,}; the same command takes up there", flush=True)
        else:
            print("\n".join(finish(config, result)), flush=True)
