"""FineWeb's replacement of addresses, and Dolma's limit (recipes §10, §11)."""

from hypothesis import given
from hypothesis import strategies as st

from curate.text.page import Page
from filters.pii import IP_PLACEHOLDERS, PII, PIIConfig


def test_addresses_are_replaced_by_placeholders_in_turn() -> None:
    page = Page("a@b.de, c@d.fr, e@f.it at 8.8.8.8 not 10.0.0.1")
    assert PII(PIIConfig()).edit(page) == (
        "email@example.com, firstname.lastname@example.org, email@example.com at 22.214.171.124 not 10.0.0.1"
    )


def test_turns_begin_anew_with_every_page() -> None:
    filter = PII(PIIConfig())
    assert filter.edit(Page("a@b.de")) == filter.edit(Page("c@d.fr")) == "email@example.com"


def test_placeholders_are_the_users_to_choose_and_none_leaves_the_text() -> None:
    dolma = PII(PIIConfig(email_placeholders=("|||EMAIL_ADDRESS|||",), ip_placeholders=("|||IP_ADDRESS|||",)))
    assert dolma.edit(Page("a@b.de 8.8.8.8")) == "|||EMAIL_ADDRESS||| |||IP_ADDRESS|||"
    assert PII(PIIConfig(ip_placeholders=())).edit(Page("a@b.de 8.8.8.8")) == "email@example.com 8.8.8.8"
    assert PII(PIIConfig(email_placeholders=(), ip_placeholders=())).edit(Page("a@b.de 8.8.8.8")) is None


def test_telephone_numbers_are_counted_and_replaced_where_asked() -> None:
    page = Page("Tel. 030 / 123 45 67 or (202) 555-0123, a@b.de")
    filter = PII(PIIConfig(phone_placeholders=("555-0100", "555-0101")))
    assert filter.measure(page) == {"emails": 1, "ips": 0, "phones": 2, "count": 3}
    assert filter.edit(page) == "Tel. 555-0100 or 555-0101, email@example.com"
    assert PII(PIIConfig()).edit(page) == "Tel. 030 / 123 45 67 or (202) 555-0123, email@example.com"


def test_a_style_gives_the_placeholders_that_the_manifest_does_not() -> None:
    """recipes §11: Dolma v1.6's three."""
    page = Page("a@b.de 8.8.8.8 +1 202 555 0123")
    assert PII(PIIConfig(style="dolma")).edit(page) == "|||EMAIL_ADDRESS||| |||IP_ADDRESS||| |||PHONE_NUMBER|||"
    mine = PIIConfig(style="dolma", phone_placeholders=())
    assert PII(mine).edit(page) == "|||EMAIL_ADDRESS||| |||IP_ADDRESS||| +1 202 555 0123"
    assert PIIConfig.model_validate(mine.model_dump(mode="json")) == mine
    assert PIIConfig(style="fineweb") == PIIConfig()


def test_a_page_without_addresses_is_left_alone() -> None:
    assert PII(PIIConfig()).edit(Page("Nothing @ all, 3.5 of 10.0.0.1.")) is None


def test_five_addresses_are_kept_and_six_drop_the_page_where_asked() -> None:
    """recipes §11, Dolma v1.6: "PII count >5 → drop document"."""
    five, six = Page("a@b.de " * 4 + "8.8.8.8"), Page("a@b.de " * 4 + "8.8.8.8 1.1.1.1")
    filter = PII(PIIConfig(max_count=5))
    assert filter.measure(six) == {"emails": 4, "ips": 2, "phones": 0, "count": 6}
    assert filter.decide(filter.measure(five)) is None
    assert filter.decide(filter.measure(six)) is not None
    assert PII(PIIConfig()).decide(filter.measure(six)) is None


@given(st.lists(st.sampled_from(["a@b.de", "8.8.8.8", "word", "\n", "@", "x@y"]), max_size=20).map(" ".join))
def test_an_edited_page_holds_only_placeholders_and_edits_to_itself(text: str) -> None:
    filter = PII(PIIConfig())
    edited = filter.edit(Page(text))
    assert (edited is None) == ("a@b.de" not in text and "8.8.8.8" not in text)
    if edited is not None:
        assert filter.edit(Page(edited)) is None
        assert "a@b.de" not in edited
        assert filter.measure(Page(edited)) == filter.measure(Page(text))


def test_the_ip_placeholders_are_addresses_themselves() -> None:
    assert PII(PIIConfig()).measure(Page(" ".join(IP_PLACEHOLDERS)))["ips"] == len(IP_PLACEHOLDERS)
