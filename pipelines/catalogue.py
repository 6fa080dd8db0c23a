"""docs/filters.md, written from the filters themselves: `python -m pipelines.catalogue > docs/filters.md`."""

from __future__ import annotations

import inspect

from filters.filter import Filter
from pipelines.chain import FILTERS

HEAD = """# Filters

Written by `python -m pipelines.catalogue`; a test holds it to the code. A filter measures in the score stage, and its
rules decide in the select stage: a document is kept when `measurement <comparison> threshold`; the threshold is a key
of the filter in the manifest, and `null` switches the rule off. `enabled: false` switches a filter off; `languages`
limits it to pages in these languages, others pass it unmeasured; `unless: [{classifiers.maths: {min: 0.5}}]` lets pages
pass of which these measurements hold. Perplexity's thresholds are cutoffs by language: the
model's card's, numbers, percentiles of the corpus, or CCNet's published table.
"""


def catalogue() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *(section(name, cls) for name, cls in FILTERS.items())])


def section(name: str, cls: type[Filter]) -> str:
    """One filter: what it does, its rules with their defaults and sources, its other keys."""
    config = cls.Config()
    lines = [f"## `{name}`", "", inspect.cleandoc(cls.__doc__ or ""), ""]
    if cls.rules:
        lines += ["| reason | kept when | default | source |", "|---|---|---|---|"]
    for rule in cls.rules:
        default = shown(getattr(config, rule.parameter))
        kept = f"`{rule.measurement}` {rule.keep} `{rule.parameter}`"
        lines.append(f"| `{name}.{rule.reason}` | {kept} | {default} | {rule.source.replace('|', '/')} |")
    deciding = {rule.parameter for rule in cls.rules} | {"enabled", "languages", "unless"}
    others = [f"`{key}`: {shown(getattr(config, key))}" for key in cls.Config.model_fields if key not in deciding]
    if others:
        lines += [*([""] if cls.rules else []), f"Other keys: {'; '.join(others)}."]
    return "\n".join([*lines, ""])


def shown(value: object) -> str:
    if value is None:
        return "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) if value else "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} → {getattr(inner, 'model', inner)}" for key, inner in value.items()) or "none"
    return str(value)


if __name__ == "__main__":
    print(catalogue(), end="")
