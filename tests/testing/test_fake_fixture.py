"""The fixture `fake_github` under every test runner, and the server in a thread."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import urllib.request
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ghartifacts_async import testing
from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY

ROOT = Path(testing.__file__).parent.parent.parent

USE = """
from ghartifacts_async import Client

async def use(fake):
    fake.add_artifact("o/r", "dist", b"x")
    async with Client(fake.token, base_url=fake.url) as gh:
        assert (await gh.repo("o/r").list_artifacts().first()).name == "dist"
    await fake.wait_until_idle()
    assert len(fake.requests) == 1
"""
LOOP_SCOPES = """
@pytest.mark.asyncio(loop_scope="{scope}")
async def test_{scope}(fake_github): await use(fake_github)
"""
OTHERS = """
@pytest.fixture
def anyio_backend(): return "asyncio"
@pytest.mark.anyio
async def test_anyio(fake_github): await use(fake_github)
def test_synchronous(fake_github): asyncio.run(use(fake_github))
@given(number=st.integers())
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.asyncio
async def test_hypothesis(fake_github, number):
    fake_github.clear_requests()
    await use(fake_github)
class TestClass:
    @pytest.mark.asyncio
    async def test_method(self, fake_github): await use(fake_github)
"""
IMPORTS = """
import asyncio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
"""
SCOPES = ("function", "class", "module", "package", "session")


def run_pytest(tmp_path: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a test module, with warnings turned into errors."""
    (tmp_path / "test_it.py").write_text(IMPORTS + USE + code)
    installed = entry_points(group="pytest11", name="ghartifacts_async")
    plugin = [] if installed else ["-p", "ghartifacts_async.testing.plugin"]
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-W", "error", *plugin]
    command += ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), *options]
    return subprocess.run(
        [*command, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("mode", "default"), [("auto", "function"), ("strict", "session")])
def test_every_loop_scope(mode: str, default: str, tmp_path: Path) -> None:
    """The fixture works in every loop scope of pytest-asyncio, under anyio, and without a loop."""
    code = "".join(LOOP_SCOPES.format(scope=scope) for scope in SCOPES) + OTHERS
    options = [f"asyncio_mode={mode}", "asyncio_default_fixture_loop_scope=function"]
    options += [f"asyncio_default_test_loop_scope={default}"]
    done = run_pytest(tmp_path, code, *(part for option in options for part in ("-o", option)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


def test_without_a_plugin(tmp_path: Path) -> None:
    """Without a plugin, synchronous tests work, and an async test fails with a hint."""
    code = "def test_sync(fake_github): asyncio.run(use(fake_github))\n"
    code += "async def test_async(fake_github): pass\n"
    done = run_pytest(tmp_path, code, "-p", "no:asyncio", "-p", "no:anyio")
    assert "1 passed, 1 error" in done.stdout
    assert "test_async is an async test, but no plugin runs it: install pytest-asyncio" in (
        done.stdout
    )


async def test_the_fixture_is_a_running_server(fake_github: FakeGitHub) -> None:
    """The fixture `fake_github` is a running server without artifacts."""
    assert fake_github.url.startswith("http://127.0.0.1:")
    assert fake_github.requests == []


def test_the_fixture_in_a_synchronous_test(fake_github: FakeGitHub) -> None:
    """A synchronous test can add data, hold requests and wait for the server."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    bodies = []

    def get() -> None:
        with urllib.request.urlopen(fake_github.url + LIST) as response:
            bodies.append(response.read())

    with fake_github.holding():
        client = threading.Thread(target=get)
        client.start()
        while not fake_github.requests:
            pass
        with pytest.raises(TimeoutError):
            fake_github.block_until_idle(timeout=0.01)
        assert not bodies
    client.join(10)
    fake_github.block_until_idle(timeout=10)
    assert b"dist" in bodies[0]
    assert fake_github.requests[-1].status == 200


def test_data_may_change_while_requests_arrive(fake_github: FakeGitHub) -> None:
    """Another thread may add and delete artifacts and runs while the server lists them."""
    wanted, errors = {fake_github.add_artifact(REPOSITORY, "kept", b"").id}, []
    done = threading.Event()

    def get() -> None:
        while not done.is_set():
            for path in (LIST, f"/repos/{REPOSITORY}/actions/workflows"):
                with urllib.request.urlopen(fake_github.url + path) as response:
                    if response.status != 200:
                        errors.append(response.status)

    clients = [threading.Thread(target=get) for _ in range(2)]
    for client in clients:
        client.start()
    for number in range(100):
        artifact = fake_github.add_artifact(REPOSITORY, "dist", b"", digest=None)
        run = fake_github.add_run(REPOSITORY, workflow=f"{number}.yml")
        fake_github.rerun(run)
        fake_github.delete_artifact(artifact)
    done.set()
    for client in clients:
        client.join(10)
    assert not errors
    assert {artifact.id for artifact in fake_github.artifacts(REPOSITORY)} == wanted
    assert {request.status for request in fake_github.requests} <= {200, None}


def test_a_server_in_a_thread() -> None:
    """`with` runs the server in a thread, which ends with the block."""
    before = threading.active_count()
    with FakeGitHub() as fake:
        assert threading.active_count() == before + 1
        with pytest.raises(OSError, match="address already in use"):
            FakeGitHub(port=int(fake.url.rpartition(":")[2])).__enter__()
        asyncio.run(fake.wait_until_idle())
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="only once"):
        fake.__enter__()
    assert threading.active_count() == before


async def test_blocking_on_the_own_loop(fake_github: FakeGitHub) -> None:
    """Blocking the event loop on which the server runs raises an error instead of a deadlock."""
    with pytest.raises(RuntimeError, match="await wait_until_idle"):
        fake_github.block_until_idle()
