"""The quality classifier trained from scratch, both ways: sides that share no site, lengths that tell nothing, figures
of text it never saw, and the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from curate.cli import app
from curate.errors import UserError
from curate.models.fasttext_model import FastTextModel
from curate.models.quality_cli import _from_crawl
from curate.models.quality_data import LENGTHS, MOST_PIECES, Shingles, parted, pieces, side_key, site, usable
from curate.models.quality_figures import figures, threshold_keeping
from curate.models.registry import ModelFile, file_sha256
from curate.models.texts import TrainingText, is_held_out
from curate.models.train_quality import Recipe, examples_of
from curate.text.page import Page
from filters.quality import Quality, QualityConfig
from tests.models.prose import prose

LEARNED = ("treaty", "century", "dynasty", "province", "species", "museum", "archive", "bishop", "railway", "theorem")
SOLD = ("cart", "checkout", "coupon", "shipping", "login", "newsletter", "cheap", "deal", "wishlist", "bonus")
SMALL = [part for one in ("bucket=1000", "dim=4", "minCount=1", "lr=0.5") for part in ("--set", one)]


def text(key: str, content: str, url: str = "", kind: str = "text", language: str = "en") -> TrainingText:
    return TrainingText(key, kind, language, content, url)


def sides(count: int = 60) -> tuple[list[TrainingText], list[TrainingText]]:
    return (
        [text(f"g{n}", prose(LEARNED, n), kind="wikipedia") for n in range(count)],
        [text(f"b{n}", prose(SOLD, 1000 + n), f"http://shop{n}.example/", "crawl") for n in range(count)],
    )


def write(path: Path, texts: list[TrainingText]) -> Path:
    rows = ({"id": t.key, "text": t.text, "url": t.url, "source": t.kind, "language": t.language} for t in texts)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["models", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    good, bad = sides()
    write(folder / "good.jsonl", good)
    write(folder / "bad.jsonl", bad)
    command = ["--positives", folder / "good.jsonl", "--negatives", folder / "bad.jsonl", "--output", folder]
    run("train", "quality", *command, "--name", "mine", *SMALL)
    return folder


class TestTexts:
    """`--positives`, `--negatives`."""

    def test_the_model_is_what_the_filter_wants_and_its_card_says_how_good_it_is(self, trained: Path) -> None:
        card = json.loads((trained / "mine.card.json").read_text())
        assert (card["role"], card["languages"], card["sha256"]) == (
            "quality",
            ["en"],
            file_sha256(trained / "mine.ftz"),
        )
        assert card["measured"]["roc_auc"] > 0.95
        assert card["measured"]["operating_points"][0]["threshold"] == 0.25
        assert {"precision", "recall"} <= set(card["measured"]["operating_points"][0])
        assert set(card["measured"]["kept_at_threshold"]) == {"wikipedia", "crawl"}
        assert card["data"]["examples"]["wiki"] == card["data"]["examples"]["cc"] > 50
        documents = sum(card["data"]["documents"].values()) + sum(card["measured"]["held_out_documents"].values())
        assert documents == 120
        assert card["inputs"] == {name: file_sha256(trained / name) for name in ("bad.jsonl", "good.jsonl")}
        assert str(trained) not in json.dumps(card), "no folder of this machine"
        kept = Quality(QualityConfig(models={"en": str(trained / "mine.ftz")}))
        kept.load()
        good, bad = (kept.measure(Page(prose(words, 7), language="en")) for words in (LEARNED, SOLD))
        assert kept.decide(good) is None
        assert kept.decide(bad) is not None

    def test_the_command_of_the_card_gives_the_same_bytes_and_whatever_order_the_texts_are_in(
        self, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        card = json.loads((trained / "mine.card.json").read_text())
        good, bad = sides()
        write(tmp_path / "good.jsonl", good)
        write(tmp_path / "bad.jsonl", bad)
        monkeypatch.chdir(tmp_path)
        run(*card["command"].split()[2:], "--output", tmp_path)
        for name in ("mine.ftz", "mine.card.json"):
            assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()
        write(tmp_path / "good.jsonl", good[::-1])
        run(*card["command"].split()[2:], "--output", tmp_path, "--overwrite")
        assert (tmp_path / "mine.ftz").read_bytes() == (trained / "mine.ftz").read_bytes()

    def test_evaluating_on_its_own_files_gives_the_cards_figures_again(self, trained: Path) -> None:
        measured = json.loads((trained / "mine.card.json").read_text())["measured"]
        on = ["--on", trained / "good.jsonl", "--on", trained / "bad.jsonl"]
        again = json.loads(run("evaluate", trained / "mine.ftz", *on, "--json"))
        assert {key: again[key] for key in measured} == measured
        assert again["documents"] + again["trained_on"] == 120

    def test_files_it_never_saw_are_measured_whole(self, trained: Path, tmp_path: Path) -> None:
        new = write(tmp_path / "new.jsonl", [text("n", prose(LEARNED, 99)), text("m", "short")])
        again = json.loads(run("evaluate", trained / "mine.ftz", "--on", new, "--json"))
        assert (again["documents"], again["trained_on"]) == (1, 0)
        with pytest.raises(UserError, match="nothing to measure on"):
            run("evaluate", trained / "mine.ftz", "--on", write(tmp_path / "short.jsonl", [text("m", "short")]))

    def test_a_whole_model_can_be_written_and_replaces_the_other(self, trained: Path, tmp_path: Path) -> None:
        command = ["--positives", trained / "good.jsonl", "--negatives", trained / "bad.jsonl", "--output", tmp_path]
        (tmp_path / "mine.ftz").write_text("another")
        with pytest.raises(UserError, match="--overwrite"):
            run("train", "quality", *command, "--name", "mine", "--no-quantize", *SMALL)
        run("train", "quality", *command, "--name", "mine", "--no-quantize", "--overwrite", *SMALL)
        assert {path.name for path in tmp_path.iterdir()} == {"mine.bin", "mine.card.json"}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--positives", "a.jsonl"], "give --dump and --crawl, or --positives and --negatives"),
            (["--dump", "a", "--negatives", "b"], "give --dump and --crawl, or --positives and --negatives"),
            ([], "give --dump and --crawl, or --positives and --negatives"),
            (["--positives", "x", "--negatives", "y", "--lang", "English"], "ISO 639"),
            (["--positives", "absent", "--negatives", "absent", "--name", "m"], "no text at absent"),
            (["--dump", "absent", "--crawl", "absent", "--name", "m"], "no dump at absent"),
            (["--positives", "few.jsonl", "--negatives", "few.jsonl", "--name", "m"], "too few positive documents"),
            (["--positives", "few.jsonl", "--negatives", "few.jsonl", "--name", "m", "--set", "x=1"], "--set 'x=1'"),
            (["--positives", "x", "--negatives", "y", "--name", "quality-en"], "comes with curate"),
        ],
    )
    def test_a_mistake_is_one_line_that_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "few.jsonl", sides(5)[0])
        with pytest.raises(UserError, match=message) as told:
            run("train", "quality", *options, "--output", tmp_path)
        assert "\n" not in str(told.value)
        assert [path.name for path in tmp_path.iterdir()] == ["few.jsonl"]


class TestCrawl:
    """`--dump`, `--crawl`."""

    @staticmethod
    def dump(path: Path, urls: list[str]) -> Path:
        refs = "".join(f"&lt;ref>{url}&lt;/ref>" for url in urls)
        path.write_text(
            f"<mediawiki><page><title>T</title><ns>0</ns><revision><text>{refs}</text></revision></page></mediawiki>"
        )
        return path

    @staticmethod
    def wet(path: Path, pages: list[tuple[str, str]]) -> Path:
        records = b""
        for number, (url, content) in enumerate(pages):
            body = f"A title\n{content}".encode()
            records += (
                f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
                f"WARC-Target-URI: {url}\r\nWARC-Date: 2020-12-01T00:00:00Z\r\nContent-Type: text/plain\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            ).encode() + body
            records += b"\r\n\r\n"
        path.write_bytes(records)
        return path

    def test_pages_that_a_dump_cites_are_found_in_a_crawl_and_learnt_from(self, tmp_path: Path) -> None:
        cited = [(f"https://journal{n}.example/a?id={n}", prose(LEARNED, n, 10 + n % 5)) for n in range(60)]
        others = [(f"http://shop{n}.example/", prose(SOLD, 500 + n, 10 + n % 5)) for n in range(60)]
        german = "Der alte Hafen lag am Fluss, und die Brücke wurde im Winter repariert, bevor der Markt begann. " * 5
        more = [("http://kurz.example/", "Too short."), ("http://hafen.example/", german)]
        crawl = self.wet(tmp_path / "crawl.warc.wet", [*cited, *others, *more])
        dump = self.dump(tmp_path / "enwiki.xml", [url for url, _ in cited] + ["http://elsewhere.example/"])
        told = run("train", "quality", "--dump", dump, "--crawl", crawl, "--output", tmp_path, "--name", "m", *SMALL)
        assert "read: 122 pages, 1 of another language; 1 too short; cited by Wikipedia: 60 (of 61 addresses" in told
        card = json.loads((tmp_path / "m.card.json").read_text())
        assert (card["parameters"]["positive_kinds"], card["parameters"]["negative_kinds"]) == (["cited"], ["crawl"])
        assert card["parameters"]["piece_characters"] == [], "whole pages, as RedPajama-v1"
        assert card["measured"]["roc_auc"] > 0.95
        assert card["measured"]["keeping"]["share"] == 0.1
        assert set(card["inputs"]) == {"crawl.warc.wet", "enwiki.xml"}
        model = FastTextModel(tmp_path / "m.ftz")
        good, bad = (model.probability(prose(words, 3), "wiki") for words in (LEARNED, SOLD))
        assert good is not None
        assert bad is not None
        assert good > 0.5 > bad

    def test_a_finished_build_serves_as_the_crawl(self, tmp_path: Path, built: Path) -> None:
        urls = ["https://northfieldreview.example/", "http://nowhere.example/"]
        found, inputs, read = _from_crawl([self.dump(tmp_path / "enwiki.xml", urls)], [str(built)], "en", 1000, 0)
        assert len(found.positives) <= read["cited"]
        assert len(found.negatives) > 50
        assert read["other_language"] > 5
        assert {site(page.url) for page in found.positives} <= {"northfieldreview.example"}
        assert set(inputs) == {"enwiki.xml", f"{built.name}/summary.json"}

    def test_a_dump_that_cites_nothing_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no page is cited in"):
            _from_crawl([self.dump(tmp_path / "enwiki.xml", [])], [], "en", 10, 0)


class TestSides:
    def test_no_site_title_or_text_is_on_both_sides(self) -> None:
        good, bad = sides(200)
        more = [text(f"again{n}", prose(SOLD, 5000 + n), f"http://www.shop{n}.example/x", "crawl") for n in range(200)]
        parts = parted(good, [*bad, *more], 20)
        for number in (0, 1):
            trained, held_out = ({side_key(t) for t in part[number]} for part in (parts.trained, parts.held_out))
            assert not trained & held_out
            assert len(held_out) == pytest.approx(40, abs=20)
        assert sum(map(len, (*parts.trained, *parts.held_out))) == 600
        assert parts.copies == {"negatives": 0, "held_out": 0}

    def test_a_mirror_of_a_positive_is_no_negative_and_a_copy_is_not_held_out(self) -> None:
        good, bad = sides(60)
        mirror = text("mirror", f"Menu\n{good[0].text}\nFooter", "http://mirror.example/", "crawl")
        trained = next(t for t in bad if not is_held_out(side_key(t), 20))
        place = next(n for n in range(999) if is_held_out(f"site:copy{n}.example", 20))
        copy = text("copy", f"Home\n{trained.text}", f"http://copy{place}.example/", "crawl")
        parts = parted(good, [*bad, mirror, copy], 20)
        assert parts.copies == {"negatives": 1, "held_out": 1}
        every = [t.key for part in (parts.trained, parts.held_out) for side in part for t in side]
        assert sorted(every) == sorted(t.key for t in [*good, *bad])

    def test_the_share_of_shingles_is_one_of_itself_and_none_of_another(self) -> None:
        one, other = text("a", prose(LEARNED, 1, 60)), text("b", prose(SOLD, 2, 60))
        known = Shingles([one])
        assert (known.share(one), known.share(other), known.share(text("c", "short"))) == (1.0, 0.0, 0.0)
        assert Shingles([]).share(one) == 0.0

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("http://www.example.org/a", "example.org"),
            ("https://a.b.example.co.uk", "example.co.uk"),
            ("http://co.uk/", "co.uk"),
            ("http://example.de:80/", "example.de"),
            ("http://192.0.2.7/x", "192.0.2.7"),
            ("http://[2001:db8::1]/x", "[2001:db8::1]"),
            ("localhost", "localhost"),
            ("", ""),
        ],
    )
    def test_a_site_is_the_name_that_was_registered(self, url: str, name: str) -> None:
        assert site(url) == name

    def test_texts_that_are_short_or_foreign_or_there_already_are_left_out(self) -> None:
        english, german = prose(LEARNED, 1), "Der Hafen liegt an einem Fluss, und die alte Brücke führt darüber. " * 10
        given_ = [
            text("a", english),
            text("b", english.upper()),
            text("c", english[:200]),
            text("d", german, language=""),
            text("e", german, language="de"),
            text("f", prose(SOLD, 2), language=""),
        ]
        assert [t.key for t in usable(given_, "en")] == ["a", "f"]
        assert [t.key for t in usable(given_, "de")] == ["d"]


class TestLengths:
    def test_as_many_of_each_side_within_every_band_and_each_piece_once(self) -> None:
        good = [text(f"g{n}", prose(LEARNED, n, 100)) for n in range(20)]
        bad = [text(f"b{n}", prose(SOLD, 100 + n, 5 + n)) for n in range(60)]
        made = examples_of(good, bad, Recipe())
        lengths = [sorted(len(t) for label, t in made if label == side) for side in ("wiki", "cc")]
        assert len(lengths[0]) == len(lengths[1]) > 20
        assert all(max(one, other) / min(one, other) < 1.5 for one, other in zip(*lengths, strict=True))
        assert len(set(made)) == len(made)
        assert [label for label, _ in made] == ["wiki", "cc"] * (len(made) // 2)
        assert examples_of(good[::-1], bad[::-1], Recipe())[0] != ("", "")

    def test_a_book_has_no_more_pieces_than_its_share_and_they_are_of_all_of_it(self) -> None:
        book = text("book", "\n".join(f"line {n} " + "x" * 90 for n in range(5000)))
        found = pieces(book)
        assert len(found) <= MOST_PIECES * len(LENGTHS)
        assert "line 0 " in found[0]
        assert any("line 49" in piece or "line 48" in piece for piece in found)

    @given(st.integers(0, 30_000))
    @settings(max_examples=30)
    def test_whole_pages_are_cut_at_their_most(self, size: int) -> None:
        assert pieces(text("a", "x" * size), ()) == ["x" * min(size, 20_000)]


class TestFigures:
    @given(st.lists(st.integers(0, 20), min_size=1, max_size=50), st.floats(0.001, 1))
    def test_the_threshold_keeps_at_least_the_share_and_with_the_next_score_up_less(
        self, values: list[int], share: float
    ) -> None:
        scores = [value / 20 for value in values]
        threshold = threshold_keeping(scores, share)
        wanted = max(round(share * len(scores)), 1)
        assert threshold in scores
        assert sum(score >= threshold for score in scores) >= wanted
        assert sum(score > threshold for score in scores) < wanted

    def test_text_of_one_side_only_is_measured_as_far_as_it_goes(self, tmp_path: Path) -> None:
        from curate.models.supervised import train_classifier

        rows = [(label, f"{word} {n}") for n in range(50) for label, word in (("wiki", "treaty"), ("cc", "cart"))]
        train_classifier(rows, tmp_path / "m.bin", quantize=False, dim=2, epoch=5, minCount=1)
        model = FastTextModel(tmp_path / "m.bin")
        good, bad = sides(3)
        kinds: Any = (["wikipedia"], ["crawl"])
        alone = figures(model, good, *kinds, LENGTHS, 0.1)
        assert "roc_auc" not in alone
        assert "keeping" not in alone
        assert alone["held_out_documents"] == {"wikipedia": 3}
        both = figures(model, [*good, *bad], *kinds, LENGTHS, 0.1)
        assert both["roc_auc_by_kind"] == {"wikipedia over crawl": both["roc_auc"]}
        other = [text("o", prose(LEARNED, 50), kind="arxiv")]
        more = figures(model, [*good, *bad, *other], *kinds, LENGTHS, 0.1)
        assert more["roc_auc"] == both["roc_auc"], "a kind of neither side is in no figure of both"
        assert "arxiv over crawl" in more["roc_auc_by_kind"]


def test_a_model_without_a_card_is_not_guessed_at(tmp_path: Path) -> None:
    from curate.models.quality_figures import evaluate

    (tmp_path / "m.bin").write_bytes(b"x")
    with pytest.raises(UserError, match="has no card"):
        evaluate(ModelFile("m", tmp_path / "m.bin", "0"), [tmp_path])
