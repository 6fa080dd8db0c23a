"""What every heuristic filter promises the stages that store its measurements and apply its rules later."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.page import Page
from filters.c4 import C4
from filters.filter import Filter
from filters.fineweb import FineWeb
from filters.gopher_quality import GopherQuality
from filters.gopher_repetition import GopherRepetition
from filters.mc4 import MC4
from filters.pii import PII
from filters.url import URL

FILTERS: list[type[Filter]] = [C4, MC4, GopherQuality, GopherRepetition, FineWeb, PII, URL]
TEXT = "One line of five words.\n\n- the #1 list…\nWrite to a@b.de or 8.8.8.8 now.\n{ lorem ipsum }\n- the #1 list…"

each = pytest.mark.parametrize("kind", FILTERS, ids=lambda kind: kind.name)


@each
@given(
    text=st.text(alphabet=st.characters(exclude_categories=[]))
    | st.sampled_from(["", "\x00", "\ud800", "\udfff \n", TEXT])
)
def test_any_text_gives_every_measurement_in_its_columns_type(kind: type[Filter], text: str) -> None:
    filter = kind(kind.Config())
    measured = filter.measure(Page(text, text, "en"))
    assert set(measured) == set(kind.columns)
    for name, value in measured.items():
        assert pa.array([value], kind.columns[name])[0].as_py() == value
    filter.edit(Page(text, text, "en"))


@each
def test_thresholds_change_neither_measurements_nor_text(kind: type[Filter]) -> None:
    off = kind(kind.Config.model_validate({rule.parameter: None for rule in kind.rules}))
    on = kind(kind.Config())
    page = Page(TEXT, "http://xxx.example/", "en")
    assert off.measure(page) == on.measure(page)
    assert off.edit(page) == on.edit(page)
    assert off.decide(off.measure(page)) is None


@each
def test_every_rule_names_a_column_a_setting_and_its_source(kind: type[Filter]) -> None:
    assert len({rule.reason for rule in kind.rules}) == len(kind.rules)
    for rule in kind.rules:
        assert rule.measurement in kind.columns
        assert rule.parameter in kind.Config.model_fields
        assert rule.source
