"""The README: its snippets run, and the pipeline runs its commands."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import ghartifacts_async
from ghartifacts_async.testing import FakeGitHub
from tests.support import rsa_keys

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("snippet", blocks("python"), ids=lambda s: s.split("\n")[-2].strip()[:30])
async def test_snippets_run(
    snippet: str, fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every Python snippet runs against a fake GitHub."""
    for number in range(3):
        fake_github.add_artifact(
            "octo-org/octo-docs",
            "dist",
            {"n": f"{number}", "report.json": '{"passed": 3}'},
            run_id=2332938,
            id=10 + number,
        )
    fake_github.add_artifact("octo-org/octo-docs", "dist", b"gone", id=20, expired=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GH_TOKEN", fake_github.token)
    monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
    snippet = snippet.replace('Client("ghp_…")', "Client.from_env()")
    code = compile(snippet, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    private_key, public_key = rsa_keys()
    fake_github.add_app(12345, public_key, 7, ["octo-org/octo-docs"])
    names: dict[str, Any] = {
        "Client": ghartifacts_async.Client,
        "private_key": private_key,
        "url": fake_github.url,
    }
    await eval(code, names)
    assert fake_github.requests or "fake" in names
    if "{artifact.id}" in snippet:
        kept = {path.read_bytes() for path in tmp_path.rglob("*.zip")}
        assert len(kept) == 3, "each artifact has its own file"


def test_commands_are_run_by_the_pipeline() -> None:
    """The pipeline runs the README's commands for the demo, the tests and the benchmarks."""
    demo, tests = (block.strip() for block in blocks("sh")[:2])
    benchmarks = blocks("sh")[-1].strip()
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
