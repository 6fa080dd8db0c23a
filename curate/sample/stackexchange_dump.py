"""Make the sample dumps of Stack Exchange of their sources: `python -m curate.sample.stackexchange_dump`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from curate.sample.seven_zip_writer import write_7z

HERE = Path(__file__).resolve().parent / "stackexchange"
_TYPES = {"question": "1", "answer": "2", "tagwiki": "5"}
_METHODS = {"smallscripts.stackexchange.com.7z": "bzip2"}
_BROKEN = '  <row Id="95" PostTypeId="1" Title="Torn" Body="&lt;p&gt;This row has no end />\r\n'
"""A row that is not well-formed, before the end of the first site."""


@dataclass(frozen=True)
class Site:
    host: str
    file: str
    posts: list[dict[str, str]]


def read_site(path: Path) -> Site:
    """A source's posts, each as the attributes of its row."""
    head, *sections = path.read_text("utf-8").split("\n=== ")
    named = dict(line.split(": ", 1) for line in head.strip().split("\n"))
    posts: list[dict[str, str]] = []
    question = ""
    for section in sections:
        first, _, rest = section.strip().partition("\n")
        kind, *fields = [part.strip() for part in first.split("|")]
        name, identity = kind.split()
        given = dict(field.split(" ", 1) for field in fields[1:])
        post = {"Id": identity, "PostTypeId": _TYPES[name], "CreationDate": fields[0]}
        if name == "question":
            question = identity
            post["Title"], _, rest = rest.partition("\n")
            post["Tags"] = "".join(f"<{tag}>" for tag in given.get("tags", "").split())
        elif name == "answer":
            post["ParentId"] = given.get("parent", question)
        for key, attribute in (
            *(("score", "Score"), ("user", "OwnerUserId"), ("accepted", "AcceptedAnswerId")),
            *(("edited", "LastEditDate"), ("licence", "ContentLicense")),
        ):
            if key in given:
                post[attribute] = given[key]
        posts.append({**post, "Body": rest.strip() + "\n"})
    return Site(named["site"], named["file"], posts)


def posts_xml(posts: list[dict[str, str]], extra: str = "") -> bytes:
    """Rows in the order of their numbers, written as the archive writes them."""
    rows = []
    for post in sorted(posts, key=lambda post: int(post["Id"])):
        listed = " ".join(f"{name}={quoteattr(value, {chr(10): '&#xA;'})}" for name, value in post.items())
        rows.append(f"  <row {listed} />\r\n")
    return f'\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<posts>\r\n{"".join(rows)}{extra}</posts>'.encode()


def write(folder: Path) -> list[Path]:
    """Write every dump below `folder`; returns their paths."""
    written = []
    for source in sorted((HERE / "sources").glob("*.txt")):
        site = read_site(source)
        table = posts_xml(site.posts, _BROKEN if site.host.startswith("boat") else "")
        path = folder / site.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".7z":
            badges = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\r\n<badges>\r\n</badges>'
            files = [("Badges.xml", badges), ("Posts.xml", table), ("Votes.xml", b"")]
            path.write_bytes(write_7z(files, _METHODS.get(path.name, "lzma2")))
        else:
            path.write_bytes(table)
        written.append(path)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the sample dumps of Stack Exchange.")
    parser.add_argument("--output", type=Path, default=HERE)
    for path in write(parser.parse_args().output):
        print(path)


if __name__ == "__main__":
    main()
