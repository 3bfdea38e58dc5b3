"""A checkout of the project: its top level, its architecture page and the size of its files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TOP_LEVEL = {
    "CHANGELOG.md", "LICENSE", "README.md", "benchmarks", "ghartifacts_async", "pyproject.toml",
    "tests",
}  # fmt: skip

LONG_FOR_A_REASON = {
    "ghartifacts_async/_api/endpoints.py": "every endpoint, with its errors",
    "ghartifacts_async/_arguments.py": "every public argument, with its rules",
    "ghartifacts_async/repo.py": "every public method, with its promises",
    "ghartifacts_async/client.py": "every argument and method of a client, with its promises",
    "ghartifacts_async/errors.py": "every error, with its attributes",
    "ghartifacts_async/models.py": "every public value, with the meaning of its fields",
    "tests/public/test_arguments.py": "every argument, and the mistakes in it",
    "tests/stores/test_stores.py": "three stores and one table",
}


def tracked() -> list[str]:
    """Return the files that git tracks; skip the test outside of a checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def test_the_top_level_holds_only_listed_names() -> None:
    """The top level of the checkout holds only the names in `TOP_LEVEL`, and dotfiles."""
    names = {name.split("/")[0] for name in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_the_architecture_page_names_what_exists() -> None:
    """Every module that the architecture page names exists, so the page cannot go stale."""
    tracked()
    page = (ROOT / ".github" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    package = ROOT / "ghartifacts_async"
    for name in re.findall(r"`((?:_?[a-z]+/)?_?[a-z_]+\.py)`", page):
        assert (package / name).exists() or list(package.glob(f"*/{name}")), name
    for name in re.findall(r"`(_?[a-z]+)/`", page):
        assert (package / name).is_dir(), name


def test_files_are_small() -> None:
    """A Python file has at most 320 lines, unless `LONG_FOR_A_REASON` gives a reason."""
    for name in tracked():
        if name.endswith(".py") and name not in LONG_FOR_A_REASON:
            lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
            assert lines <= 320, f"{name} has {lines} lines"
