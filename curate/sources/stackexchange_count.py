"""How many posts each site has, the most first: `python -m curate.sources.stackexchange_count FOLDER`.

A build with `extract.largest` counts them each time it is started, which takes as long as unpacking them. For the whole
archive count once, and name the sites in the manifest: `extract.sites`.
"""

from __future__ import annotations

import argparse
import sys

from curate.errors import UserError
from curate.inputs import resolve_inputs
from curate.sources.stackexchange import StackExchange, StackExchangeExtract
from curate.sources.stackexchange_sites import site_of
from curate.sources.stackexchange_tables import largest_sites


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the posts of Stack Exchange dumps.")
    parser.add_argument("inputs", nargs="+", help="paths, folders or globs of .7z files and Posts.xml")
    parser.add_argument("--largest", type=int, default=28, help="how many sites to name (default: 28, as LLaMA-1)")
    given = parser.parse_args()
    try:
        inputs = resolve_inputs(given.inputs, base=".", suffixes=StackExchange.suffixes)
    except UserError as error:
        print(f"curate: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    dumps = [(site_of(item.file, item.path) or item.file, item) for item in inputs]
    counted = largest_sites(dumps, max(given.largest, 1), StackExchangeExtract().max_row_bytes)
    for site, posts in counted:
        print(f"{posts:>12,}  {site}")
    print("sites: [" + ", ".join(site for site, _ in counted) + "]")


if __name__ == "__main__":
    main()
