"""How a perplexity model does on text: by kind of text, against crawl pages, and against the same words in disorder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.models.perplexity import PerplexityModel, described, open_model, percentile_cutoffs
from curate.models.texts import TrainingText, read_texts
from curate.text.ccnet import lines_for_model

MOST_OF_A_DOCUMENT = 20_000
"""Characters: a book is not scored to its end."""
_PERCENTILES = (10.0, 30.0, 50.0, 60.0, 90.0)
_CUT = 30.0


def figures(
    scorer: PerplexityModel, texts: Iterable[TrainingText], crawl: Mapping[float, int] | None = None
) -> dict[str, Any]:
    """documents and percentiles of perplexity by kind; what share scores below the same words sorted, line by line;
    and, where crawl pages are among them, the share of Wikipedia's below the 30th percentile of those pages.

    crawl: pages by rounded perplexity, where they were scored already.
    """
    values: dict[str, Counter[float]] = {"crawl": Counter(crawl)} if crawl else {}
    lower = compared = 0
    for text in texts:
        part = text.text if text.kind == "crawl" else text.text[:MOST_OF_A_DOCUMENT]
        plain = scorer(part)
        if plain is None:
            continue
        values.setdefault(text.kind, Counter())[plain] += 1
        ordered = scorer("\n".join(" ".join(sorted(line.split())) for line in part.split("\n")))
        if ordered is not None:
            lower += plain < ordered
            compared += 1
    made: dict[str, Any] = {
        "perplexity": {kind: _row(found) for kind, found in sorted(values.items()) if found},
        "share_below_the_same_words_sorted": round(lower / compared, 4) if compared else None,
    }
    wikipedia, pages = values.get("wikipedia"), values.get("crawl")
    if wikipedia and pages:
        (cut,) = percentile_cutoffs(pages, (_CUT,))
        below = sum(count for value, count in wikipedia.items() if value < cut)
        made["wikipedia_against_crawl"] = {
            "crawl_30th_percentile": cut,
            "wikipedia_median": _row(wikipedia)["median"],
            "median_is_below": _row(wikipedia)["median"] < cut,
            "wikipedia_share_below": round(below / wikipedia.total(), 4),
        }
    return made


def _row(found: Counter[float]) -> dict[str, float]:
    cuts = percentile_cutoffs(found, _PERCENTILES)
    named = {("median" if p == 50.0 else f"p{p:g}"): value for p, value in zip(_PERCENTILES, cuts, strict=True)}
    return {"documents": found.total(), **named}


def characters_per_token(processor: Any, texts: Iterable[TrainingText]) -> dict[str, float]:
    """Characters of the normal form a piece, by kind of text."""
    counts: dict[str, list[int]] = {}
    for text in texts:
        row = counts.setdefault(text.kind, [0, 0])
        for line in lines_for_model(text.text[:MOST_OF_A_DOCUMENT].split("\n")):
            row[0] += len(line)
            row[1] += len(processor.encode(line))
    return {kind: round(characters / max(tokens, 1), 3) for kind, (characters, tokens) in sorted(counts.items())}


def evaluate(model: Any, paths: Sequence[Path]) -> dict[str, Any]:
    """Figures of a KenLM model, or of the pieces of one, on files that a user names.

    model: the `ModelFile` that was resolved. Only texts in the model's language count, crawl pages as CCNet takes them,
    and of the kinds of text that the model was trained on only the documents that it held out.
    UserError for a model whose card states no language and for files without such a text.
    """
    from curate.models.calibrate import pages_in
    from curate.models.kenlm_texts import InLanguage, is_kept_from_training

    reference = model.name if "/" in model.name else str(model.name)
    card = described(reference)
    language = str((card.get("languages") or [""])[0])
    if not language:
        raise UserError(f"the card of {model.name} states no language: `curate models calibrate` writes one")
    data = card.get("data") or {}
    trained, percent = set(data.get("bytes_of_normal_form") or ()), int(data.get("held_out_percent", 0))
    inside = InLanguage(language)
    others = [
        text
        for text in read_texts(paths)
        if text.kind != "crawl" and inside(text) and (text.kind not in trained or is_kept_from_training(text, percent))
    ]
    pages = [page for page in pages_in(paths, language) if page.kind == "crawl"]
    if not others and not pages:
        raise UserError(f"no text in {language!r} that {model.name} was not trained on in {', '.join(map(str, paths))}")
    about = {"language": language}
    if card.get("role") == "perplexity-pieces":
        import sentencepiece

        processor = sentencepiece.SentencePieceProcessor(model_file=str(model.path))
        return {**about, "characters_per_token": characters_per_token(processor, [*others, *pages])}
    scorer = open_model(reference)
    return {**about, **figures(scorer, [*others, *pages])}
