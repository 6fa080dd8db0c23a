"""Which pages are taken for cited ones and which for the others, and that neither order nor parts change it."""

from __future__ import annotations

import os
import random
import tracemalloc
from collections import Counter
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import UserError
from curate.inputs import resolve_inputs
from curate.models import cited_keys
from curate.models.cited_keys import CitedKeys, Gathered, among
from curate.models.cited_pages import (
    BAND,
    LEAST_CHARACTERS,
    MOST_CHARACTERS,
    CitedPages,
    TextSample,
    pages_of_build,
    pages_of_crawl,
    select_pages,
    text_key,
)
from curate.models.cited_urls import lookup_key
from curate.models.references import references

ROOT = Path(__file__).resolve().parent.parent.parent
Pages = list[tuple[str, str]]


def prose(number: int, length: int = 400) -> str:
    return " ".join(random.Random(number).choices([f"word{n}" for n in range(500)], k=length // 5))[:length]


def some_pages(count: int = 60, seed: int = 0) -> Pages:
    rng = random.Random(seed)
    return [(f"http://site{n % 40}.example/{n}", prose(n % 50, rng.randrange(200, 3000))) for n in range(count)]


def keys_of(*urls: str) -> CitedKeys:
    return CitedKeys.of(lookup_key(url) for url in urls)


EVERY_THIRD = keys_of(*[url for url, _ in some_pages()[::3]])


def test_a_page_is_cited_whatever_scheme_case_or_fragment_its_url_has() -> None:
    keys = keys_of("http://www.Example.org/a/#part", "https://b.example/?x=1&utm_source=y")
    urls = [
        "https://example.org/a",
        "http://b.example/?x=1",
        "http://example.org/b",
        "http://b.example/",
        "",
        "nonsense",
    ]
    assert keys.cited(urls).tolist() == [True, True, False, False, False, False]
    assert CitedKeys.of([]).cited(urls).tolist() == [False] * 6
    assert CitedKeys.of(["", ""]).cited([]).tolist() == []


def test_keys_are_each_held_once_and_survive_a_file(tmp_path: Path) -> None:
    keys = keys_of("http://a.example/", "https://a.example", "http://b.example/")
    assert len(keys) == 2
    path = str(tmp_path / "keys.npy")
    keys.save(path)
    assert np.array_equal(CitedKeys.load(path).hashes, keys.hashes)


@pytest.mark.parametrize(
    "stored", [None, b"", b"nonsense", np.array([2, 1], np.uint64), np.zeros((1, 1), np.uint64), np.array([1.0])]
)
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, stored: bytes | np.ndarray | None) -> None:
    path = tmp_path / "keys.npy"
    if isinstance(stored, bytes):
        path.write_bytes(stored)
    elif stored is not None:
        np.save(path, stored)
    with pytest.raises(UserError, match="holds no keys of cited pages"):
        CitedKeys.load(str(path))


@given(st.lists(st.lists(st.integers(0, 60))), st.integers(1, 9))
def test_gathering_in_pieces_gives_the_sorted_set(parts: list[list[int]], piece: int) -> None:
    gathered = Gathered()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cited_keys, "_PENDING", piece)
        for number, part in enumerate(parts):
            if number % 2:
                gathered.extend(np.array(part, np.uint64))
            else:
                for one in part:
                    gathered.add(one)
            if number % 5 == 3:
                gathered.sorted()
    everything = {one for part in parts for one in part}
    assert gathered.sorted().tolist() == sorted(everything)
    wanted = np.arange(62, dtype=np.uint64)
    assert np.flatnonzero(among(gathered.sorted(), wanted)).tolist() == sorted(everything)


def test_many_keys_take_a_few_times_eight_bytes_each(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 600_000
    tracemalloc.start()
    try:
        monkeypatch.setattr(cited_keys, "_PENDING", 1000)
        gathered = Gathered()
        rng = np.random.default_rng(0)
        for _ in range(30):
            gathered.extend(rng.integers(0, 1 << 63, 20_000, dtype=np.uint64))
        assert len(gathered.sorted()) == count
        assert tracemalloc.get_traced_memory()[1] < 5 * 8 * count
    finally:
        tracemalloc.stop()


@given(st.randoms(use_true_random=False), st.integers(1, 12), st.integers(1, 5), st.integers(0, 3))
def test_neither_order_nor_parts_of_the_input_change_the_sample(
    rng: random.Random, size: int, parts: int, seed: int
) -> None:
    pages = some_pages()
    whole = select_pages(EVERY_THIRD, pages, positives=size, negatives=2 * size, seed=seed)
    shuffled = rng.sample(pages, len(pages))
    cuts = sorted(rng.choices(range(len(pages) + 1), k=parts - 1))
    pieces = [shuffled[low:high] for low, high in zip([0, *cuts], [*cuts, len(pages)], strict=True)]
    read = [select_pages(EVERY_THIRD, piece, positives=size, negatives=2 * size, seed=seed) for piece in pieces]
    rng.shuffle(read)
    first, *others = read
    for other in others:
        first.merge(other)
    assert first.samples() == whole.samples()
    assert first.balanced() == whole.balanced()
    assert (first.pages, first.cited, first.short) == (whole.pages, whole.cited, whole.short)


def test_the_sample_is_the_texts_of_lowest_hash() -> None:
    pages = some_pages(50)
    sample = select_pages(CitedKeys.of([]), pages, positives=1, negatives=7, seed=5).samples()[1]
    ranks = {
        blake2b(text_key(text), key=b"5", digest_size=16).digest(): (url, text)
        for url, text in pages
        if len(text) >= LEAST_CHARACTERS
    }
    assert [(page.url, page.text) for page in sample] == [ranks[rank] for rank in sorted(ranks)[:7]]


def test_every_text_is_as_likely_to_be_sampled_as_any_other() -> None:
    texts = [prose(n) for n in range(20)]
    # Text 0 is on half of all pages, and as likely as the rest.
    pages = [(f"http://a.example/{n}", text) for n, text in enumerate(texts + [texts[0]] * 20)]
    seen: Counter[str] = Counter()
    for seed in range(600):
        chosen = select_pages(CitedKeys.of([]), pages, positives=1, negatives=5, seed=seed)
        seen.update(page.text for page in chosen.samples()[1])
    assert set(seen) == set(texts)
    # 600 draws of 5 in 20: 150 each, standard deviation 10.6; 4.5 of them.
    assert all(abs(count - 150) < 48 for count in seen.values())


def test_texts_that_differ_in_case_and_space_alone_are_one_and_the_first_url_names_it() -> None:
    text = prose(1)
    pages = [("http://b.example/", text), ("http://a.example/", text.upper()), ("http://c.example/", f" {text}\n")]
    ((page,), others) = select_pages(keys_of(*[url for url, _ in pages]), pages, positives=9, negatives=9).samples()
    assert (page.url, page.text, others) == ("http://a.example/", text.upper(), [])


def test_a_cited_text_is_never_a_negative_even_at_another_address_or_beyond_the_sample() -> None:
    texts = [prose(n) for n in range(30)]
    pages = [(f"http://cited.example/{n}", text) for n, text in enumerate(texts)]
    pages += [(f"http://mirror.example/{n}", text) for n, text in enumerate(texts)] + [("http://x.example/", prose(99))]
    keys = keys_of(*[url for url, _ in pages[:30]])
    positives, negatives = select_pages(keys, pages, positives=3, negatives=100).samples()
    assert len(positives) == 3
    assert [page.url for page in negatives] == ["http://x.example/"]


def test_captures_of_one_address_are_sampled_once() -> None:
    pages = [("http://a.example/", prose(1)), ("https://www.a.example", prose(2)), ("http://b.example/", prose(3))]
    _, negatives = select_pages(CitedKeys.of([]), pages, positives=1, negatives=9).samples()
    assert sorted(lookup_key(page.url) for page in negatives) == ["a.example", "b.example"]


def test_short_pages_are_left_out_and_long_ones_cut() -> None:
    pages = [
        ("http://a.example/", "x" * (LEAST_CHARACTERS - 1)),
        ("http://b.example/", "y" * LEAST_CHARACTERS),
        ("http://c.example/", "z" * (MOST_CHARACTERS + 1)),
    ]
    read = select_pages(keys_of("http://a.example/"), pages, positives=9, negatives=9)
    assert {page.url: len(page.text) for page in read.samples()[1]} == {
        "http://b.example/": LEAST_CHARACTERS,
        "http://c.example/": MOST_CHARACTERS,
    }
    assert (read.pages, read.cited, read.short) == (3, 1, 1)


def test_balanced_samples_have_as_many_pages_of_every_length() -> None:
    rng = random.Random(0)
    longer = [(f"http://cited.example/{n}", prose(n, rng.randrange(1000, 9000))) for n in range(300)]
    shorter = [(f"http://other.example/{n}", prose(n + 300, rng.randrange(300, 4000))) for n in range(600)]
    read = select_pages(keys_of(*[url for url, _ in longer]), longer + shorter, positives=300, negatives=600)
    lengths = [np.sort([len(page.text) for page in side]) for side in read.balanced()]
    assert len(lengths[0]) == len(lengths[1]) > 100
    ratio = lengths[0] / lengths[1]
    assert ratio.max() < BAND
    assert ratio.min() > 1 / BAND
    before = [np.mean([len(page.text) for page in side]) for side in read.samples()]
    assert before[0] > 2 * before[1]
    assert set(read.balanced()[0]) < set(read.samples()[0])


def test_nothing_is_balanced_with_nothing() -> None:
    assert select_pages(CitedKeys.of([]), some_pages(), positives=5, negatives=5).balanced() == ([], [])
    assert select_pages(EVERY_THIRD, [], positives=5, negatives=5).balanced() == ([], [])


@given(st.lists(st.tuples(st.text(), st.text())))
def test_no_url_and_no_text_stops_the_reading(pages: Pages) -> None:
    pages = [(url, text * LEAST_CHARACTERS) for url, text in pages] + [("\ud800", "\ud800\x00" * LEAST_CHARACTERS)]
    read = select_pages(EVERY_THIRD, pages, positives=2, negatives=2)
    assert read.pages == len(pages)
    read.balanced()


def test_samples_that_were_made_differently_do_not_merge() -> None:
    for other in (TextSample(4, 0), TextSample(3, 1)):
        with pytest.raises(ValueError, match="cannot be merged"):
            TextSample(3, 0).merge(other)
    with pytest.raises(ValueError, match="at least one"):
        TextSample(0, 0)


def test_memory_does_not_grow_with_the_crawl() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            pages = ((f"http://a.example/{n}", f"{n} " + "x" * 5000) for n in range(count))
            select_pages(EVERY_THIRD, pages, positives=10, negatives=20)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(12_000) < peak(3_000) + (1 << 20)


def test_the_documents_of_a_build_are_read_shard_by_shard(tmp_path: Path, built: Path) -> None:
    rows = [
        row
        for shard in sorted((built / "documents").glob("shard-*.parquet"))
        for row in pq.read_table(shard, columns=["url", "text"]).to_pylist()
    ]
    pages = list(pages_of_build(str(built)))
    assert pages == [(row["url"], row["text"]) for row in rows]
    assert len(pages) > 50
    with pytest.raises(UserError, match="no finished build"):
        next(pages_of_build(str(tmp_path)))


def test_a_crawl_gives_the_pages_that_its_build_extracts(built: Path, sample_crawl: Path) -> None:
    files = resolve_inputs([str(sample_crawl)], base=str(ROOT))
    crawled = Counter(pages_of_crawl(files))
    extracted = Counter(pages_of_build(str(built)))
    assert extracted
    assert not extracted - crawled


@pytest.mark.realdata
def test_pages_that_real_wikipedias_cite_are_told_from_the_rest_of_a_real_crawl(real_crawls: Path) -> None:
    dumps = sorted((real_crawls.parent / "wikipedia").glob("**/*wiki*.bz2"))
    if not dumps:
        pytest.skip("the real Wikipedia dumps are not here: set CURATE_REAL_DATA to their folder")
    keys = CitedKeys.of(reference.key for path in dumps for reference in references(path))
    assert len(keys) > 5000
    read = CitedPages(keys, TextSample(1000, 0), TextSample(300, 0))
    read.read(pages_of_crawl(resolve_inputs([str(real_crawls / "CC-MAIN-*.gz")], base=os.getcwd())))
    _, negatives = read.samples()
    assert read.pages > 20
    assert negatives
    assert not keys.cited([page.url for page in negatives]).any()


def test_pages_of_a_crawl_that_a_dump_cites_become_the_positives(tmp_path: Path, sample_crawl: Path) -> None:
    pages = list(pages_of_crawl(resolve_inputs([str(sample_crawl)], base=str(ROOT))))
    urls = sorted({url for url, text in pages if len(text) >= 2 * LEAST_CHARACTERS})[::5]
    forms = ["{{{{cite web|url={}}}}}", "[{}#part Title]", "[https://web.archive.org/web/20200101000000/{} T]", "{}"]
    refs = "".join(f"<ref>{form.format(url)}</ref>" for form, url in zip(forms * len(urls), urls, strict=False))
    text = refs.replace("&", "&amp;").replace("<", "&lt;")
    dump = tmp_path / "dump.xml"
    dump.write_text(
        f"<mediawiki><page><title>T</title><ns>0</ns><revision><text>{text}</text></revision></page></mediawiki>"
    )
    keys = CitedKeys.of(reference.key for reference in references(dump))
    positives, negatives = select_pages(keys, pages, positives=100, negatives=100).samples()
    cited = {lookup_key(url) for url in urls}
    assert len(cited) >= 4
    assert {lookup_key(page.url) for page in positives} == cited
    assert negatives
    assert not cited & {lookup_key(page.url) for page in negatives}
