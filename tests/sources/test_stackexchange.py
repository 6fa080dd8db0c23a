"""Stack Exchange from dump to documents: every row accounted for, answers by score, bad input set aside."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.document import Document
from curate.errors import SetAside, UserError
from curate.inputs import InputFile, local_etag
from curate.sample.seven_zip_writer import METHODS, assemble, header, write_7z
from curate.sources import seven_zip_stream, stackexchange_count
from curate.sources.seven_zip import read_members
from curate.sources.seven_zip_stream import read_member
from curate.sources.source import Dropped, Outcome
from curate.sources.stackexchange import StackExchange, StackExchangeExtract
from curate.sources.stackexchange_buckets import Buckets, bucket_of
from curate.sources.stackexchange_rows import Row, attributes, read_rows
from curate.sources.stackexchange_tables import count_posts

SITE = "boats.stackexchange.com"


def posts_xml(posts: Iterable[dict[str, Any]], end: str = "</posts>") -> bytes:
    lines = [
        "  <row " + " ".join(f"{k}={quoteattr(str(v), {chr(10): '&#xA;'})}" for k, v in post.items()) + " />\r\n"
        for post in posts
    ]
    return ("<?xml version='1.0' encoding='utf-8'?>\r\n<posts>\r\n" + "".join(lines) + end).encode()


def question(identity: int, **more: Any) -> dict[str, Any]:
    post = {"Id": identity, "PostTypeId": 1, "CreationDate": "2014-01-01T00:00:00.000", "Score": 1}
    return {**post, "Title": f"Title {identity}", "Body": f"<p>Question {identity}</p>", **more}


def answer(identity: int, parent: int, score: int = 0, **more: Any) -> dict[str, Any]:
    post = {"Id": identity, "PostTypeId": 2, "ParentId": parent, "Score": score, "Body": f"<p>Answer {identity}</p>"}
    return {**post, "CreationDate": "2015-01-01T00:00:00.000", **more}


def item(path: Path) -> InputFile:
    return InputFile(str(path), path.name, path.stat().st_size, local_etag(str(path)))


def outcomes(path: Path, **config: Any) -> list[Outcome]:
    source = StackExchange(StackExchangeExtract(**config))
    source.survey([item(path)])
    return [found for piece in source.pieces(item(path), 0) for found in source.read(piece)]


def written(folder: Path, posts: Iterable[dict[str, Any]], name: str = f"{SITE}.7z") -> Path:
    path = folder / name
    data = posts_xml(posts)
    path.write_bytes(write_7z([("Posts.xml", data)]) if name.endswith(".7z") else data)
    return path


def documents(found: Iterable[Outcome]) -> list[Document]:
    return [one for one in found if isinstance(one, Document)]


def metadata(document: Document) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(document.metadata)
    return loaded


def test_a_question_and_its_answers_are_one_document_answers_by_score(tmp_path: Path) -> None:
    """Touvron et al. 2023, §2.1: "sorted the answers by score (from highest to lowest)"."""
    path = written(tmp_path, [answer(9, 1, 2), question(1, AcceptedAnswerId=9), answer(3, 1, 10), answer(2, 1, 9)])
    [document] = documents(outcomes(path))
    assert document.text == "Q: Title 1 Question 1\nA: Answer 3\nA: Answer 2\nA: Answer 9"
    assert document.url == f"https://{SITE}/questions/1"
    assert (document.title, document.language_declared) == ("Title 1", "en")
    assert [(a["id"], a["score"], a.get("accepted")) for a in metadata(document)["answers"]] == [
        (3, 10, None), (2, 9, None), (9, 2, True),
    ]  # fmt: skip
    assert document.date == "2015-01-01T00:00:00Z"


def test_scores_are_numbers_and_strings_only_for_parity(tmp_path: Path) -> None:
    """recipes §15, trap 1: RedPajama-v1 compares "9" > "2" > "10" > "-1"."""
    path = written(tmp_path, [question(1), answer(2, 1, 9), answer(3, 1, 2), answer(4, 1, 10), answer(5, 1, -1)])
    [fixed], [published] = documents(outcomes(path)), documents(outcomes(path, compat=["string_scores"]))
    assert [a["score"] for a in metadata(fixed)["answers"]] == [10, 9, 2, -1]
    assert [a["score"] for a in metadata(published)["answers"]] == [9, 2, 10, -1]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-50, 150), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_ties_go_by_number(tmp_path_factory, scores, random) -> None:
    folder = tmp_path_factory.mktemp("order")
    posts = [question(1), *(answer(10 + place, 1, score) for place, score in enumerate(scores))]
    expected = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    random.shuffle(posts)
    [document] = documents(outcomes(written(folder, posts)))
    assert [a["id"] - 10 for a in metadata(document)["answers"]] == expected


def test_the_layout_of_eleutherai_and_its_choice_of_answers(tmp_path: Path) -> None:
    """stackexchange-dataset: answers with a score of 3 or more, at most 3; questions without one are dropped."""
    posts = [question(1), *(answer(10 + score, 1, score) for score in (2, 3, 4, 5, 6)), question(2), answer(30, 2, 2)]
    found = outcomes(written(tmp_path, posts), layout="eleutherai", min_answer_score=3, max_answers=3, min_answers=1)
    [document] = documents(found)
    assert document.text == "Q:\n\nTitle 1\n\nQuestion 1\n\nA:\n\nAnswer 16\n\nA:\n\nAnswer 15\n\nA:\n\nAnswer 14"
    assert metadata(document)["answers_left_out"] == [13, 12]
    assert [(one.reason, one.url) for one in found if isinstance(one, Dropped)] == [
        ("few_answers", f"https://{SITE}/questions/2")
    ]


def test_a_question_without_answers_is_kept(tmp_path: Path) -> None:
    """RedPajama-v1: kept where it has a title."""
    assert documents(outcomes(written(tmp_path, [question(1)])))[0].text == "Q: Title 1 Question 1"
    [dropped] = outcomes(written(tmp_path, [question(1, Title="", Body="<p> </p>")]))
    assert isinstance(dropped, Dropped)
    assert dropped.reason == "empty"


def test_the_licence_names_every_version_that_a_part_is_under(tmp_path: Path) -> None:
    posts = [
        question(1, CreationDate="2010-01-01T00:00:00.000"),
        answer(2, 1, CreationDate="2012-01-01T00:00:00.000", LastEditDate="2019-01-01T00:00:00.000"),
        question(3, CreationDate="2012-01-01T00:00:00.000"),
        question(4),
        answer(5, 4, ContentLicense="secret"),
    ]
    mixed, single, unknown = documents(outcomes(written(tmp_path, posts)))
    assert mixed.licence == "CC-BY-SA-2.5 AND CC-BY-SA-4.0"
    assert single.licence == "CC-BY-SA-3.0"
    assert unknown.licence == ""


def test_who_wrote_each_post_is_kept(tmp_path: Path) -> None:
    posts = [question(1, OwnerUserId=7), answer(2, 1, OwnerDisplayName="a former user"), answer(3, 1)]
    [document] = documents(outcomes(written(tmp_path, posts)))
    kept = metadata(document)
    assert kept["question"]["author_url"] == f"https://{SITE}/users/7"
    assert [a.get("author", "") for a in kept["answers"]] == ["a former user", ""]


def test_what_is_no_question_or_answer_and_what_answers_nothing_is_dropped_by_name(tmp_path: Path) -> None:
    wiki = {"Id": 8, "PostTypeId": 5, "Body": "<p>About a tag</p>"}
    found = outcomes(written(tmp_path, [question(1), answer(2, 99), wiki]))
    assert [(one.reason, one.url) for one in found if isinstance(one, Dropped)] == [
        ("no_question", f"https://{SITE}/q/2"),
        ("other_post_type", f"https://{SITE}/q/8"),
    ]


def test_a_second_row_of_a_number_is_set_aside(tmp_path: Path) -> None:
    found = outcomes(written(tmp_path, [question(1), question(1, Body="<p>again</p>"), answer(2, 1), answer(2, 1)]))
    assert [one.reason for one in found if isinstance(one, SetAside)] == ["bad_row", "bad_row"]
    assert documents(found)[0].text == "Q: Title 1 Question 1\nA: Answer 2"


def test_a_post_nested_too_deep_is_set_aside_and_the_rest_of_its_thread_told(tmp_path: Path) -> None:
    deep = "<div>" * 3000
    found = outcomes(written(tmp_path, [question(1), answer(2, 1, Body=deep), question(3, Body=deep), answer(4, 3)]))
    assert [(one.reason, one.detail[:10]) for one in found if isinstance(one, SetAside)] == [
        ("too_deep", "answer 2: "), ("too_deep", "question 3"),
    ]  # fmt: skip
    assert documents(found)[0].text == "Q: Title 1 Question 1"
    assert [one.reason for one in found if isinstance(one, Dropped)] == ["no_question"]


@pytest.mark.parametrize("name", [f"{SITE}.7z", "Posts.xml"])
@pytest.mark.parametrize("bucket_bytes", [1 << 20, 4096, 900])
def test_buckets_change_nothing_but_the_order(tmp_path: Path, name: str, bucket_bytes: int) -> None:
    posts = [question(number) for number in range(1, 60)] + [answer(100 + n, 1 + n % 70, n % 13) for n in range(300)]
    folder = tmp_path / SITE
    folder.mkdir()
    path = written(folder, posts, name)
    whole = outcomes(path)
    parts = outcomes(path, bucket_bytes=bucket_bytes)
    key = repr
    assert sorted(map(key, parts)) == sorted(map(key, whole))
    assert len(documents(parts)) == 59
    assert documents(parts)[0].url.startswith(f"https://{SITE}/")


def test_buckets_are_even_though_numbers_have_a_stride() -> None:
    counts = Counter(bucket_of(question, 64) for question in range(0, 64 * 6400, 64))
    assert len(counts) == 64
    assert max(counts.values()) < 2 * min(counts.values())


def test_laying_rows_on_disk_takes_bounded_memory_and_gives_them_back_in_order() -> None:
    rows = [(number % 977, Row(number, b"%06d" % number * 200)) for number in range(20_000)]
    tracemalloc.start()
    held = Buckets(iter(rows), 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    back = [list(held.read(number)) for number in range(8)]
    assert sorted(row.offset for bucket in back for row in bucket) == list(range(20_000))
    assert all(bucket == sorted(bucket, key=lambda row: row.offset) for bucket in back)
    assert back[bucket_of(5, 8)][0] == rows[5][1]
    assert peak < 160 << 20
    held.close()


def test_a_bucket_that_a_hostile_file_fills_is_not_held(tmp_path: Path) -> None:
    posts = [question(1), *(answer(number, 1, Body="x" * 500) for number in range(2, 40))]
    found = outcomes(written(tmp_path, posts), bucket_bytes=2000)
    aside = [one for one in found if isinstance(one, SetAside)]
    assert {one.reason for one in aside} == {"too_large"}
    [document] = documents(found)
    assert len(aside) + 1 + len(metadata(document)["answers"]) == len(posts)


# ---- which sites ----


def three_sites(folder: Path) -> list[InputFile]:
    for name, count in (("a", 5), ("b", 9), ("c", 9)):
        written(folder, [question(number) for number in range(1, count + 1)], f"{name}.stackexchange.com.7z")
    return [item(path) for path in sorted(folder.glob("*.7z"))]


def read_all(inputs: list[InputFile], **config: Any) -> list[Outcome]:
    source = StackExchange(StackExchangeExtract(**config))
    source.survey(inputs)
    pieces = [piece for index, one in enumerate(inputs) for piece in source.pieces(one, index)]
    return [found for piece in pieces for found in source.read(piece)]


def test_the_largest_sites_are_those_with_the_most_posts_ties_by_name(tmp_path: Path) -> None:
    inputs = three_sites(tmp_path)
    for largest, hosts in ((1, {"b"}), (2, {"b", "c"}), (28, {"a", "b", "c"})):
        found = read_all(inputs, largest=largest)
        assert {document.url.split("//")[1][0] for document in documents(found)} == hosts
        assert sum(isinstance(one, Dropped) and one.reason == "other_site" for one in found) == 3 - len(hosts)


def test_two_dumps_of_a_site_are_one_site(tmp_path: Path) -> None:
    three_sites(tmp_path)
    written(tmp_path, [question(number) for number in range(1, 8)], "b.stackexchange.com-2013.7z")
    inputs = [item(path) for path in sorted(tmp_path.glob("*.7z"))]
    found = read_all(inputs, largest=2)
    assert {document.file[:1] for document in documents(found)} == {"b", "c"}
    assert len(documents(found)) == 9 + 7 + 9
    assert [one.detail for one in found if isinstance(one, Dropped)] == ["a.stackexchange.com"]


def test_sites_may_be_named_and_a_wrong_name_says_which_there_are(tmp_path: Path) -> None:
    inputs = three_sites(tmp_path)
    assert len(documents(read_all(inputs, sites=["a", "c.stackexchange.com"]))) == 14
    assert len(documents(read_all(inputs, sites=["a", "b"], largest=1))) == 9
    with pytest.raises(UserError, match=r"extract.sites: no input is of 'aa' \(did you mean 'a.stackexchange.com'\?\)"):
        read_all(inputs, sites=["aa"])


def test_a_dump_whose_name_says_no_site_takes_the_one_it_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, [question(1)], "mine.7z")
    assert documents(outcomes(path))[0].url == ""
    assert documents(outcomes(path, site="forum.example"))[0].url == "https://forum.example/questions/1"


def test_counting_counts_rows_as_far_as_a_file_can_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, [question(1), answer(2, 1), {"Id": 3, "PostTypeId": 5}])
    assert count_posts(str(path), "whole", 1 << 20) == 3
    (tmp_path / "x.7z").write_bytes(b"nothing")
    assert count_posts(str(tmp_path / "x.7z"), "broken", 1 << 20) == 0


def test_the_counts_are_printed_with_the_list_for_a_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    three_sites(tmp_path)
    monkeypatch.setattr("sys.argv", ["count", str(tmp_path), "--largest", "2"])
    stackexchange_count.main()
    assert capsys.readouterr().out.split("\n")[-2] == "sites: [b.stackexchange.com, c.stackexchange.com]"


# ---- bad input ----


def reasons(found: Iterable[Outcome]) -> list[str]:
    return [one.reason for one in found if isinstance(one, SetAside)]


def test_a_torn_archive_gives_what_it_holds_up_to_there(tmp_path: Path) -> None:
    data = posts_xml([question(number, Body=f"<p>{hash_text(number)}</p>") for number in range(1, 400)])
    packed = METHODS["bzip2"][2](data)
    cut = METHODS["lzma2"][2](data)[:9000]
    path = tmp_path / f"{SITE}.7z"
    path.write_bytes(assemble(cut, header([("Posts.xml", data)], b"\x21", b"\x10", len(cut), len(data))))
    found = outcomes(path)
    assert reasons(found)[-1] == "truncated"
    assert 0 < len(documents(found)) < 399
    path.write_bytes(write_7z([("Posts.xml", data)], "bzip2")[: len(packed) // 2])
    assert reasons(outcomes(path)) == ["truncated"]


def hash_text(number: int) -> str:
    import hashlib

    return hashlib.sha256(b"%d" % number).hexdigest()


def test_an_archive_whose_checksum_is_wrong_says_so_after_its_rows(tmp_path: Path) -> None:
    data = posts_xml([question(1)])
    path = tmp_path / f"{SITE}.7z"
    other = data.replace(b"Question 1", b"Question 2")
    path.write_bytes(write_7z([("Posts.xml", data)], "copy", packed=other))
    found = outcomes(path)
    assert len(documents(found)) == 1
    assert reasons(found) == ["corrupt"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"7z\xbc\xaf\x27\x1c and then nothing of the sort, for forty bytes", "corrupt"),
        (b"not an archive", "not_7z"),
        (b"", "not_7z"),
    ],
)
def test_what_is_no_archive_is_set_aside(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / f"{SITE}.7z").write_bytes(content)
    assert reasons(outcomes(tmp_path / f"{SITE}.7z")) == [reason]


def test_an_archive_of_another_table_is_dropped_by_name(tmp_path: Path) -> None:
    path = tmp_path / "stackoverflow.com-Badges.7z"
    path.write_bytes(write_7z([("Badges.xml", b"<badges></badges>")]))
    [dropped] = outcomes(path)
    assert isinstance(dropped, Dropped)
    assert (dropped.reason, dropped.detail) == ("other_table", "holds Badges.xml")


def test_a_bomb_is_set_aside_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seven_zip_stream, "RATIO_FROM", 1 << 20)
    path = tmp_path / f"{SITE}.7z"
    path.write_bytes(write_7z([("Posts.xml", posts_xml([question(1), question(2)], "") + bytes(8 << 20))]))
    found = outcomes(path, max_row_bytes="64KB")
    assert len(documents(found)) == 1
    assert reasons(found) == ["too_large", "bomb"]


def test_entities_of_a_doctype_are_never_expanded(tmp_path: Path) -> None:
    text = b'<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + posts_xml([question(1, Body="&b;")])
    (tmp_path / "Posts.xml").write_bytes(text)
    assert reasons(outcomes(tmp_path / "Posts.xml", site=SITE)) == ["doctype"]


def test_an_archive_of_several_sites_gives_each_its_own(tmp_path: Path) -> None:
    path = tmp_path / "all.7z"
    files = [(f"{name}.stackexchange.com/Posts.xml", posts_xml([question(1)])) for name in ("a", "b")]
    path.write_bytes(write_7z(files))
    found = documents(outcomes(path))
    assert [document.url[:10] for document in found] == ["https://a.", "https://b."]
    assert len({document.id for document in found}) == 2


# ---- real dumps ----


@pytest.mark.realdata
def test_every_row_of_the_real_dumps_is_accounted_for(real_stackexchange: Path) -> None:
    for path in sorted(real_stackexchange.glob("*.7z")):
        with path.open("rb") as handle:
            member = next(member for member in read_members(handle) if member.name == "Posts.xml")
            rows = list(read_rows(read_member(handle, member), 1 << 24))
        types = Counter[str]()
        for row in rows:
            assert isinstance(row, Row)
            found = attributes(row)
            assert isinstance(found, dict)
            types[found["PostTypeId"]] += 1
        out = outcomes(path)
        made = documents(out)
        dropped = [one for one in out if isinstance(one, Dropped)]
        assert not [one for one in out if isinstance(one, SetAside)]
        assert len(made) == types["1"]
        answers = sum(len(metadata(document)["answers"]) for document in made)
        assert answers + sum(one.reason == "no_question" for one in dropped) == types["2"]
        assert len(made) + answers + len(dropped) == len(rows)
        for document in made:
            scores = [a["score"] for a in metadata(document)["answers"]]
            assert scores == sorted(scores, reverse=True)
            assert document.licence
