"""docs/models.md is what the models' cards say."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.models.cards import DEFAULT_FOLDER, ROLES
from curate.models.catalogue import document, shipped, short
from curate.models.evaluate_cli import role_of
from curate.models.models_cli import headline

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = [card["name"] for card in shipped()]


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert page == "\n".join(document()) + "\n", "run: python -m curate.models.catalogue > docs/models.md"


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_model_says_what_it_does_and_how_well(name: str) -> None:
    (card,) = (card for card in shipped() if card["name"] == name)
    assert role_of(name, DEFAULT_FOLDER / card["file"], None) in ROLES
    assert headline(card["measured"])
    assert card.get("command") or card.get("origin")
    assert card["licence"]


def test_long_lists_and_tables_within_tables_are_left_to_the_card() -> None:
    measured = {
        "accuracy": 0.5,
        "few": [1, 2],
        "errors": [{"id": "x"}],
        "kinds": {"a": {"right": 0.5, "languages": {"hr": 1}}},
        "many": {str(number): {"right": 1.0} for number in range(100)},
    }
    assert short(measured) == {"accuracy": 0.5, "few": [1, 2], "kinds": {"a": {"right": 0.5}}}
