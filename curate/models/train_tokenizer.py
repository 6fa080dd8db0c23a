"""The training of a tokenizer as LLaMA-1's (Touvron et al. 2023, section 2.1) on a sample weighted by the mixture.

SentencePiece BPE, numbers split into digits, bytes for what is unknown; 32,000 pieces, of which the first three are
<unk>, <s> and </s>. The text is kept as it is (identity normalisation, white space included), with a space put before
the first word. Each kind of text gives its share of the sample's characters, documents in order of a hash of their key:
the same text gives the same sample whatever order it is read in, and memory is bounded by the size of the sample.
"""

from __future__ import annotations

import hashlib
import heapq
import io
import math
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.texts import TrainingText, files_of, is_held_out, read_texts

# LLaMA-1's sampling proportions (Table 1).
LLAMA1 = {
    "crawl": 0.67,
    "c4": 0.15,
    "code": 0.045,
    "wikipedia": 0.045,
    "books": 0.045,
    "arxiv": 0.025,
    "stackexchange": 0.02,
}
_SAME = {"commoncrawl": "crawl", "cc": "crawl", "github": "code", "book": "books", "wiki": "wikipedia"}
VOCABULARY = 32_000
CHARACTERS = 50_000_000
COVERAGE = 0.99995
# Of one document, so that no long book outweighs the rest.
MOST_OF_A_DOCUMENT = 50_000
LONGEST_LINE = 4_000
HELD_OUT_PERCENT = 10
# Held out of each kind, and of one of its documents, to measure on.
MOST_MEASURED = 2_000_000
MOST_MEASURED_OF_A_DOCUMENT = 20_000
_NOT_THE_LIBRARY = frozenset(["site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"])


@dataclass(frozen=True)
class Recipe:
    """mixture: share of the sample's characters by kind, adding up to 1; characters: of the whole sample."""

    mixture: Mapping[str, float] = field(default_factory=lambda: dict(LLAMA1))
    vocabulary: int = VOCABULARY
    characters: int = CHARACTERS
    coverage: float = COVERAGE
    held_out_percent: int = HELD_OUT_PERCENT


@dataclass
class Sample:
    """What was chosen: texts to train on and texts to measure on, in order of kind and hash.

    wished, taken, there: characters by kind; there is what of each kind's documents may be trained on. files: that the
    texts come from, by name. unnamed: characters of the kinds to which the mixture gives no share.
    """

    training: list[TrainingText]
    held_out: list[TrainingText]
    wished: dict[str, int]
    taken: dict[str, int]
    there: dict[str, int]
    unnamed: dict[str, int]
    files: dict[str, Path]

    def short(self) -> list[str]:
        """The kinds that have less than their share."""
        return [kind for kind, wished in self.wished.items() if self.taken[kind] < wished]


def kind_of(name: str) -> str:
    """One name for a kind of text: CommonCrawl, common-crawl and cc are crawl, GitHub is code."""
    plain = name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")
    return _SAME.get(plain, plain if plain in LLAMA1 else name.strip().lower())


def mixture_of(given: Sequence[str]) -> dict[str, float]:
    """Shares that add up to 1, from KIND=SHARE… or one YAML file; none: LLaMA-1's.

    The file has shares by kind under `mixture`, as `curate mix fit` writes it, or is a mixture of manifests, whose
    sources are of the kinds that their manifests read. UserError for what is not a share of at least 0, or where none
    is more than 0.
    """
    if not given:
        return dict(LLAMA1)
    if len(given) == 1 and given[0].endswith((".yaml", ".yml")):
        pairs = _of_file(Path(given[0]))
    else:
        pairs = []
        for item in given:
            kind, equals, share = item.partition("=")
            if not equals or not kind.strip():
                raise UserError(f"--mixture {item}: give KIND=SHARE, e.g. books=0.045, or one YAML file")
            if kind_of(kind) in (named for named, _ in pairs):
                raise UserError(f"--mixture names {kind_of(kind)} twice")
            pairs.append((kind_of(kind), share))
    mixture: dict[str, float] = {}
    for kind, share in pairs:
        try:
            value = float(share)
        except (TypeError, ValueError):
            value = math.nan
        if isinstance(share, bool) or not 0 <= value < math.inf:
            raise UserError(f"--mixture {kind}={share}: a share is a number of at least 0")
        mixture[kind] = mixture.get(kind, 0) + value
    total = math.fsum(mixture.values())
    if not 0 < total < math.inf:
        raise UserError("--mixture: one share at least must be more than 0")
    return {kind: share / total for kind, share in mixture.items() if share > 0}


def _of_file(path: Path) -> list[tuple[str, Any]]:
    from curate.manifest import read_yaml

    if not path.is_file():
        raise UserError(f"--mixture: there is no file {path}")
    raw = read_yaml(path, "a mixture is a mapping of kinds to shares")
    if isinstance(raw.get("mixture"), dict):
        return [(kind_of(str(kind)), share) for kind, share in raw["mixture"].items()]
    pairs = []
    sources = raw.get("sources")
    for name, item in sources.items() if isinstance(sources, dict) else ():
        if not isinstance(item, dict) or "share" not in item:
            raise UserError(f"--mixture: {path}: sources.{name} has no share")
        manifest = path.parent / str(item.get("manifest", ""))
        read = read_yaml(manifest, "a manifest is a mapping").get("source") if manifest.is_file() else None
        pairs.append((kind_of(str(read or name)), item["share"]))
    if not pairs:
        raise UserError(f"--mixture: {path} has neither a `mixture` of kinds nor `sources` with shares")
    return pairs


class Quota:
    """The texts that come first by the hash of their key, until they have `limit` characters; memory is no more."""

    def __init__(self, limit: int, most_of_a_document: int) -> None:
        self.limit = limit
        self.most = most_of_a_document
        self.seen = 0
        self._size = 0
        self._heap: list[tuple[int, str, str, TrainingText]] = []

    def offer(self, text: TrainingText, file: str = "") -> None:
        """Take the beginning of a text, which is in `file`, if it comes early enough."""
        cut = replace(text, text=text.text[: self.most])
        self.seen += len(cut.text)
        hashed = hashlib.blake2b(text.key.encode("utf-8", "replace"), digest_size=8).digest()
        heapq.heappush(self._heap, (-int.from_bytes(hashed, "big"), text.key, file, cut))
        self._size += len(cut.text)
        while self._heap and self._size - len(self._heap[0][3].text) >= self.limit:
            self._size -= len(heapq.heappop(self._heap)[3].text)

    def chosen(self) -> list[TrainingText]:
        """In order of hash; the last is cut so that there are `limit` characters, or fewer where there were fewer."""
        texts = [item[3] for item in sorted(self._heap, key=lambda item: (-item[0], item[1]))]
        over = self._size - self.limit
        if texts and over > 0:
            texts[-1] = replace(texts[-1], text=texts[-1].text[:-over])
        return texts

    def files(self) -> set[str]:
        """The files that the chosen texts are in."""
        return {item[2] for item in self._heap}


def named_texts(files: Mapping[str, Path]) -> Iterator[tuple[str, TrainingText]]:
    """(Name of the file, document) of files by name; each key once. A key holds the file's name, not its path.

    Thus a document has one key wherever its file lies, as long as the file is given by the same name.
    """
    seen: set[str] = set()
    for name, path in files.items():
        for text in read_texts([path]):
            key = text.key.replace(path.name, name, 1)
            if key not in seen:
                seen.add(key)
                yield name, replace(text, key=key, kind=kind_of(text.kind))


def standard_library() -> dict[str, Path]:
    """The code that is on every machine which runs this: Python's own library, without its tests, by name."""
    root = Path(sysconfig.get_paths()["stdlib"])
    found = {}
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if not _NOT_THE_LIBRARY & set(inside.parts):
            found[f"{root.name}/{inside}"] = path
    return found


def choose(documents: Iterable[tuple[str, TrainingText]], files: Mapping[str, Path], recipe: Recipe) -> Sample:
    """The sample of a recipe. UserError where no document is of a kind of the mixture."""
    wished = {kind: round(recipe.characters * share) for kind, share in recipe.mixture.items()}
    training = {kind: Quota(limit, MOST_OF_A_DOCUMENT) for kind, limit in wished.items()}
    held_out = {kind: Quota(MOST_MEASURED, MOST_MEASURED_OF_A_DOCUMENT) for kind in wished}
    unnamed: dict[str, int] = {}
    for name, text in documents:
        if text.kind not in wished:
            unnamed[text.kind] = unnamed.get(text.kind, 0) + len(text.text)
            continue
        (held_out if is_held_out(text.key, recipe.held_out_percent) else training)[text.kind].offer(text, name)
    taken = {kind: quota.chosen() for kind, quota in training.items()}
    measured = [text for quota in held_out.values() for text in quota.chosen()]
    sample = [text for texts in taken.values() for text in texts]
    if not sample:
        if measured:
            raise UserError(f"all of the {len(measured)} documents are held out to measure on: more text is needed")
        found = f"; there is {', '.join(sorted(unnamed))}" if unnamed else ""
        raise UserError(f"no text of the mixture's kinds ({', '.join(wished)}){found}: name them with --mixture")
    used = {name for quota in (*training.values(), *held_out.values()) for name in quota.files()}
    return Sample(
        training=sample,
        held_out=measured,
        wished=wished,
        taken={kind: sum(len(text.text) for text in texts) for kind, texts in taken.items()},
        there={kind: quota.seen for kind, quota in training.items()},
        unnamed=dict(sorted(unnamed.items())),
        files={name: path for name, path in sorted(files.items()) if name in used},
    )


def collect(paths: Sequence[Path], recipe: Recipe, *, library: bool = False) -> Sample:
    """The sample of the files and folders a user names, and of Python's own library where it is asked for."""
    files = files_of(paths) if paths else {}
    if library:
        files = {**files, **standard_library()}
    return choose(named_texts(files), files, recipe)


def lines_of(texts: Iterable[TrainingText]) -> Iterator[str]:
    """Every line, long ones cut, blank ones left out; indentation stays, as the tokenizer must learn it."""
    for text in texts:
        for line in text.text.split("\n"):
            for start in range(0, len(line), LONGEST_LINE):
                piece = line[start : start + LONGEST_LINE].replace("\x00", "")
                if piece.strip():
                    yield piece


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """SentencePiece's own settings for a recipe: all that the pieces depend on, beside the text."""
    return {
        "model_type": "bpe",
        "vocab_size": recipe.vocabulary,
        "character_coverage": recipe.coverage,
        "split_digits": True,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
        "add_dummy_prefix": True,
        "unk_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "pad_id": -1,
        "max_sentencepiece_length": 16,
        "max_sentence_length": 4 * LONGEST_LINE,
        "input_sentence_size": 0,
        "shuffle_input_sentence": False,
    }


def train_bpe(lines: Iterable[str], recipe: Recipe) -> bytes:
    """The serialized SentencePiece model; the same lines give the same bytes (one thread, no sampling).

    UserError where the lines have not as many different pieces as the vocabulary is to have, or more characters.
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            unk_surface=" \u2047 ",
            num_threads=1,
            minloglevel=2,
            **settings_of(recipe),
        )
    except RuntimeError as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"no vocabulary of {recipe.vocabulary:,} can be made of this text: give another --vocabulary, or more text "
            f"(SentencePiece says: {said[-160:]})"
        ) from None
    return model.getvalue()
