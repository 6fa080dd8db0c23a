"""What a row of `Posts.xml` says: a question, an answer, or neither.

Fields: the archive's readme ("posts.xml"), and `ContentLicense`, which later dumps have.
Licence: https://stackoverflow.com/help/licensing. A post is under the licence of the day of its last edit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from curate.sources.commoncrawl import normal_date
from curate.sources.html import MAX_TITLE, one_line
from curate.sources.stackexchange_rows import Bad, Row, Unreadable, attributes

QUESTION, ANSWER = 1, 2
TYPES = {
    3: "Wiki", 4: "TagWikiExcerpt", 5: "TagWiki", 6: "ModeratorNomination", 7: "WikiPlaceholder", 8: "PrivilegeWiki",
    9: "Article", 10: "HelpArticle", 12: "Collection", 13: "ModeratorQuestionnaireResponse", 14: "Announcement",
}  # fmt: skip
BY_SA_3_SINCE = "2011-04-08"
BY_SA_4_SINCE = "2018-05-02"
"""First days (UTC) of CC BY-SA 3.0 and 4.0; before them it was 2.5."""
_STATED = re.compile(r"\s{0,40}CC[ -]BY-SA[ -](2\.5|3\.0|4\.0)\s{0,40}", re.IGNORECASE)
_NUMBER = re.compile(r"\s{0,40}(-?[0-9]{1,15})\s{0,40}")
_NUMBERS = frozenset({"Id", "PostTypeId", "ParentId", "AcceptedAnswerId", "Score", "OwnerUserId"})
_TAG = re.compile(r"[^<>|\s]{1,64}")
_MOST_TAGS = 32


@dataclass(frozen=True, slots=True)
class Post:
    """One row. parent, accepted: ids of posts, 0 for none; html: its body; dates: ISO 8601 UTC, "" where unknown."""

    offset: int
    id: int
    type: int
    parent: int
    accepted: int
    score: int
    title: str
    html: str
    created: str
    edited: str
    closed: str
    licence: str
    author: int
    author_name: str
    tags: tuple[str, ...]

    @property
    def question(self) -> int:
        """The id of the question that it is, or answers."""
        return self.parent if self.type == ANSWER else self.id

    @property
    def changed(self) -> str:
        """When its text became what it is."""
        return max(self.created, self.edited)

    def credit(self, site: str) -> dict[str, Any]:
        """What CC BY-SA asks to be kept of it: who wrote it, where to find them, when, and under which licence."""
        return {
            "id": self.id,
            "score": self.score,
            "date": self.created,
            "licence": self.licence,
            **({"author_id": self.author} if self.author else {}),
            **({"author": self.author_name} if self.author_name else {}),
            **({"author_url": f"https://{site}/users/{self.author}"} if self.author and site else {}),
        }


def read_post(row: Row) -> Post | Bad:
    """The post in a row; Bad where it is not well-formed or a number is none."""
    found = attributes(row)
    if isinstance(found, Bad):
        return found
    numbers = dict.fromkeys(_NUMBERS, 0)
    for name, given in found.items():
        if name not in _NUMBERS:
            continue
        number = _NUMBER.fullmatch(given)
        if number is None:
            return Bad(row.offset, Unreadable.BAD_ROW, f"{name}={given[:40]!r} is not a number")
        numbers[name] = int(number[1])
    if numbers["Id"] <= 0 or "PostTypeId" not in found:
        return Bad(row.offset, Unreadable.BAD_ROW, "no Id or no PostTypeId")
    if numbers["PostTypeId"] == ANSWER and numbers["ParentId"] <= 0:
        return Bad(row.offset, Unreadable.BAD_ROW, f"answer {numbers['Id']} has no ParentId")
    created, edited, closed = (_date(found.get(name, "")) for name in ("CreationDate", "LastEditDate", "ClosedDate"))
    return Post(
        offset=row.offset,
        id=numbers["Id"],
        type=numbers["PostTypeId"],
        parent=numbers["ParentId"],
        accepted=numbers["AcceptedAnswerId"],
        score=numbers["Score"],
        title=one_line(found.get("Title", ""))[:MAX_TITLE],
        html=found.get("Body", ""),
        created=created,
        edited=edited,
        closed=closed,
        licence=licence_of(found.get("ContentLicense", ""), max(created, edited)),
        author=max(numbers["OwnerUserId"], 0),
        author_name=one_line(found.get("OwnerDisplayName", ""))[:200],
        tags=tuple(_TAG.findall(found.get("Tags", ""))[:_MOST_TAGS]),
    )


def licence_of(stated: str, date: str) -> str:
    """The SPDX name of a post's licence: as stated, or by the day (ISO 8601) of its text; "" where neither is known."""
    if stated and (known := _STATED.fullmatch(stated)):
        return f"CC-BY-SA-{known[1]}"
    if stated.strip() or not date:
        return ""
    return "CC-BY-SA-4.0" if date >= BY_SA_4_SINCE else "CC-BY-SA-3.0" if date >= BY_SA_3_SINCE else "CC-BY-SA-2.5"


def _date(given: str) -> str:
    return normal_date(given) if given else ""
