"""The README: its snippets run, and the pipeline runs its commands."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import ghartifacts_async
from ghartifacts_async.testing import FakeGitHub
from tests.webhooks.deliveries import RUN, SECRET, delivery

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def environment(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeGitHub:
    """Serve artifacts from the server that the environment names, in an empty directory."""
    run = fake_github.add_run("octo-org/octo-docs", 2332938)
    for number in range(3):
        files = {"n": f"{number}", "report.json": '{"passed": 3}'}
        fake_github.add_artifact("octo-org/octo-docs", "dist", files, run_id=run.id, id=10 + number)
    fake_github.add_artifact("octo-org/octo-docs", "dist", b"gone", id=20, expired=True)
    fake_github.add_run("octo-org/octo-docs", RUN["id"])  # the run of the webhook delivery
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GH_TOKEN", fake_github.token)
    monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
    return fake_github


@pytest.mark.usefixtures("environment")
async def test_the_program_runs(tmp_path: Path) -> None:
    """The first snippet is a complete program, which gives each artifact its own file."""
    command = [sys.executable, "-W", "error", "-c", blocks("python")[0]]
    process = await asyncio.create_subprocess_exec(*command)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert len({path.read_bytes() for path in tmp_path.rglob("*.zip")}) == 3


@pytest.mark.parametrize(
    "snippet", blocks("python")[1:], ids=lambda s: s.split("\n")[-2].strip()[:30]
)
async def test_snippets_run(snippet: str, environment: FakeGitHub) -> None:
    """Every other snippet runs with the names that the README says it has."""
    headers, body = delivery("workflow_run")
    async with ghartifacts_async.Client.from_env() as gh:
        names: dict[str, Any] = {
            "Client": ghartifacts_async.Client,
            "gh": gh,
            "repo": gh.repo("octo-org/octo-docs"),
            "headers": headers,
            "body": body,
            "secret": SECRET,
        }
        code = compile(snippet, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            await result
    assert environment.requests or "fake" in names


def test_snippets_are_type_checked() -> None:
    """The module of snippets that type checkers check has the snippets of the README."""
    module = (ROOT / "tests" / "typing" / "readme.py").read_text(encoding="utf-8")
    snippets = "".join(blocks("python"))
    checked = [line.strip() for line in module.splitlines() if line.strip()]
    shown = [line.strip() for line in snippets.splitlines() if line.strip()]
    rest = iter(checked)
    assert [line for line in shown if line not in rest] == []


def test_the_readme_is_short() -> None:
    """The README has at most 250 lines, so that it can be read."""
    assert len(README.splitlines()) <= 250


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
