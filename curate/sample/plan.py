"""What the sample crawl holds: every capture, with what it is and what should become of it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from curate.sample import near, odd
from curate.sample.machine import MACHINE_PAGES
from curate.sample.reading import SpecialPage, Text
from curate.sample.records import Capture
from curate.sample.sites import ENGLISH_SITES, MIRROR_HOST, MIRROR_OF, OTHER_SITES, Site
from curate.sample.templates import View, paragraphs_html, render

_CODINGS = ("gzip", "br", "chunked", "", "", "", "", "")
_NEAR_HOSTS = ("northfieldreview.example", "opennotebook.example", "quarrylane.example", "everydayalmanac.example")
_LONG = 1200
"""Characters a text must have to be worth a near duplicate."""


_INNOCENT = re.compile(r"\b(?:tied up|butt)\b", re.IGNORECASE)
"""Words of the LDNOOBW list that the English articles use in their plain sense."""


def date_of(url: str) -> str:
    """A fixed moment in 2020 for each URL."""
    seed = zlib.crc32(url.encode())
    month, day = 1 + seed % 12, 1 + seed // 12 % 28
    return f"2020-{month:02d}-{day:02d}T{seed // 400 % 24:02d}:{seed // 9600 % 60:02d}:{seed // 576000 % 60:02d}Z"


def coding_of(url: str) -> str:
    return _CODINGS[zlib.crc32(url.encode()[::-1]) % len(_CODINGS)]


@dataclass(frozen=True, slots=True)
class Article:
    """A text at its place on a site."""

    text: Text
    site: Site
    number: int

    @property
    def path(self) -> str:
        return self.site.path.format(slug=self.text.slug, n=1000 + self.number)

    @property
    def url(self) -> str:
        return f"https://{self.site.host}{self.path}"

    @property
    def kind(self) -> str:
        if self.text.language != "en":
            return "article_other_language"
        return "low_article" if self.text.low else "article"

    @property
    def fate(self) -> str:
        return {"article": "kept", "low_article": "low_quality"}.get(self.kind, "not_english")

    @property
    def also(self) -> tuple[str, ...]:
        """A classifier may think otherwise of an article, and a word list may drop an innocent one."""
        if self.text.language != "en":
            return ()
        alarm = ("nsfw",) if _INNOCENT.search(" ".join(self.text.paragraphs)) else ()
        return ("kept" if self.text.low else "low_quality", *alarm)


def place_articles(texts: Sequence[Text]) -> list[Article]:
    """English texts are dealt to the English sites in turn, every other text goes to its language's site."""
    articles = []
    for number, text in enumerate(texts):
        english = ENGLISH_SITES[number % len(ENGLISH_SITES)]
        site = english if text.language == "en" else OTHER_SITES[text.language]
        articles.append(Article(text, site, number))
    return articles


def article_html(article: Article, paragraphs: Sequence[str] = (), charset_meta: str | None = None) -> str:
    """The article's page; `paragraphs` in place of its own where given."""
    site = article.site
    return render(
        View(
            site,
            article.text.title,
            paragraphs_html([*(paragraphs or article.text.paragraphs), *site.boilerplate]),
            date_of(article.url),
            related=[(f"{word} {article.number}", f"/{word.lower()}/") for word in ("Letters", "Weather", "Notices")],
            charset_meta='<meta charset="utf-8">' if charset_meta is None else charset_meta,
        )
    )


def article_capture(article: Article) -> Capture:
    return Capture(
        article.url,
        article_html(article).encode(),
        date_of(article.url),
        article.kind,
        article.fate,
        article.also,
        coding=coding_of(article.url),
        language=article.text.language,
    )


def with_charset(article: Article) -> Capture:
    """The article in the unusual charset of its language."""
    encoding, header, meta = odd.CHARSETS[article.text.language]
    html = article_html(article, charset_meta=f'<meta charset="{meta}">' if meta else "")
    return replace(
        article_capture(article),
        body=html.encode(encoding, "xmlcharrefreplace"),
        kind=odd.charset_kind(encoding, header, meta),
        content_type=f"text/html; charset={header}" if header else "text/html",
        coding="",
        note={"encoding": encoding},
    )


def index_page(site: Site, articles: Sequence[Article]) -> Capture:
    """The front page of a site: headlines and the first words of each article."""
    url = f"https://{site.host}/"
    entries = [
        f'<h3><a href="{a.path}">{escape(a.text.title)}</a></h3><p>{escape(a.text.paragraphs[0][:90])}... '
        f'<a href="{a.path}">Read more...</a></p>'
        for a in articles
    ]
    html = render(View(site, site.name, "\n".join(entries), date_of(url)))
    fate, also = (
        ("low_quality", ("kept", "line_deduplicated", "non_page")) if site.language == "en" else ("not_english", ())
    )
    also = (*also, "low_quality", "line_deduplicated", "non_page") if site.language != "en" else also
    return Capture(url, html.encode(), date_of(url), "index_page", fate, also, language=site.language)


def exact_duplicates(articles: Sequence[Article]) -> list[Capture]:
    """Eight articles again, as printer-friendly copies: the same bytes under other URLs."""
    captures = []
    for article in articles[:16:2]:
        url = f"https://{article.site.host}/print/{article.text.slug}"
        original = article_capture(article)
        captures.append(
            replace(original, url=url, date=date_of(url), kind="exact_duplicate", group=(article.url, url), coding="")
        )
    return [replace(capture, fate="exact_duplicate", also=("kept", "low_quality")) for capture in captures]


def variants_of_url(articles: Sequence[Article]) -> list[Capture]:
    """The same page with tracking parameters, by http, and under www."""
    captures = []
    forms = (
        "https://{host}{path}?utm_source=letter&utm_medium=mail",
        "http://{host}{path}",
        "https://www.{host}{path}",
    )
    for form, article in zip(forms, [a for a in articles if "?" not in a.path][:3], strict=True):
        url = form.format(host=article.site.host, path=article.path)
        group = (article.url, url)
        original = replace(article_capture(article), url=url, date=date_of(url), kind="url_variant", group=group)
        captures.append(replace(original, fate="exact_duplicate", also=("url_duplicate", "kept", "low_quality")))
    return captures


def earlier_captures(articles: Sequence[Article]) -> list[Capture]:
    """Four URLs as they were on New Year's Day: an older capture with another ending, which gives way."""
    note = "We will add to this story when we know more, and the next edition will carry the whole of it."
    captures = []
    for article in articles[:20:5]:
        paragraphs = [*article.text.paragraphs[:-1], note]
        html = article_html(article, paragraphs)
        older = replace(
            article_capture(article), body=html.encode(), date="2020-01-01T00:00:0" + date_of(article.url)[18:]
        )
        captures.append(replace(older, kind="url_recaptured", fate="url_duplicate"))
    return captures


def near_duplicates(articles: Sequence[Article]) -> list[Capture]:
    """Eight articles reworded on other sites, two with one paragraph changed, and a chain A ~ B ~ C."""
    long = [a for a in articles if a.text.characters >= _LONG and len(a.text.paragraphs) >= 4]
    spare = "The editors of this page have shortened the end of the article, and the whole of it may be read in print."
    captures = []

    def add(
        article: Article, number: int, paragraphs: list[str], kind: str, group: tuple[str, ...], **more: object
    ) -> None:
        host = _NEAR_HOSTS[number % len(_NEAR_HOSTS)]
        site = next(site for site in ENGLISH_SITES if site.host == host)
        copy = Article(article.text, replace(site, path="/reprint/" + str(number) + "/{slug}"), article.number)
        capture = replace(article_capture(copy), body=article_html(copy, paragraphs).encode(), kind=kind, group=group)
        also = ("kept", "low_quality", *(("line_deduplicated",) if more else ()))
        captures.append(replace(capture, fate="near_duplicate", also=also, note=dict(more)))

    def reprint(article: Article, number: int) -> str:
        return f"https://{_NEAR_HOSTS[number % len(_NEAR_HOSTS)]}/reprint/{number}/{article.text.slug}"

    for number, article in enumerate(long[:8]):
        group = (article.url, reprint(article, number))
        add(article, number, near.reworded(article.text.paragraphs), "near_duplicate_reworded", group)
    for number, article in enumerate(long[8:10], 8):
        changed = near.one_paragraph_changed(article.text.paragraphs, spare)
        group = (article.url, reprint(article, number))
        add(article, number, changed, "near_duplicate_paragraph", group, lines_shared=len(changed) - 1)
    head = (
        "An older page of ours began in another way, with a long story about the weather, which we have left out here."
    )
    a = long[10]
    chain = (a.url, reprint(a, 10), reprint(a, 11))
    later = near.later_version(a.text.paragraphs, 0.085, spare)
    add(a, 10, later, "near_duplicate_chain", chain)
    add(a, 11, near.earlier_version(later, 0.085, head), "near_duplicate_chain", chain)
    return captures


def mirror(captures: Sequence[Capture]) -> list[Capture]:
    """A whole site again under another host, byte for byte."""
    copies = []
    for capture in captures:
        if f"//{MIRROR_OF}/" in capture.url and capture.kind in ("article", "low_article"):
            url = capture.url.replace(MIRROR_OF, MIRROR_HOST)
            copy = replace(capture, url=url, date=date_of(url), kind="mirror", group=(capture.url, url))
            copies.append(replace(copy, fate="exact_duplicate", also=("kept", "low_quality")))
    return copies


def special_capture(page: SpecialPage) -> Capture:
    """A page of the pages/ folder, in the dress of its host's site, or of one picked by its host's name."""
    fields = page.fields
    host = fields["url"].split("/")[2]
    known = {site.host: site for site in ENGLISH_SITES}
    dress = ENGLISH_SITES[zlib.crc32(host.encode()) % len(ENGLISH_SITES)]
    site = known.get(host) or replace(dress, host=host, name=host.split(".")[0], boilerplate=())
    paragraphs = page.paragraphs + (list(site.boilerplate) if fields.get("boilerplate") == "site" else [])
    content = page.body if fields.get("format") == "html" else paragraphs_html(paragraphs)
    robots = f'<meta name="robots" content="{fields["robots"]}">' if "robots" in fields else ""
    if fields["kind"].startswith("wet"):
        body = "\n".join([fields["title"], *page.paragraphs]).encode()
    else:
        body = render(View(site, fields["title"], content, date_of(fields["url"]), head=robots)).encode()
    return Capture(
        fields["url"],
        body,
        date_of(fields["url"]),
        fields["kind"],
        fields["fate"],
        also=tuple(fields["also"].split()) if "also" in fields else (),
        headers=(("X-Robots-Tag", fields["x_robots"]),) if "x_robots" in fields else (),
        language=fields.get("lang", "en"),
    )


def machine_captures() -> list[Capture]:
    captures = []
    for number, (slug, (title, content)) in enumerate(MACHINE_PAGES.items()):
        site = replace(ENGLISH_SITES[number % 7], host="datadump.example", name="Data dump", boilerplate=())
        url = f"https://datadump.example/{slug}"
        html = render(View(site, title, content(), date_of(url)))
        also = ("not_english", "line_deduplicated", "non_page")
        captures.append(
            Capture(url, html.encode(), date_of(url), "machine_generated", "low_quality", also, language="en")
        )
    return captures


def english_charsets(articles: Sequence[Article]) -> dict[str, Capture]:
    """By URL: English articles with a BOM, in windows-1252 that says utf-8, with stray bytes, and as XHTML."""
    accented = [a for a in articles if any(ord(c) > 127 for p in a.text.paragraphs for c in p)] or articles
    changed = {}
    bom = article_capture(articles[-2])
    changed[bom.url] = replace(bom, body=b"\xef\xbb\xbf" + bom.body, kind="charset_bom", content_type="text/html")
    article = accented[0]
    wrong = article_html(article).encode("windows-1252", "xmlcharrefreplace")
    capture = replace(article_capture(article), body=wrong, kind="charset_wrong", coding="")
    changed[article.url] = replace(capture, note={"encoding": "windows-1252"})
    stray = article_capture(articles[-3])
    changed[stray.url] = replace(stray, body=stray.body.replace(b"</p>", b"\xff\x00\x8d</p>", 2), kind="broken_html")
    xhtml = article_capture(articles[-4])
    changed[xhtml.url] = replace(xhtml, kind="xhtml", content_type="application/xhtml+xml; charset=utf-8")
    bare = article_capture(articles[-5])
    changed[bare.url] = replace(bare, kind="no_content_type", content_type=None)
    return changed
