"""A checkout of the project: its top level, its architecture page and the size of its files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TOP_LEVEL = {
    "CHANGELOG.md", "LICENSE", "README.md", "benchmarks", "ghartifacts_async", "pyproject.toml",
    "tests",
}  # fmt: skip

LONG_FOR_A_REASON = {
    "ghartifacts_async/_arguments.py": "every public argument, with its rules",
    "ghartifacts_async/repo.py": "every public method, with its promises",
    "ghartifacts_async/client.py": "every argument and method of a client, with its promises",
    "ghartifacts_async/errors.py": "every error, with its attributes",
    "ghartifacts_async/reports.py": "a guide, and every report, with its attributes",
    "ghartifacts_async/models.py": "every public value, with the meaning of its fields",
    "ghartifacts_async/webhooks.py": "a guide, and every step from a delivery to an event",
    "tests/typing/snippets.py": "every snippet, written by a program",
    "tests/public/test_arguments.py": "every argument, and the mistakes in it",
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


def test_links_of_pages_lead_somewhere() -> None:
    """A link of a page to a file of the project leads to a file or directory in git."""
    files = {ROOT / file for file in tracked()}
    known = files | {parent for file in files for parent in file.parents}
    pages = [file for file in files if file.suffix == ".md"]
    assert len(pages) > 5
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).resolve() in known, f"{target} in {page.name}"


def test_contributing_names_what_exists() -> None:
    """Every path that CONTRIBUTING names exists, and the pipeline runs its checks."""
    files = tracked()
    page = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:ghartifacts_async|tests|\.ci)/[\w/.]+)`", page)
    assert len(paths) > 10
    for path in paths:
        assert path in files or any(file.startswith(f"{path}/") for file in files), path
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(".venv-checks", ".venv")
    for check in ("ruff check .", "mypy", "basedpyright --pythonpath .venv/bin/python"):
        assert f"`.venv/bin/{check}`" in page
        assert f".venv/bin/{check}" in steps


def test_hooks_run_programs_of_the_extra_lint() -> None:
    """The hooks of pre-commit run the programs of the extra `lint`, whose versions it pins."""
    tracked()
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    programs = set(re.findall(r"entry: \.venv/bin/(\w+)", hooks))
    assert programs == {"codespell", "mypy", "ruff"}
    assert hooks.count("entry:") == hooks.count("entry: .venv/bin/")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = dict(line.split("==") for line in project["optional-dependencies"]["lint"])
    assert programs <= set(pins)


def test_files_are_small() -> None:
    """A Python file has at most 320 lines, unless `LONG_FOR_A_REASON` gives a reason."""
    lengths = {
        name: len((ROOT / name).read_text(encoding="utf-8").splitlines())
        for name in tracked()
        if name.endswith(".py")
    }
    assert {name for name, lines in lengths.items() if lines > 320} == {*LONG_FOR_A_REASON}
