"""The README: it is short and complete, and the pipeline runs its commands."""

from __future__ import annotations

import ghartifacts_async
from tests.architecture.snippets import ROOT, blocks, readme

README = readme()


def test_the_readme_is_short() -> None:
    """The README has at most 250 lines, so that it can be read."""
    assert len(README.splitlines()) <= 250


def test_commands_are_run_by_the_pipeline() -> None:
    """The pipeline runs the README's commands for the demo, the tests and the benchmarks."""
    demo, tests = (block.strip() for block in blocks(README, "sh")[:2])
    benchmarks = blocks(README, "sh")[-1].strip()
    assert benchmarks.endswith("-m benchmarks --quick")
    assert demo.endswith("ghartifacts_async demo")
    assert tests.endswith("-m pytest -n auto")
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert demo in steps
    assert tests in steps
    assert benchmarks in steps


def test_every_public_method_is_mentioned() -> None:
    """The README mentions every public method of a repository, a listing and an archive."""
    for cls in (
        ghartifacts_async.Repo,
        ghartifacts_async.ArtifactListing,
        ghartifacts_async.Archive,
    ):
        for name, value in vars(cls).items():
            if callable(value) and not name.startswith("_"):
                assert f"{name}(" in README, name
