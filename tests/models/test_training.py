"""Each kind of model trained from scratch, tiny, on text made here."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import kenlm
import pytest
import sentencepiece

from curate.errors import UserError
from curate.models import kenlm_tools, training_text
from curate.models.cards import write_card
from curate.models.fasttext_model import FastTextModel, one_line
from curate.models.perplexity import PerplexityModel
from curate.models.registry import card, resolve
from curate.models.supervised import chunks, operating_point, roc_auc, train_classifier
from curate.models.train_nsfw import salted, strung
from curate.models.train_perplexity import train_ngrams, train_unigram
from curate.models.train_quality import BANDS, balanced
from curate.models.training_text import TrainingText, in_hash_order, is_held_out

NOUNS = tuple("harbour bridge keeper lantern ferry window garden letter engine river teacher market".split())  # noqa: SIM905
VERBS = tuple("opened repaired painted crossed followed remembered sold measured".split())  # noqa: SIM905


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [
        f"the old {rng.choice(NOUNS)} {rng.choice(VERBS)} a {rng.choice(NOUNS)} near the {rng.choice(NOUNS)} "
        f"in {rng.randrange(1800, 2000)}."
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def kenlm_is_built() -> None:
    try:
        for tool in kenlm_tools.TOOLS:
            kenlm_tools.find_tool(tool)
    except UserError as error:
        pytest.skip(str(error))


class TestPerplexity:
    def test_the_vocabulary_falls_back_to_what_the_text_supports(self) -> None:
        lines = sentences(300)
        exact = sentencepiece.SentencePieceProcessor(model_proto=train_unigram(lines, [100_000, 80]))
        assert exact.get_piece_size() == 80
        fitted = sentencepiece.SentencePieceProcessor(model_proto=train_unigram(lines, [100_000, 90_000]))
        assert 20 < fitted.get_piece_size() < 90_000

    def test_no_text_is_a_clear_error(self) -> None:
        with pytest.raises(UserError, match="too little text"):
            train_unigram([])

    @pytest.mark.usefixtures("kenlm_is_built")
    def test_a_trained_model_prefers_the_language_it_saw(self, tmp_path: Path) -> None:
        lines = sentences(600)
        tokenizer, model = tmp_path / "sp.model", tmp_path / "lm.binary"
        tokenizer.write_bytes(train_unigram(lines, [120]))
        processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
        pieces = [processor.encode(line, out_type=str) for line in lines]
        train_ngrams(iter(pieces), model)
        assert kenlm.Model(str(model)).order == 5
        scorer = PerplexityModel(tokenizer, model)
        unseen, reversed_words = sentences(1, seed=9)[0], " ".join(sentences(1, seed=9)[0].split()[::-1])
        good, bad = scorer(unseen), scorer(reversed_words)
        assert good is not None
        assert bad is not None
        assert good < bad
        again = tmp_path / "again.binary"
        train_ngrams(iter(pieces), again)
        assert again.read_bytes() == model.read_bytes(), "the same text gives the same bytes"

    def test_missing_tools_are_named_with_the_command_that_builds_them(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("CURATE_KENLM_BIN", str(tmp_path))
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UserError, match=r"python -m curate\.models\.kenlm_tools"):
            kenlm_tools.find_tool("lmplz")
        with pytest.raises(UserError, match="apt-get install g\\+\\+ make libboost-program-options-dev"):
            kenlm_tools.build(tmp_path / "kenlm.tar.gz", tmp_path)


class TestClassifiers:
    SETTINGS: ClassVar[dict[str, Any]] = {
        "dim": 4,
        "epoch": 5,
        "lr": 0.5,
        "bucket": 1000,
        "wordNgrams": 2,
        "minCount": 1,
    }

    @staticmethod
    def examples() -> list[tuple[str, str]]:
        rng = random.Random(3)
        pools = {"wiki": NOUNS, "cc": ("buy", "cheap", "click", "deal", "sale", "offer", "free")}
        return [(label, " ".join(rng.choices(pool, k=12))) for _ in range(300) for label, pool in pools.items()]

    @pytest.mark.parametrize("quantize", [False, True])
    def test_a_trained_model_tells_its_classes_apart_and_is_the_same_each_time(
        self, tmp_path: Path, quantize: bool
    ) -> None:
        paths = [tmp_path / "one.bin", tmp_path / "two.bin"]
        for path in paths:
            train_classifier(self.examples(), path, quantize=quantize, **self.SETTINGS)
        assert paths[0].read_bytes() == paths[1].read_bytes()
        model = FastTextModel(paths[0])
        assert model.labels() == {"wiki", "cc"}
        good, bad = model.probability("harbour\nbridge keeper", "wiki"), model.probability("buy cheap\ndeal", "wiki")
        assert good is not None
        assert bad is not None
        assert good > 0.5 > bad

    @pytest.mark.parametrize("text", ["a\nb", "a\x00b", "\ud800", "\ud83d\ude00"])
    def test_a_text_is_one_valid_line(self, text: str) -> None:
        line = one_line(text)
        assert not set(line) & {"\n", "\x00"}
        line.encode()

    def test_roc_auc_counts_pairs(self) -> None:
        positive, negative = [0.9, 0.4, 0.4], [0.4, 0.1]
        pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
        assert roc_auc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))

    def test_an_operating_point_counts_scores_at_the_threshold_as_positive(self) -> None:
        assert operating_point([0.5, 0.2], [0.5, 0.1, 0.0, 0.0], 0.5) == {
            "threshold": 0.5,
            "precision": 0.5,
            "recall": 0.5,
            "false_positive_rate": 0.25,
        }

    def test_chunks_keep_all_but_a_short_rest_and_their_size(self) -> None:
        text = "\n".join(sentences(50))
        found = chunks(text, 300)
        assert text.startswith("\n".join(found))
        assert all(300 <= len(chunk) + 1 < 400 for chunk in found[:-1])
        assert len(text) - len("\n".join(found)) < 151
        assert chunks("short", 300) == []
        assert [len(chunk) for chunk in chunks("x" * 700, 300)] == [300, 300]

    def test_quality_examples_have_the_same_lengths_on_both_sides(self) -> None:
        positive, negative = ["p" * n for n in range(100, 5000, 7)], ["n" * n for n in range(100, 900, 5)]
        examples = balanced(positive, negative)
        lengths = {label: [len(text) for side, text in examples if side == label] for label in ("wiki", "cc")}
        assert len(lengths["wiki"]) == len(lengths["cc"]) > 0
        for band in BANDS:
            assert sum(n <= band for n in lengths["wiki"]) == sum(n <= band for n in lengths["cc"])
        assert len(set(examples)) == len(examples), "no piece is used twice"

    def test_posts_are_strung_together_without_losing_one(self) -> None:
        posts = [str(n) for n in range(100)]
        assert "\n".join(strung(posts)).split("\n") == posts

    def test_salt_is_added_and_the_text_stays(self) -> None:
        salt = salted("one two three four", ["X"], 0.5, random.Random(0)).split()
        assert salt.count("X") == 2
        assert [word for word in salt if word != "X"] == ["one", "two", "three", "four"]


class TestText:
    def test_wikitext_becomes_prose(self) -> None:
        source = (
            "{{Infobox|name=X}}'''Ferry''' is a [[boat|small boat]].<ref>Someone, 1999</ref> It floats.\n"
            "[[File:Ferry.jpg|thumb|A ''ferry'']]\n{| class=x\n| cell\n|}\n== History ==\nIt was [[built]].\n"
            "== References ==\n* gone\n[[Category:Boats]]"
        )
        assert training_text.plain_wikitext(source) == "Ferry is a small boat. It floats.\nHistory\nIt was built."

    def test_a_dump_gives_its_articles_and_leaves_redirects_and_talk_out(self, tmp_path: Path) -> None:
        prose = "A ferry is a boat that carries people across water. " * 10
        pages = [("Ferry", "0", prose), ("Boat", "0", "#REDIRECT [[Ferry]]"), ("Talk:Ferry", "1", prose)]
        xml = "".join(
            f"<page><title>{title}</title><ns>{ns}</ns><revision><text>{text}</text></revision></page>"
            for title, ns, text in pages
        )
        (tmp_path / "wikipedia").mkdir()
        with bz2.open(tmp_path / "wikipedia/dewiki-x.xml.bz2", "wt") as out:
            out.write(f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">{xml}</mediawiki>')
        [article] = training_text.wikipedia(tmp_path)
        assert (article.key, article.language, article.text) == ("wikipedia:de:Ferry", "de", prose.strip())

    def test_a_book_loses_its_licence_and_its_line_ends(self, tmp_path: Path) -> None:
        (tmp_path / "books").mkdir()
        (tmp_path / "books/b.txt").write_bytes(
            "Licence\nLanguage: French\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n"
            "Un été\r\n_très_ long.\r\n\r\nFin.\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\nMore licence".encode(
                "cp1252"
            )
        )
        [book] = training_text.books(tmp_path)
        assert (book.language, book.text) == ("fr", "Un été très long.\nFin.")

    def test_the_same_c4_text_is_read_once(self, tmp_path: Path) -> None:
        (tmp_path / "c4").mkdir()
        with gzip.open(tmp_path / "c4/x.json.gz", "wt") as out:
            for text in ("one", "two", "one"):
                out.write(json.dumps({"text": text, "url": "https://a.example"}) + "\n")
        assert [text.text for text in training_text.c4(tmp_path)] == ["one", "two"]

    def test_holding_out_goes_by_key_and_about_the_share_asked_for(self) -> None:
        keys = [f"document {n}" for n in range(5000)]
        assert sum(is_held_out(key, 10) for key in keys) == pytest.approx(500, abs=75)
        assert {key for key in keys if is_held_out(key, 5)} <= {key for key in keys if is_held_out(key, 10)}

    def test_hash_order_does_not_depend_on_the_order_read(self) -> None:
        texts = [TrainingText(str(n), "c4", "en", "") for n in range(50)]
        ordered = in_hash_order(texts)
        assert ordered == in_hash_order(texts[::-1]) != texts
        assert not all(int(one.key) < int(other.key) for one, other in pairwise(ordered))

    def test_input_hashes_name_every_file_and_an_empty_folder_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "books").mkdir()
        (tmp_path / "books/b.txt").write_bytes(b"text")
        wanted = {"books/b.txt": hashlib.sha256(b"text").hexdigest()}
        assert training_text.input_hashes(tmp_path, ["books/*.txt"]) == wanted
        with pytest.raises(UserError, match="no training data"):
            training_text.input_hashes(tmp_path, ["c4/*.gz"])


def test_a_card_is_found_by_the_models_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.bin").write_bytes(b"weights")
    write_card(
        tmp_path / "mine.bin", kind="x", languages=[], parameters={}, data={}, inputs={}, measured={"auc": 0.5}, extra=1
    )
    monkeypatch.setenv("CURATE_MODELS", str(tmp_path))
    described = card("mine@sha256:" + "0" * 64)
    assert described is not None
    assert described["sha256"] == resolve("mine").sha256
    assert described["extra"] == 1
