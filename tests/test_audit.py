"""Vulnerable packages fail the build; a database that cannot be reached does not, and is told."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def audit() -> ModuleType:
    loader = SourceFileLoader("audit", str(ROOT / ".ci" / "audit"))
    spec = importlib.util.spec_from_loader("audit", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def package(name: str, *ids: str, fix: tuple[str, ...] = ("2.0",)) -> dict:
    vulnerabilities = [{"id": known, "aliases": [f"CVE-{known}"], "fix_versions": list(fix)} for known in ids]
    return {"name": name, "version": "1.0", "vulns": vulnerabilities}


def unknown(name: str) -> dict:
    return {"name": name, "skip_reason": "not found"}


def test_packages_without_vulnerabilities_pass(audit: ModuleType) -> None:
    assert audit.verdict({"dependencies": [package("one"), package("two")]}) == (
        0,
        ["audit: 2 packages, 0 vulnerabilities"],
    )


def test_a_vulnerable_package_fails_and_is_named_with_what_mends_it(audit: ModuleType) -> None:
    status, lines = audit.verdict(
        {"dependencies": [package("one", "A-1"), package("two", "B-2", fix=()), unknown("x")]}
    )
    assert status == 1
    assert lines[0] == "one 1.0: A-1, mended in 2.0"
    assert lines[1] == "two 1.0: B-2, mended in no version"
    assert lines[2] == "audit: 2 packages, 2 vulnerabilities, 1 unknown to it (x)"


@pytest.mark.parametrize("known_as", ["A-1", "CVE-A-1"])
def test_one_that_is_ignored_by_any_of_its_names_passes(audit: ModuleType, known_as: str) -> None:
    audit.IGNORED[known_as] = "the part is not used"
    assert audit.verdict({"dependencies": [package("one", "A-1")]})[0] == 0
    assert audit.verdict({"dependencies": [package("one", "A-1", "A-2")]})[0] == 1


def test_where_no_package_is_known_nothing_was_audited(audit: ModuleType) -> None:
    status, lines = audit.verdict({"dependencies": [unknown("one"), unknown("two")]})
    assert (status, lines) == (0, ["audit: no database of vulnerabilities can be had here, nothing was audited"])


def test_a_tool_that_is_not_there_is_told(audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(audit, "LOCK", ROOT / "no-such-lock")
    assert audit.main() == 0
    assert "nothing was audited: " in capsys.readouterr().out
