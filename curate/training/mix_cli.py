"""`curate mix`: choose the mix. What needs torch is imported when a command runs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated

import typer

from curate.errors import UserError
from curate.training.extra import need_training

mix_app = typer.Typer(
    name="mix",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="The proportions of sources: what they come to, and which are best by small models.",
)


@mix_app.callback()
def mix() -> None:
    """The proportions of sources: what they come to, and which are best by small models."""


@mix_app.command()
def plan(
    corpus: Annotated[str, typer.Argument(help="The folder of a built mixture.", metavar="DIR")],
    tokens: Annotated[
        str | None, typer.Option(help="Tokens of the training run: 300M, 1.4T. Default: the mixture's budget.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How often a run goes through each source, from the tokens there are, and which source runs short."""
    from curate.counts import asked_tokens
    from curate.report.mixture import account, planned, read_mixture

    record = read_mixture(corpus)
    if record is None:
        raise UserError(f"{corpus} holds no mixture: build one, such as `curate build manifests/llama1.yaml`")
    budget = None if tokens is None else asked_tokens(tokens, "--tokens")
    print(json.dumps(planned(record, budget), indent=2) if as_json else "\n".join(account(record, budget)))


@mix_app.command()
def fit(
    data: Annotated[list[str], typer.Option("--data", help="A build, or a tokens/v1 dataset; repeatable.")],
    output: Annotated[str, typer.Option(help="Where proxies' results and the proposal go.")] = "runs/mix",
    runs: Annotated[
        int | None, typer.Option(help="Mixes to try. Default: 3 for each constant of a law, 12 at least.", min=1)
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="The proxy: a recipe or a YAML file. Default: a small one.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change one field of the proxy: steps=500")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Tokens of the run the mix is for: 300M, 1.4T. Default: one epoch of all.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="source=weight: whose held-out loss counts; repeatable. Default: all alike."),
    ] = None,
    max_epochs: Annotated[float, typer.Option(help="Most passes over any source.", min=0)] = 4.0,
    least_share: Annotated[float, typer.Option(help="Share that every source keeps.", min=0, max=1)] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the mixes tried, the proxies and the resampling.", min=0)] = 0,
    scaling: Annotated[bool, typer.Option("--scaling/--no-scaling", help="Also fit Chinchilla's law.")] = True,
    part: Annotated[
        str, typer.Option(help="i/n: train every n-th proxy only, for n machines that share --output.")
    ] = "1/1",
) -> None:
    """Train small models on many mixes, fit the mixture law to their losses, and propose proportions.

    The same command takes up where it stopped; with more --runs it trains only those that are new.
    """
    need_training()
    from curate.counts import asked_tokens
    from curate.training.mix import fit_mix
    from curate.training.mix_report import sentences, setting
    from curate.training.proxies import configured

    record = fit_mix(
        data,
        output,
        proxy=configured(config, set_ or ()),
        runs=runs,
        budget=None if budget is None else asked_tokens(budget, "--budget"),
        target=parse_weights(target or ()),
        max_epochs=max_epochs,
        least_share=least_share,
        seed=seed,
        scaling=scaling,
        part=parse_part(part),
        say=lambda line: print(line, flush=True),
    )
    if record is None:
        print("this part is trained; the command without --part fits when all are")
        return
    print("\n".join(sentences(record)))
    print(f"proportions: {output}/mix.html, or curate train --set '{setting(record)}'")


def parse_weights(settings: Sequence[str]) -> dict[str, float]:
    """{source: weight} of source=weight settings; a source's name may hold "="."""
    weights = {}
    for text in settings:
        name, _, weight = text.rpartition("=")
        try:
            weights[name] = float(weight)
        except ValueError:
            name = ""
        if not name:
            raise UserError(f"--target {text!r}: write it as source=weight")
    return weights


def parse_part(text: str) -> tuple[int, int]:
    """(i, n) of i/n, from 1 to n."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    part = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= part[0] <= part[1]:
        raise UserError(f"--part {text!r}: write it as i/n, from 1/n to n/n")
    return part
