"""The checkout contains only expected top-level entries, and its files stay small."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TOP_LEVEL = {
    ".ci", ".github", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "benchmarks",
    "ghartifacts_async", "pyproject.toml", "tests",
}  # fmt: skip

LONG_FOR_A_REASON = {
    "ghartifacts_async/repo.py": "every public method with its documentation",
    "tests/public/test_arguments.py": "every argument with its invalid values",
    "tests/stores/test_stores.py": "three stores and one table",
}


def tracked() -> list[str]:
    """Return the files that git tracks; skip the test outside of a checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    result = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout.splitlines()


def test_the_top_level_has_only_known_entries() -> None:
    """Every entry at the top level of the repository is listed in `TOP_LEVEL`."""
    assert {name.split("/")[0] for name in tracked()} <= TOP_LEVEL


def test_files_are_small() -> None:
    """A Python file has at most 320 lines, or is listed with a reason."""
    for name in tracked():
        if name.endswith(".py") and name not in LONG_FOR_A_REASON:
            lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
            assert lines <= 320, f"{name} has {lines} lines"
