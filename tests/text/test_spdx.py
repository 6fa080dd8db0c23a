"""SPDX expressions: AND, OR, WITH, `+`, families, and what is no expression."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.spdx import is_expression, permitted

PERMISSIVE = ("MIT", "BSD-*", "Apache-2.0")


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("mit", True),
        ("BSD-3-Clause", True),
        ("GPL-2.0-only", False),
        ("MIT OR GPL-2.0-only", True),
        ("MIT AND GPL-2.0-only", False),
        ("MIT AND BSD-2-Clause", True),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", True),
        ("(MIT AND GPL-3.0-only) OR Apache-2.0", True),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("Apache-2.0+", True),
        ("LicenseRef-Mine", False),
        ("", False),
        ("MIT OR", False),
        ("MIT/X11", False),
        ("MIT, BSD", False),
    ],
)
def test_a_list_allows_what_the_operators_say(expression, allowed):
    assert permitted(expression, PERMISSIVE) is allowed


@pytest.mark.parametrize(
    ("expression", "allow", "deny", "allowed"),
    [
        ("CC-BY-NC-4.0", None, ("*-NC-*",), False),
        ("CC-BY-4.0", None, ("*-NC-*",), True),
        ("CC-BY-4.0 OR CC-BY-NC-4.0", None, ("*-NC-*",), True),
        ("CC-BY-4.0 AND CC-BY-NC-4.0", None, ("*-NC-*",), False),
        ("MIT", ("MIT",), ("MIT",), False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only WITH Classpath-exception-2.0",), (), True),
        ("GPL-2.0-only", ("GPL-2.0-only WITH Classpath-exception-2.0",), (), False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", None, ("Classpath-*",), False),
        ("GPL-2.0+", ("GPL-2.0-or-later",), (), True),
        ("GPL-2.0-or-later", ("GPL-2.0+",), (), True),
        ("LicenseRef-Mine", ("licenseref-*",), (), True),
        ("MIT", (), (), False),
        ("anything", None, (), True),
    ],
)
def test_denial_wins_and_families_and_old_names_are_understood(expression, allow, deny, allowed):
    assert permitted(expression, allow, deny) is allowed


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("CC0-1.0", True),
        ("MIT OR Apache-2.0", True),
        ("LicenseRef-PG-US-Public-Domain", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("foo", False),
        ("All rights reserved", False),
        ("MIT OR foo", False),
        ("", False),
        ("(" * 5000 + "MIT", False),
        ("M" * 10_000, False),
    ],
)
def test_an_expression_names_licences_that_spdx_lists(text, known):
    assert is_expression(text) is known


LEAVES = ("MIT", "Apache-2.0", "GPL-3.0-only", "CC-BY-4.0")
trees = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.tuples(st.sampled_from(("AND", "OR")), inner, inner),
    max_leaves=8,
)


def written(tree) -> str:
    return tree if isinstance(tree, str) else f"({written(tree[1])} {tree[0]} {written(tree[2])})"


def holds(tree, allowed: frozenset[str]) -> bool:
    if isinstance(tree, str):
        return tree in allowed
    parts = [holds(tree[1], allowed), holds(tree[2], allowed)]
    return all(parts) if tree[0] == "AND" else any(parts)


@given(trees)
def test_any_expression_is_allowed_as_its_truth_table_says(tree):
    for size in range(len(LEAVES) + 1):
        for allowed in itertools.combinations(LEAVES, size):
            assert permitted(written(tree), allowed) is holds(tree, frozenset(allowed))


@given(st.text(alphabet="MIT()ANDOR +-.*\x00é", max_size=30))
def test_no_text_is_too_odd_to_be_judged(text):
    assert permitted(text, ("MIT",)) in (True, False)
    assert is_expression(text) in (True, False)
