"""StackExchange: the archive's `.7z` of a site, or its bare `Posts.xml`, to one document a question with its answers.

LLaMA-1 (Touvron et al. 2023, §2.1): the 28 largest sites, HTML tags removed, answers sorted by score from highest to
lowest. Layout and the choice of sites: RedPajama-v1 (`data_prep/stack_exchange`); `eleutherai` is the layout of
EleutherAI's `stackexchange-dataset`. RedPajama compares scores as strings, so that 9 goes before 10; scores are
numbers here, and `compat: [string_scores]` gives the published order.

Every row is accounted for: it is a document, an answer in one (metadata lists them), dropped, or set aside. A row's
offset is that of its `<` in the XML, as it is when the archive is unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from curate.document import Document
from curate.errors import SetAside, UserError
from curate.inputs import InputFile
from curate.sections import Bytes, ExtractSection, nearest
from curate.sources.html import TooComplex
from curate.sources.seven_zip import read_members
from curate.sources.seven_zip_header import SevenZipError
from curate.sources.source import Dropped, Outcome, Piece, Source
from curate.sources.stackexchange_buckets import Buckets, buckets_of
from curate.sources.stackexchange_html import post_text
from curate.sources.stackexchange_posts import ANSWER, QUESTION, TYPES, Post, read_post
from curate.sources.stackexchange_rows import Bad, Row, Unreadable
from curate.sources.stackexchange_sites import full_name, language_of, site_of
from curate.sources.stackexchange_tables import Table, by_question, largest_sites, tables
from curate.storage import filesystem

_UNKNOWN_SIZE_BUCKETS = 64
_OVER = 4
"""A bucket may be this many times its size, as questions differ; what a hostile file puts beyond is set aside."""


class Drop(StrEnum):
    """Why a readable row, or a whole file, makes no document."""

    OTHER_SITE = "other_site"
    OTHER_TABLE = "other_table"
    OTHER_POST_TYPE = "other_post_type"
    NO_QUESTION = "no_question"
    FEW_ANSWERS = "few_answers"
    EMPTY = "empty"


class StackExchangeExtract(ExtractSection):
    """How sites become documents.

    sites: only these, by host or its beginning (`beer`, `ru.stackoverflow`); largest: only as many, those with the
    most posts (LLaMA-1: 28), which are counted first; neither: all of the input. site: the host of a dump whose name
    does not say it. layout: `rpv1`: `Q: title body`, each answer behind `A: `; `eleutherai`: marks, title and body in
    paragraphs of their own. min_answer_score, max_answers: answers beyond are left out (EleutherAI: 3 and 3);
    min_answers: questions with fewer are dropped (EleutherAI: 1). bucket_bytes: XML that one worker holds at a time.
    """

    sites: tuple[str, ...] | None = None
    largest: int | None = Field(None, ge=1)
    site: str = ""
    layout: Literal["rpv1", "eleutherai"] = "rpv1"
    min_answer_score: int | None = None
    max_answers: int | None = Field(None, ge=0)
    min_answers: int = Field(0, ge=0)
    compat: tuple[Literal["string_scores"], ...] = ()
    bucket_bytes: Bytes = 256 << 20
    max_row_bytes: Bytes = 16 << 20


@dataclass(slots=True)
class Thread:
    """A question and its answers, each as they stand in the dump."""

    question: Post | None = None
    answers: list[Post] = field(default_factory=list)


class StackExchange(Source[StackExchangeExtract]):
    """One piece a site, or several where its XML is larger than `bucket_bytes`: `part` is `member/bucket/buckets`."""

    name = "stackexchange"
    Config = StackExchangeExtract
    suffixes = (".7z", "Posts.xml", "posts.xml")
    reasons = tuple(Drop)

    def __init__(self, config: StackExchangeExtract) -> None:
        super().__init__(config)
        self._chosen: frozenset[str] | None = None

    # ---- which sites, and in which pieces ----

    def survey(self, inputs: Sequence[InputFile]) -> None:
        """Choose the sites. Raises UserError where one that is asked for is not among the input."""
        sites = {item.file: self.site(item) or item.file for item in inputs}
        wanted = set(sites.values())
        if self.config.sites is not None:
            wanted = set(map(full_name, self.config.sites))
            for given in self.config.sites:
                if full_name(given) not in sites.values():
                    near = nearest(full_name(given), sorted({*sites.values()}))
                    raise UserError(f"extract.sites: no input is of {given!r}{near}")
        if self.config.largest is not None:
            dumps = [(sites[item.file], item) for item in inputs if sites[item.file] in wanted]
            wanted = {site for site, _ in largest_sites(dumps, self.config.largest, self.config.max_row_bytes)}
        self._chosen = frozenset(file for file, site in sites.items() if site in wanted)

    def site(self, item: InputFile) -> str:
        """The host of the site, as far as the names say it."""
        return self.config.site or site_of(item.file, item.path)

    def pieces(self, item: InputFile, index: int) -> Iterator[Piece]:
        if self._chosen is not None and item.file not in self._chosen:
            yield Piece(item.path, item.file, index, 0, 0, "not chosen")
            return
        try:
            sizes = [size for _, size in tables(item.path, item.size)]
        except SevenZipError:
            sizes = []  # reading tells what is wrong with it
        if not sizes:
            yield Piece(item.path, item.file, index, 0, 0, "none")
        for number, size in enumerate(sizes):
            count = -(-size // self.config.bucket_bytes) if size >= 0 else _UNKNOWN_SIZE_BUCKETS
            for bucket in range(count := max(count, 1)):
                # Pieces of one file share its bytes evenly: what counts for the size of a shard.
                start, end = (max(item.size, 0) * part // (count * len(sizes)) for part in (bucket, bucket + 1))
                yield Piece(item.path, item.file, index, start, end, f"{number}/{bucket}/{count}")

    # ---- reading ----

    def read(self, piece: Piece) -> Iterator[Outcome]:
        if piece.part == "not chosen":
            host = self.config.site or site_of(piece.file, piece.path)
            yield Dropped(Drop.OTHER_SITE, host, f"https://{host}/")
            return
        try:
            if piece.part in ("none", ""):
                yield from self._without_posts(piece)
            if piece.part == "none":
                return
            number, bucket, count = map(int, piece.part.split("/")) if piece.part else (0, 0, 1)
            with closing(Table(piece.path, number)) as table:
                host = self.config.site or site_of(table.name, piece.file, piece.path)
                yield from self._bucket(piece, table, host, number, bucket, count)
        except SevenZipError as error:
            yield SetAside(piece.file, 0, error.reason, error.detail)

    def _without_posts(self, piece: Piece) -> Iterator[Outcome]:
        if not tables(piece.path, 0):
            fs, inner = filesystem(piece.path)
            with fs.open(inner, "rb") as handle:
                names = ", ".join(member.name for member in read_members(handle)[:8])
            yield Dropped(Drop.OTHER_TABLE, f"holds {names}"[:200], f"https://{site_of(piece.file, piece.path)}/")

    def _bucket(self, piece: Piece, table: Table, host: str, number: int, bucket: int, count: int) -> Iterator[Outcome]:
        if count == 1:
            rows: Iterator[Row | Bad] = table.rows(self.config.max_row_bytes)
        else:
            key = (piece.path, piece.file, number, count, self.config.max_row_bytes)
            held = buckets_of(key, lambda: Buckets(by_question(table.rows(self.config.max_row_bytes)), count))
            rows = iter([*(held.bad if bucket == 0 else []), *held.read(bucket)])
        threads, bad, others = self._threads(rows)
        found: list[tuple[int, Thread | Bad | Post]] = [(item.offset, item) for item in bad]
        found += [(post.offset, post) for post in others]
        found += [((thread.question or thread.answers[0]).offset, thread) for thread in threads.values()]
        for offset, item in sorted(found, key=lambda pair: pair[0]):
            if isinstance(item, Bad):
                yield SetAside(piece.file, offset, item.reason, item.detail)
            elif isinstance(item, Post):
                detail = f"{TYPES.get(item.type, 'unknown')} ({item.type})"
                yield Dropped(Drop.OTHER_POST_TYPE, detail, _post_url(host, item.id), offset)
            else:
                yield from self._limited(item, piece.file, host, number)

    def _threads(self, rows: Iterator[Row | Bad]) -> tuple[dict[int, Thread], list[Bad], list[Post]]:
        """(threads by question, what could not be read, posts of other types)."""
        threads: dict[int, Thread] = {}
        bad: list[Bad] = []
        others: list[Post] = []
        seen: set[int] = set()
        left = _OVER * self.config.bucket_bytes
        for row in rows:
            if isinstance(row, Bad):
                bad.append(row)
                continue
            left -= len(row.data)
            if left < 0:
                bad.append(Bad(row.offset, Unreadable.TOO_LARGE, f"over {_OVER} x bucket_bytes of posts in one bucket"))
                continue
            post = read_post(row)
            if isinstance(post, Bad):
                bad.append(post)
            elif post.id in seen:
                bad.append(Bad(row.offset, Unreadable.BAD_ROW, f"another row has Id {post.id}"))
            else:
                seen.add(post.id)
                if post.type == QUESTION:
                    threads.setdefault(post.id, Thread()).question = post
                elif post.type == ANSWER:
                    threads.setdefault(post.parent, Thread()).answers.append(post)
                else:
                    others.append(post)
        return threads, bad, others

    def _limited(self, thread: Thread, file: str, host: str, index: int) -> Iterator[Outcome]:
        """What a thread comes to within the worker's limits; past them, the question is set aside."""
        question = thread.question
        if question is None:
            return self._outcomes(thread, file, host, index)
        found = self.limited(file, question.offset, lambda: list(self._outcomes(thread, file, host, index)), str(index))
        if isinstance(found, SetAside):
            return iter([found, *(_orphan(answer, host, "was set aside") for answer in thread.answers)])
        return iter(found)

    def _outcomes(self, thread: Thread, file: str, host: str, index: int) -> Iterator[Outcome]:
        """The document of a thread, or why there is none, and what became of answers that are not in it."""
        question = thread.question
        if question is None:
            yield from (_orphan(answer, host, "is not in the dump") for answer in thread.answers)
            return
        try:
            body = post_text(question.html)
        except TooComplex as error:
            yield SetAside(file, question.offset, "too_deep", f"question {question.id}: {error}")
            yield from (_orphan(answer, host, "was set aside") for answer in thread.answers)
            return
        chosen, left_out = self._chosen_answers(thread.answers)
        answers: list[tuple[Post, str]] = []
        for answer in chosen:
            try:
                answers.append((answer, post_text(answer.html)))
            except TooComplex as error:
                yield SetAside(file, answer.offset, "too_deep", f"answer {answer.id}: {error}")
        url = f"https://{host}/questions/{question.id}" if host else ""
        if len(answers) < self.config.min_answers:
            yield Dropped(Drop.FEW_ANSWERS, f"{len(answers)}, with {len(left_out)} left out", url, question.offset)
        elif not (question.title or body):
            yield Dropped(Drop.EMPTY, "no title and no body", url, question.offset)
        else:
            yield self._document(question, body, answers, left_out, file, host, url, index)

    def _chosen_answers(self, answers: list[Post]) -> tuple[list[Post], list[Post]]:
        """(answers by score from highest to lowest, those with one score by number; those that are left out)."""
        ordered = sorted(answers, key=lambda answer: answer.id)
        if "string_scores" in self.config.compat:
            ordered.sort(key=lambda answer: str(answer.score), reverse=True)
        else:
            ordered.sort(key=lambda answer: -answer.score)
        least = self.config.min_answer_score
        good = [answer for answer in ordered if least is None or answer.score >= least][: self.config.max_answers]
        kept = {answer.id for answer in good}
        return good, [answer for answer in ordered if answer.id not in kept]

    def _document(
        self,
        question: Post,
        body: str,
        answers: list[tuple[Post, str]],
        left_out: list[Post],
        file: str,
        host: str,
        url: str,
        index: int,
    ) -> Document:
        posts = [question, *(answer for answer, _ in answers)]
        credits = [
            {**answer.credit(host), **({"accepted": True} if answer.id == question.accepted else {})}
            for answer, _ in answers
        ]
        metadata: dict[str, Any] = {
            "site": host,
            "question": question.credit(host),
            "answers": credits,
            **({"answers_left_out": [answer.id for answer in left_out]} if left_out else {}),
            **({"accepted_answer": question.accepted} if question.accepted else {}),
            **({"tags": list(question.tags)} if question.tags else {}),
            **({"closed": question.closed} if question.closed else {}),
        }
        licences = {post.licence for post in posts}
        return self.document(
            self._text(question.title, body, [text for _, text in answers]),
            file=file,
            offset=question.offset,
            index=index,
            url=url,
            title=question.title,
            date=max(post.changed for post in posts),
            language=language_of(host),
            licence="" if "" in licences else " AND ".join(sorted(licences)),
            metadata=metadata,
        )

    def _text(self, title: str, body: str, answers: list[str]) -> str:
        if self.config.layout == "eleutherai":
            return "\n\n".join(part for part in ["Q:", title, body, *(p for a in answers for p in ("A:", a))] if part)
        return "\n".join([f"Q: {title} {body}" if title else f"Q: {body}", *(f"A: {answer}" for answer in answers)])


def _orphan(answer: Post, host: str, why: str) -> Dropped:
    return Dropped(Drop.NO_QUESTION, f"question {answer.parent} {why}", _post_url(host, answer.id), answer.offset)


def _post_url(host: str, post: int) -> str:
    return f"https://{host}/q/{post}" if host else f"post {post}"
