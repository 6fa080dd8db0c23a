"""Labelled documents from texts whose label is known by where they are from: a forum of mathematics, a shelf of novels.

A long text gives a few passages from its beginning to its end, so that one book does not outweigh a forum, and so that
no class is told by how long its texts are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from curate.errors import UserError
from curate.models.labels import label_name
from curate.models.texts import file_hashes, read_texts
from curate.storage import atomic_write, canonical

_INPUTS = TypeAdapter(dict[str, dict[str, str]])
LEAST = 200
"""Characters of a passage: shorter ones say little of what they are about."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts of one label: files or folders, as `curate.models.texts` reads them."""

    label: str
    path: Path


def parse_labelled(spec: str) -> Labelled:
    """`maths=corpus/arxiv/documents`; UserError where it is not written so."""
    label, equals, path = spec.partition("=")
    name = label_name(label)
    if not equals or not path or name is None:
        raise UserError(f"--text {spec!r}: write it as LABEL=PATH")
    return Labelled(name, Path(path))


def passages(text: str, characters: int, most: int) -> Iterator[str]:
    """At most `most` passages of about so many characters, evenly from the text's beginning to its end, which begin and
    end between words. A text that is not longer is one."""
    if len(text) <= characters:
        yield text
        return
    count = min(most, -(-len(text) // characters))
    step = (len(text) - characters) // max(count - 1, 1)
    for start in range(0, count * step if count > 1 else 1, max(step, 1)):
        begin = 0 if start == 0 else text.find(" ", start, start + characters) + 1
        stop = begin + characters
        end = len(text) if stop >= len(text) else text.rfind(" ", begin + characters // 2, stop)
        yield text[begin : end if end > begin else stop].strip()


def write_labelled(texts: Sequence[Labelled], output: Path, characters: int, most: int) -> dict[str, int]:
    """Write JSON lines with `id`, `label` and `text`, and beside them, in `<output>.inputs.json`, every file's sha256.

    Returns passages a label. UserError where nothing is read of a label.
    """
    counts: Counter[str] = Counter()
    inputs: dict[str, dict[str, str]] = {}
    with atomic_write(str(output)) as out:
        for item in texts:
            for document in read_texts([item.path]):
                for number, passage in enumerate(passages(document.text, characters, most)):
                    if len(passage) < LEAST:
                        continue
                    counts[item.label] += 1
                    row = {"id": f"{document.key}/{number}", "label": item.label, "text": passage}
                    line = json.dumps(row, ensure_ascii=True, sort_keys=True)
                    out.write(line.encode() + b"\n")
            inputs.setdefault(item.label, {}).update(file_hashes([item.path]))
    missing = sorted({item.label for item in texts} - set(counts))
    if missing:
        raise UserError(f"nothing of {LEAST} characters or more is labelled {', '.join(missing)}")
    with atomic_write(str(inputs_path(output))) as out:
        out.write(canonical(inputs))
    return dict(sorted(counts.items()))


def inputs_path(output: Path) -> Path:
    """`topics.jsonl` has what it was made from in `topics.jsonl.inputs.json` beside it."""
    return output.with_name(f"{output.name}.inputs.json")


def read_inputs(account: Path) -> dict[str, dict[str, str]]:
    """Label -> file -> sha256, as `write_labelled` writes it; UserError where it is something else."""
    try:
        return _INPUTS.validate_json(account.read_bytes())
    except (ValidationError, OSError) as error:
        raise UserError(f"{account} is not what `curate models label` writes; take it away, or label again") from error
