"""The project as a checkout: its top level, its README and its pipeline agree."""

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
    "ghartifacts_async/repo.py": "every public method, with its promises",
    "ghartifacts_async/models.py": "every public value, with the meaning of its fields",
    "tests/public/test_arguments.py": "every argument, and the mistakes in it",
    "tests/stores/test_stores.py": "three stores and one table",
}


def tracked() -> list[str]:
    """Files that git tracks; skips where there is no checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def test_the_top_level_is_the_designs() -> None:
    """Nothing lies at the top level but what the design names."""
    assert {name.split("/")[0] for name in tracked()} <= TOP_LEVEL


def test_files_are_small() -> None:
    """A file has about 300 lines at most, or a reason."""
    for name in tracked():
        if name.endswith(".py") and name not in LONG_FOR_A_REASON:
            lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
            assert lines <= 320, f"{name} has {lines} lines"
