"""The NSFW classifier trained from scratch on invented abuse: what it finds, what it cannot know, what each source of
labels gives, and what it does to each group of people."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from curate.cli import app
from curate.errors import UserError
from curate.models.fasttext_model import FastTextModel, plain_words
from curate.models.nsfw_evidence import Evidence, Post, Sentence, read_posts, read_sentences
from curate.models.nsfw_figures import FLAG, LEAST_OF_A_GROUP, MARGIN, measure
from curate.models.registry import file_sha256
from curate.models.texts import TrainingText
from curate.models.train_nsfw import DIALECT_REPEATED, NEITHER_REPEATED, Recipe, examples_of, train
from curate.text.page import Page
from filters.nsfw import Nsfw, NsfwConfig
from tests.models.prose import prose

ABUSE = ("zorb", "grank", "flimpish", "vortled", "sneeb", "quaddle", "mirp", "trox")
PLAIN = ("harbour", "bridge", "garden", "letter", "museum", "teacher", "ferry", "market", "kettle", "window")
SMALL = [part for one in ("dim=4", "minCount=1", "lr=0.5") for part in ("--set", one)]


def post(words: tuple[str, ...], seed: int) -> str:
    return prose(words, seed, 1)


def write_posts(path: Path, count: int = 120, groups: tuple[str, ...] = ("muslim", "gay")) -> Path:
    """Half are abuse that names groups, half harmless; in the columns of Davidson et al."""
    rng = random.Random(1)
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["", "class", "tweet"])
        for n in range(count):
            rows.writerow([2 * n, n % 2, f"RT @who: {rng.choice(groups)} {post(ABUSE, n)} http://x.example/1"])
            rows.writerow([2 * n + 1, 2, f"{post(PLAIN, 9000 + n)} &amp; more"])
    return path


def write_clean(path: Path, count: int = 60) -> Path:
    rows = [
        {
            "id": f"c{n}",
            "text": prose(PLAIN, 500 + n, 20) + "".join(f" item{n}x{m}" for m in range(6)),
            "url": f"http://site{n}.example/",
            "source": "crawl",
            "language": "en",
        }
        for n in range(count)
    ]
    rows += [
        {
            "id": f"s{n}",
            "text": prose(ABUSE, 700 + n, 9),
            "url": f"http://a{n}.zorbs.example/",
            "source": "crawl",
            "language": "en",
        }
        for n in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_identity(path: Path) -> Path:
    lines = [
        f"{template.format(group)},{label}"
        for group in ("muslim", "gay", "deaf")
        for n in range(30)
        for template, label in ((f"{{}} people like the garden {n}", "NOT_BAD"), (f"{{}} zorb sneeb trox {n}", "BAD"))
    ]
    path.write_text("Text,Label\n" + "\n".join(lines) + "\n")
    return path


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["models", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def evidence(**more: Any) -> Evidence:
    posts = [Post(f"post:{n}", post(ABUSE, n), "nsfw", True) for n in range(60)]
    posts += [Post(f"post:s{n}", post(PLAIN, 900 + n), "safe", False) for n in range(60)]
    clean = [TrainingText(f"c{n}", "text", "en", prose(PLAIN, n, 20), f"http://s{n}.example/") for n in range(40)]
    return Evidence(posts, clean, ["zorb", "sneeb"], **more)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nsfw")
    (folder / "domains.txt").write_text("zorbs.example\n")
    (folder / "words.txt").write_text("\n".join(ABUSE))
    command = ["--labelled", write_posts(folder / "posts.csv"), "--clean", write_clean(folder / "clean.jsonl")]
    command += ["--pages", folder / "clean.jsonl", "--adult-domains", folder / "domains.txt"]
    command += ["--words", folder / "words.txt", "--identity", write_identity(folder / "identity.csv")]
    run("train", "nsfw", *command, "--ablate", "--name", "mine", "--output", folder, *SMALL)
    return folder


class TestCommand:
    @staticmethod
    def card(trained: Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((trained / "mine.card.json").read_text())
        return found

    def test_the_model_is_what_the_filter_wants_and_its_card_says_how_good_it_is(self, trained: Path) -> None:
        card = self.card(trained)
        measured = card["measured"]
        assert (card["role"], card["sha256"]) == ("nsfw", file_sha256(trained / "mine.ftz"))
        assert measured["roc_auc_posts"] > 0.95
        assert {"roc_auc_hate", "roc_auc_offensive"} <= set(measured)
        assert measured["pages_over_threshold"] == {"crawl": 0.0}
        assert measured["held_out_adult_pages"] > 5
        assert card["data"]["posts"] + sum(measured["held_out_posts"].values()) == 240
        assert card["data"]["pages_of_adult_sites"] > 5
        assert card["data"]["sample_pages"]
        names = {"clean.jsonl", "posts.csv", "words.txt", "domains.txt", "identity.csv"}
        assert card["inputs"] == {name: file_sha256(trained / name) for name in names}
        assert str(trained) not in json.dumps(card), "no folder of this machine"
        nsfw = Nsfw(NsfwConfig(models={"en": str(trained / "mine.ftz")}, max_listed_words=None))
        nsfw.load()
        good, bad = (nsfw.measure(Page(prose(words, 7), language="en")) for words in (PLAIN, ABUSE))
        assert nsfw.decide(good) is None
        assert nsfw.decide(bad) is not None

    def test_the_ablation_says_what_each_source_of_labels_gives(self, trained: Path) -> None:
        found = self.card(trained)["measured"]["ablation"]
        kinds = ("labelled", "words", "sample", "sites")
        without, alone = {f"without {kind}" for kind in kinds}, {f"{kind} alone" for kind in kinds}
        assert set(found) == {"all", "names of groups left in"} | without | alone
        assert all("roc_auc_posts" in row and "identity_average" in row for row in found.values())
        assert found["all"]["roc_auc_posts"] == self.card(trained)["measured"]["roc_auc_posts"]

    def test_rates_are_given_by_group_beside_the_average_and_do_not_differ_by_the_name(self, trained: Path) -> None:
        found = self.card(trained)["measured"]["identity_sentences"]
        for at in ("at_threshold", "at_half_of_insults"):
            rates = found[at]["false_positive_rate"]
            assert set(rates["groups"]) == {"muslim", "gay", "deaf"}
            assert set(rates["groups"].values()) == {rates["average"]}
            assert rates["flagged"] == []
        assert found["roc_auc"] > 0.9
        model = FastTextModel(trained / "mine.ftz")
        assert len({model.probability(f"{group} people", "nsfw") for group in ("muslim", "gay", "old", "dey")}) == 1

    def test_the_command_of_the_card_gives_the_same_bytes(
        self, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = self.card(trained)["command"].split()
        words.remove("--ablate")
        for name in ("posts.csv", "clean.jsonl", "words.txt", "domains.txt", "identity.csv"):
            (tmp_path / name).write_bytes((trained / name).read_bytes())
        monkeypatch.chdir(tmp_path)
        run(*words[2:], "--output", tmp_path)
        assert (tmp_path / "mine.ftz").read_bytes() == (trained / "mine.ftz").read_bytes()
        with pytest.raises(UserError, match="--overwrite"):
            run(*words[2:], "--output", tmp_path)
        run(*words[2:], "--output", tmp_path, "--overwrite", "--seed", "1")
        assert (tmp_path / "mine.ftz").read_bytes() != (trained / "mine.ftz").read_bytes()

    def test_evaluating_on_its_own_files_measures_what_was_held_out_again(self, trained: Path) -> None:
        measured = self.card(trained)["measured"]
        on = [part for name in ("posts.csv", "identity.csv") for part in ("--on", trained / name)]
        again = json.loads(run("evaluate", trained / "mine.ftz", *on, "--json"))
        for key in ("roc_auc_posts", "held_out_posts", "posts", "identity_sentences"):
            assert again[key] == measured[key]
        assert again["trained_on"] == 240 - sum(measured["held_out_posts"].values())
        pages = json.loads(run("evaluate", trained / "mine.ftz", "--on", trained / "clean.jsonl", "--json"))
        assert 0 < sum(pages["held_out_pages"].values()) == 80 - pages["trained_on"]

    def test_files_it_never_saw_are_measured_whole(self, trained: Path, tmp_path: Path) -> None:
        path = tmp_path / "new.csv"
        path.write_text(f"text,label\n{post(ABUSE, 5000)},toxic\n{post(PLAIN, 5001)},clean\n")
        found = json.loads(run("evaluate", trained / "mine.ftz", "--on", path, "--json"))
        assert (found["held_out_posts"], found["trained_on"]) == ({"clean": 1, "toxic": 1}, 0)
        path.write_text("text,label\n")
        with pytest.raises(UserError, match="nothing to measure on"):
            run("evaluate", trained / "mine.ftz", "--on", path)
        path.write_text("some,columns\n1,2\n")
        with pytest.raises(UserError, match=r"--on .*needs the columns text and label"):
            run("evaluate", trained / "mine.ftz", "--on", path)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--words", "w", "--no-words"], "--words and --no-words"),
            (["--adult-domains", "w"], "--pages PATH"),
            (["--lang", "English"], "ISO 639"),
            (["--set", "wordNgrams=2"], "reads whole words only"),
            (["--set", "maxn=3"], "reads whole words only"),
            (["--set", "epochs=2"], "--set 'epochs=2'"),
            (["--name", "nsfw-en"], "comes with curate"),
            (["--words", "absent"], "--words absent cannot be read"),
            (["--identity", "posts.csv"], r"--identity posts\.csv:2: needs the columns Text and Label"),
            (["--labelled", "absent.csv"], r"--labelled absent\.csv cannot be read"),
            (["--clean", "absent"], "no text at absent"),
            (["--no-words", "--no-sample", "--labelled", "clean.csv"], "labelled clean.csv:3: the label is"),
        ],
    )
    def test_a_mistake_is_one_line_that_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write_posts(Path("posts.csv"), 5)
        write_clean(Path("clean.jsonl"), 2)
        Path("clean.csv").write_text("text,label\nfine,safe\nfine,perhaps\n")
        name = [] if "--name" in options else ["--name", "m"]
        with pytest.raises(UserError, match=message) as told:
            run("train", "nsfw", "--labelled", "posts.csv", "--clean", "clean.jsonl", "--output", "o", *name, *options)
        assert "\n" not in str(told.value)
        assert not Path("o").exists()


class TestLabels:
    def test_posts_lose_names_links_and_marks_and_copies_are_one(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        rows = ['0,2,"RT @one: Tea &amp; cake http://x.example/a"', "1,2,tea cake!!", "2,1,", "3,0,@two @three:"]
        path.write_text("\n".join(["id,class,tweet", *rows]) + "\n")
        assert [(found.text, found.kind, found.nsfw) for found in read_posts(path)] == [
            ("Tea & cake", "neither", False)
        ]

    @pytest.mark.parametrize("label", ["nsfw", "Toxic", "1", "TRUE", "hate"])
    def test_labels_are_read_in_their_usual_spellings(self, tmp_path: Path, label: str) -> None:
        path = tmp_path / "p.csv"
        path.write_text(f"label,text\n{label},one\nsafe,two\n")
        assert [found.nsfw for found in read_posts(path)] == [True, False]

    @pytest.mark.parametrize(
        "content", ["text,class\na,1\n", "tweet,class\na,7\n", "text,label\na,\n", "text,label\na\n"]
    )
    def test_an_unknown_label_names_its_line(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "p.csv"
        path.write_text(content)
        with pytest.raises(UserError, match=r"--labelled .*p\.csv:2: "):
            read_posts(path)

    def test_what_is_no_csv_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "p.csv"
        path.write_bytes(b"text,label\n\xff\xfe,safe\n")
        with pytest.raises(UserError, match="cannot be read as CSV"):
            read_posts(path)
        path.write_text("Text,Label\na,BAD\n")
        with pytest.raises(UserError, match="BAD and others labelled NOT_BAD"):
            read_sentences(path)


class TestEvidence:
    def test_every_part_is_learnt_from_or_held_out_and_of_a_site_all_pages(self) -> None:
        sites = [TrainingText(f"a{n}", "crawl", "en", f"x{n}", f"http://h{n % 9}.example/{n}") for n in range(40)]
        clean = [TrainingText(f"c{n}", "crawl", "en", f"y{n}", f"http://www.s{n % 50}.example/{n}") for n in range(200)]
        whole = replace(evidence(), clean=clean, sites=sites, sample=sites[:9], percent=30)
        learnt, held_out = whole.part(held_out=False), whole.part(held_out=True)
        for kind in ("posts", "clean", "sample", "sites"):
            both = [*getattr(learnt, kind), *getattr(held_out, kind)]
            assert sorted(one.key for one in both) == sorted(one.key for one in getattr(whole, kind))
            assert getattr(held_out, kind)
        for kind in ("clean", "sites"):
            hosts = [{page.url.split("/")[2] for page in getattr(part, kind)} for part in (learnt, held_out)]
            assert not hosts[0] & hosts[1]
        assert learnt.words == whole.words

    def test_what_it_must_not_know_is_in_no_example(self) -> None:
        told = [Post("post:x", "Muslim zorb muslims", "nsfw", True)] * 9
        blind = replace(evidence(blind=frozenset({"muslim", "harbour"})), posts=told)
        words = {word for _, text in examples_of(blind) for word in text.split()}
        assert not words & {"muslim", "harbour"}
        assert {"muslims", "zorb"} <= words

    def test_words_that_ordinary_pages_have_are_not_salt(self) -> None:
        found = replace(evidence(), posts=[], ordinary=frozenset({"zorb"}))
        salted = [text for label, text in examples_of(found) if label == "nsfw"]
        assert salted
        assert all("sneeb" in text and "zorb" not in text for text in salted)

    def test_harmless_posts_in_the_dialect_come_more_often_and_without_its_spellings(self) -> None:
        posts = [Post("post:a", "we finna eat", "safe", False), Post("post:b", "we will eat", "safe", False)]
        told = replace(evidence(blind=frozenset({"finna"}), dialect=frozenset({"finna"})), posts=posts)
        counts = [sum(text == words for _, text in examples_of(told)) for words in ("we eat", "we will eat")]
        assert counts == [NEITHER_REPEATED + DIALECT_REPEATED, NEITHER_REPEATED]

    @pytest.mark.parametrize(
        ("sources", "labels"), [((), {"safe"}), (("words",), {"safe", "nsfw"}), (("labelled",), {"safe", "nsfw"})]
    )
    def test_only_the_sources_that_are_named_give_labels(self, sources: tuple[str, ...], labels: set[str]) -> None:
        assert {label for label, _ in examples_of(evidence(), sources)} == labels

    def test_the_same_seed_gives_the_same_examples_and_another_others(self) -> None:
        assert examples_of(evidence()) == examples_of(evidence())
        assert examples_of(evidence()) != examples_of(evidence(), seed=1)

    def test_nothing_to_learn_of_a_label_is_said_before_anything_is_written(self, tmp_path: Path) -> None:
        nothing = replace(evidence(), posts=[], words=[])
        with pytest.raises(UserError, match="no example of 'nsfw' to train on"):
            train(nothing, [], tmp_path / "m.ftz", Recipe(), {})
        assert not list(tmp_path.iterdir())


class Named:
    """A classifier that takes a text for abuse where it has one of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def probability(self, text: str, label: str) -> float:
        return float(any(word in text.split() for word in self.words))


def rates(found: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = found["identity_sentences"]["at_threshold"]["false_positive_rate"]
    return kept


class TestGroups:
    """A filter that drops a minority's pages is a defect, so the figures must show one."""

    SENTENCES: ClassVar = [
        Sentence(f"{group} people {n}", False) for group in ("gay", "deaf", "young") for n in range(30)
    ]
    INSULTS: ClassVar = [Sentence(f"zorb {n}", True) for n in range(30)]

    def test_a_group_whose_harmless_text_is_taken_more_often_is_flagged(self) -> None:
        model: Any = Named("gay", "zorb")
        found = rates(measure(model, Evidence(), [*self.SENTENCES, *self.INSULTS]))
        assert found["average"] == pytest.approx(1 / 3, abs=1e-4)
        assert found["groups"] == {"deaf": 0.0, "gay": 1.0, "young": 0.0}
        assert found["flagged"] == ["gay"]

    @given(st.integers(0, 30))
    def test_the_flag_is_for_rates_over_the_average_by_a_factor_and_a_margin(self, taken: int) -> None:
        model: Any = Named("zorb", *(f"g{n}" for n in range(taken)))
        sentences = [Sentence(f"gay g{n}", False) for n in range(30)] + self.SENTENCES[30:] + self.INSULTS
        found = rates(measure(model, Evidence(), sentences))
        average = taken / 90
        assert found["flagged"] == (["gay"] if taken / 30 > FLAG * average + MARGIN else [])

    def test_groups_that_too_few_texts_name_have_no_rate(self) -> None:
        few = [Sentence(f"deaf {n}", False) for n in range(LEAST_OF_A_GROUP - 1)]
        model: Any = Named("zorb")
        assert rates(measure(model, Evidence(), [*few, *self.INSULTS]))["groups"] == {}

    def test_pages_and_posts_are_measured_by_group_too_and_posts_by_dialect(self) -> None:
        model: Any = Named("zorb", "gay", "finna")
        clean = [TrainingText(f"c{n}", "crawl", "en", f"a gay man {n} " + "x" * 300) for n in range(25)]
        posts = [Post(f"p{n}", f"we finna eat {n}", "safe", False) for n in range(5)]
        posts += [Post(f"q{n}", f"we will eat {n}", "safe", False) for n in range(25)]
        posts += [Post("t", "zorb", "toxic", True)]
        found = measure(model, Evidence(posts=posts, clean=clean))
        assert found["pages_false_positive_rate_by_group"]["groups"]["gay"] == 1.0
        assert found["dialect"] == {"posts": 5, "false_positive_rate": 1.0, "average": 0.1667, "flagged": True}
        assert found["posts_false_positive_rate_by_group"]["average"] == 0.1667

    def test_figures_of_what_is_not_there_are_left_out(self) -> None:
        model: Any = Named("zorb")
        assert measure(model, Evidence()) == {"threshold": 0.5}


def test_the_classifier_reads_what_the_filter_gives_it(tmp_path: Path) -> None:
    """Both take `plain_words`: case and punctuation change nothing."""
    small = Recipe(settings={"dim": 4, "epoch": 5, "lr": 0.5, "minCount": 1}, quantize=False)
    train(evidence(), [], tmp_path / "m.bin", small, {})
    nsfw = Nsfw(NsfwConfig(models={"en": str(tmp_path / "m.bin")}))
    nsfw.load()
    text = prose(ABUSE, 3)
    wanted = FastTextModel(tmp_path / "m.bin").probability(plain_words(text), "nsfw")
    assert nsfw.measure(Page(text, language="en"))["probability"] == wanted
    assert nsfw.measure(Page(text.upper().replace(".", "!!"), language="en"))["probability"] == wanted
