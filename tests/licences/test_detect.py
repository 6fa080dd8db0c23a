"""Licences found by their texts, notices, tags and names, told from their likes, and not where there are none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.licences.build_index import Rule, index_of
from curate.licences.detect import (
    around_licences,
    joined,
    licence_of_file,
    licence_of_text,
    normal_expression,
    spdx_lines,
)
from curate.licences.index import INDEX, Index, default_index
from curate.licences.words import SHINGLE, prefixes, runs, shingles, words_of
from curate.sample.github_texts import APACHE_NOTICE, BSD, GPL_NOTICE, MIT, MPL_NOTICE, commented, enclosed

BSD_TWO = BSD[: BSD.index("3. Neither")] + BSD[BSD.index("THIS SOFTWARE") :]


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (MIT, "MIT"),
        (BSD, "BSD-3-Clause"),
        (BSD_TWO, "BSD-2-Clause"),
        (APACHE_NOTICE, "Apache-2.0"),
        (GPL_NOTICE, "GPL-3.0-or-later"),
        (MPL_NOTICE, "MPL-2.0"),
    ],
)
def test_a_licence_is_found_however_it_is_wrapped_and_commented(text: str, expression: str) -> None:
    flowing = " ".join(text.split())
    for form in (
        text,
        flowing,
        commented(text, "#"),
        commented(text, ";;;"),
        enclosed(text),
        text.upper(),
        f"<p>{text}",
    ):
        assert licence_of_file(form).expression == expression
        assert licence_of_text(form + "\n" * 30 + "int a;\n").expression == expression


def test_other_names_and_years_change_nothing() -> None:
    assert (
        licence_of_file(MIT.replace("The Harbour Clock authors", "A Very Long List Of Holders, Inc.")).expression
        == "MIT"
    )
    named = BSD.replace("the copyright holder nor", "the Northmole Institute of Tides nor")
    assert licence_of_file(named).expression == "BSD-3-Clause"


def test_a_longer_licence_is_told_from_what_it_is_made_of() -> None:
    """BSD-3-Clause holds all of BSD-2-Clause; the third clause decides."""
    assert licence_of_file(BSD).expression != licence_of_file(BSD_TWO).expression


def test_version_and_later_versions_are_told_apart() -> None:
    later = (
        "as published by\nthe Free Software Foundation, either version 3 of the License, or\n"
        "(at your option) any later version"
    )
    assert later in GPL_NOTICE
    only = GPL_NOTICE.replace(later, "version 3 as published by\nthe Free Software Foundation")
    assert licence_of_file(only).expression == "GPL-3.0-only"
    assert licence_of_file(GPL_NOTICE.replace("version 3", "version 2")).expression == "GPL-2.0-or-later"
    lesser = GPL_NOTICE.replace("GNU General", "GNU Lesser General")
    assert licence_of_file(lesser).expression == "LGPL-3.0-or-later"


def test_several_licences_in_one_file_all_hold() -> None:
    both = MIT + "\n" + "-" * 70 + "\n\nThe parser is under these terms:\n\n" + BSD
    assert licence_of_file(both).expression == "BSD-3-Clause AND MIT"


def test_a_choice_goes_before_the_texts_it_is_between() -> None:
    assert joined(["MIT", "GPL-2.0-only", "MIT OR GPL-2.0-only"]) == "GPL-2.0-only OR MIT"
    assert joined(["MIT", "Apache-2.0"]) == "Apache-2.0 AND MIT"
    assert joined(["MIT OR Apache-2.0", "Unicode-3.0"]) == "(Apache-2.0 OR MIT) AND Unicode-3.0"
    assert joined(["", "MIT", "MIT AND BSD-3-Clause"]) == "BSD-3-Clause AND MIT"
    assert joined([]) == ""


NAMES = st.sampled_from(["MIT", "Apache-2.0", "BSD-3-Clause", "GPL-2.0-only", "MIT OR GPL-2.0-only", "ISC AND MIT", ""])


@given(st.lists(NAMES, max_size=6))
def test_the_order_of_finding_does_not_matter_and_joining_again_changes_nothing(found: list[str]) -> None:
    assert joined(found) == joined(found[::-1]) == joined([joined(found)])


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        ("// SPDX-License-Identifier: MIT", "MIT"),
        ("/* SPDX-License-Identifier: (MIT OR Apache-2.0) */", "Apache-2.0 OR MIT"),
        ("# SPDX-License-Identifier: GPL-2.0-or-later WITH Classpath-exception-2.0",
         "GPL-2.0-or-later WITH Classpath-exception-2.0"),
        ("<!-- SPDX-License-Identifier: apache-2.0 -->", "Apache-2.0"),
        ("# SPDX-License-Identifier: LicenseRef-Mine", "LicenseRef-Mine"),
    ],
)  # fmt: skip
def test_spdx_lines_are_read_in_every_comment(line: str, expression: str) -> None:
    assert licence_of_text(f"{line}\nint a;\n").expression == expression


def test_what_follows_spdx_and_is_no_expression_says_nothing_by_itself() -> None:
    assert spdx_lines("SPDX-License-Identifier: whatever we like")[0] == []
    assert spdx_lines("no such line")[0] == []


def test_expressions_are_spelled_as_spdx_does_and_a_slash_is_a_choice() -> None:
    assert normal_expression("mit") == "MIT"
    assert normal_expression("MIT/Apache-2.0") == "MIT OR Apache-2.0"
    for nothing in ("", "BSD", "Apache License 2.0", "(", "()", "MIT OR", "(" * 500, "see LICENSE"):
        assert normal_expression(nothing) == ""


@pytest.mark.parametrize(
    "text",
    [
        "def permission(user):\n    return user.is_admin\n",
        "We commit to the limits of the mitre joint.\n",
        "void redistribute(int heat);\n" * 20,
        "# the license plate of a car\nplate = 'AB 123'\n",
        "",
    ],
)
def test_code_that_only_uses_such_words_has_no_licence(text: str) -> None:
    assert licence_of_text(text).expression == ""


def test_a_licence_in_the_middle_of_a_file_counts_and_a_mention_in_prose_does_not() -> None:
    code = "int a;\n" * 100
    assert licence_of_text(code + enclosed(GPL_NOTICE) + code).expression == "GPL-3.0-or-later"
    prose = "The old parser was under the GNU GPL version 2; this one is not.\n"
    assert licence_of_text(prose, least_words=12).expression == ""
    assert licence_of_text(MIT, least_words=12).expression == "MIT"


def test_a_licence_file_that_holds_much_else_is_not_taken_for_what_it_begins_with() -> None:
    other = " ".join(f"the {n} condition binds whoever holds copy number {n} of it" for n in range(100))
    assert "LicenseRef-unknown" in licence_of_file(MPL_NOTICE + other).expression
    assert licence_of_file("Harbour clock is free for all.\n\n" + MIT).expression == "MIT"
    assert licence_of_file("nothing known").expression == ""


def test_only_lines_near_what_speaks_of_licences_are_looked_at() -> None:
    text = "\n".join(["int a;"] * 100 + ["the license"] + ["int b;"] * 100)
    assert len(around_licences(text).split("\n")) == 1 + 12 + 1 + 12
    assert around_licences("int a;\n" * 100) == ""
    assert around_licences("permit, submit, mitten, amplify") == ""


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    licence_of_text(text + " license")
    licence_of_file(text)


def test_the_hash_of_a_run_depends_on_its_words_and_nothing_before_it() -> None:
    words = ["one", "two", "three", "four", "five"]
    alone = {length: runs(prefixes(words[1 : 1 + length]), length)[0] for length in (1, 2, 3)}
    for length, value in alone.items():
        assert runs(prefixes(words), length)[1] == value
    assert len(shingles(words)) == len(words) - SHINGLE + 1
    assert len(shingles(words[:2])) == 0
    assert runs(prefixes(["a", "b"]), 2)[0] != runs(prefixes(["b", "a"]), 2)[0]


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=6, max_size=20))
def test_equal_runs_have_equal_hashes_wherever_they_stand(words: list[str]) -> None:
    hashes = runs(prefixes(words), 3).tolist()
    for one in range(len(hashes)):
        for other in range(one):
            assert (hashes[one] == hashes[other]) == (words[one : one + 3] == words[other : other + 3])


def test_words_know_comment_marks_and_markup() -> None:
    text = " * The <b>GPL-2.0+</b>&nbsp;licence\n// of İstanbul"
    words, starts = words_of(text)
    assert words == ["the", "b", "gpl", "2", "0+", "b", "licence", "of", "i̇stanbul"]
    assert [text[start] for start in starts][:2] == ["T", "b"]


def test_an_index_of_the_same_rules_is_the_same_and_finds_what_it_was_made_of(tmp_path: Path) -> None:
    import numpy as np

    long = tuple(f"word{n}" for n in range(120))
    rules = [
        Rule("Licence-A", long, 0, own=True),
        Rule("Licence-B", (*long[:60], *(f"other{n}" for n in range(60))), 1, own=True),
        Rule("Licence-C", ("under", "licence", "c"), 2),
        Rule("!", ("not", "under", "licence", "c"), 3),
    ]
    one, two = index_of(rules), index_of(rules)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    np.savez(tmp_path / "index.npz", **one, source=np.frombuffer(b"test", np.uint8))
    index = Index(tmp_path / "index.npz")
    before = ["before"] * 5
    (found,) = index.find([*before, *long, *before])
    assert (found.expression, found.start) == ("Licence-A", 5)
    assert [each.expression for each in index.find([*long[:60], *(f"other{n}" for n in range(60))])] == ["Licence-B"]
    assert [each.expression for each in index.find(["files", "are", "under", "licence", "c", "today"])] == ["Licence-C"]
    assert index.find(["files", "are", "not", "under", "licence", "c", "today"]) == []
    assert [each.expression for each in index.find([*long, *before, *long])] == ["Licence-A", "Licence-A"]
    assert index.find([]) == index.find(["one"]) == []


def test_the_index_in_the_package_is_small_and_says_where_it_comes_from() -> None:
    assert INDEX.stat().st_size < 2 << 20
    assert default_index().source.startswith("licensedcode-data ")
    assert "CC-BY-4.0" in (INDEX.parent / "NOTICE").read_text()
