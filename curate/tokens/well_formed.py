"""Text that every tokenizer takes: Unicode without surrogates."""

from __future__ import annotations


def well_formed(text: str) -> str:
    """The same text, surrogate pairs joined and lone surrogates replaced by U+FFFD, as tiktoken does by itself."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
