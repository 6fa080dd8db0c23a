"""docs/filters.md is what the filters say of themselves, and every rule has a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.catalogue import catalogue
from pipelines.chain import FILTERS

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_page_is_up_to_date():
    page = (ROOT / "docs" / "filters.md").read_text(encoding="utf-8")
    assert page == catalogue(), "run: python -m pipelines.catalogue > docs/filters.md"


@pytest.mark.parametrize("name", FILTERS)
def test_every_rule_names_its_source_a_column_and_a_key(name):
    cls = FILTERS[name]
    assert len({rule.reason for rule in cls.rules}) == len(cls.rules)
    for rule in cls.rules:
        assert rule.source
        assert rule.measurement in {**cls.columns, **cls.corpus_columns}
        assert rule.parameter in cls.Config.model_fields
