"""The Python snippets of the README and of the guides: they run, and their types are checked."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from ghartifacts_async import Client
from ghartifacts_async.testing import FakeGitHub
from tests.architecture.snippets import GUIDES, TYPED, guide, is_program, snippets, typed_module
from tests.support import rsa_keys
from tests.webhooks.deliveries import RUN, SECRET, delivery

SNIPPETS = snippets()
INSTALLATION = 42


@pytest.fixture
def environment(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeGitHub:
    """Serve artifacts from the server that the environment names, in an empty directory."""
    name = "octo-org/octo-docs"
    run = fake_github.add_run(name, 2332938)
    for number in range(3):
        files = {"n": f"{number}", "report.json": '{"passed": 3}'}
        fake_github.add_artifact(name, "dist", files, run_id=run.id, id=10 + number)
    fake_github.add_artifact(name, "dist", b"gone", id=20, expired=True)
    fake_github.add_run(name, RUN["id"])  # the run of the webhook delivery
    fake_github.add_artifact(name, "report", {"report.json": "{}"}, run_id=RUN["id"])
    fake_github.add_app(7, rsa_keys()[1], INSTALLATION, [name])
    repositories = [{"full_name": name}]
    fake_github.route(
        "GET",
        "/orgs/octo-org/repos",
        lambda request: repositories if request.query["page"] == "1" else [],
    )
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "company-ca.pem"))
    monkeypatch.setenv("GH_TOKEN", fake_github.token)
    monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
    return fake_github


@pytest.mark.parametrize("name", [name for name in SNIPPETS if is_program(SNIPPETS[name])])
async def test_programs_run(name: str, environment: FakeGitHub, tmp_path: Path) -> None:
    """A snippet that is a program runs unchanged, and gives each artifact its own file."""
    command = [sys.executable, "-W", "error", "-c", SNIPPETS[name]]
    process = await asyncio.create_subprocess_exec(*command)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert environment.requests
    assert len({path.read_bytes() for path in tmp_path.rglob("*.zip")}) == 3


@pytest.mark.parametrize("name", [name for name in SNIPPETS if not is_program(SNIPPETS[name])])
async def test_snippets_run(
    name: str, environment: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every other snippet runs with the names that its page says it has."""
    headers, body = delivery("workflow_run")
    async with Client.from_env() as gh:
        names: dict[str, Any] = {
            "Client": Client,
            "gh": gh,
            "repo": gh.repo("octo-org/octo-docs"),
            "headers": headers,
            "body": body,
            "secret": SECRET,
            "base_url": environment.url,
            "app_id": 7,
            "private_key": rsa_keys()[0],
            "installation_id": INSTALLATION,
        }
        code = compile(SNIPPETS[name], name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            await result
        fixtures = {"fake_github": environment, "monkeypatch": monkeypatch, "tmp_path": tmp_path}
        for test in [value for key, value in names.items() if key.startswith("test_")]:
            await test(**{name: fixtures[name] for name in inspect.signature(test).parameters})
    assert environment.requests or "fake" in names


def test_snippets_are_type_checked() -> None:
    """The module that type checkers check has the snippets as they are now."""
    expected = TYPED.read_text(encoding="utf-8")
    assert typed_module() == expected, "run python -m tests.architecture.snippets"


@pytest.mark.parametrize("module", GUIDES)
def test_every_public_module_has_a_guide(module: str) -> None:
    """The docstring of each public module is a guide with examples."""
    assert "\n```" in guide(module)
