"""The classifiers of documents, of whichever kind: fastText's, and encoders (`curate models train classifier`)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from curate.errors import UserError
from curate.models.encoder_file import is_encoder, read_encoder_file
from curate.models.fasttext_model import FastTextModel


class Classifier(Protocol):
    """A text to the probability of each label."""

    def labels(self) -> frozenset[str]:
        """All labels."""
        ...

    def distribution(self, text: str) -> dict[str, float]:
        """P of each label; empty where no word (no token) is known."""
        ...


def open_classifier(path: Path) -> Classifier:
    """The classifier in a file, told by its first bytes; UserError where it is neither kind, or torch is not here."""
    if is_encoder(path):
        need_torch(path)
        from curate.models.encoder_model import EncoderModel

        return EncoderModel(path)
    try:
        return FastTextModel(path)
    except ValueError as error:
        raise UserError(f"{path} is neither a fastText model nor an encoder: {' '.join(str(error).split())}") from None


def beside(path: Path) -> list[str]:
    """References of the models that this one needs: an encoder's tokenizer; UserError where torch is not here."""
    if not is_encoder(path):
        return []
    need_torch(path)
    return [read_encoder_file(path).tokenizer]


def need_torch(path: Path) -> None:
    """UserError that says what to install for an encoder, where it is not."""
    from curate.training.extra import need_training

    try:
        need_training()
    except UserError as error:
        raise UserError(f"{path} is an encoder: {error}") from None
