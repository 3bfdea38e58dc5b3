"""Entering a client imports, in a thread, the modules that calls and downloads need later."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

import pytest

from ghartifacts_async import Client, _context
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY, wait_until

CHILD = """
import asyncio, json, sys, threading
from ghartifacts_async import Client

requested = []

class Recorder:
    def find_spec(self, name, *_):
        if threading.current_thread() is threading.main_thread():
            requested.append(name)

async def main(token, url, repository, target):
    sys.meta_path.insert(0, Recorder())
    async with Client(token, base_url=url) as gh:
        entered = sorted(sys.modules)
        repo = gh.repo(repository)
        artifact = await repo.list_artifacts().first()
        await repo.get_artifact(artifact)
        await repo.download_artifact(artifact, target)
        async with repo.stream_artifact(artifact) as stream:
            async for _ in stream:
                pass
    left = [thread.name for thread in threading.enumerate()]
    print(json.dumps([entered, requested, left]))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_an_open_client_imports_nothing_on_the_loop(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Calls and downloads of an open client import no module of the library on the event loop."""
    fake_github.add_artifact(REPOSITORY, "dist", bytes(1000))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, fake_github.token, fake_github.url),
        *(REPOSITORY, str(tmp_path / "dist.zip")),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    entered, requested, left = json.loads(out)
    needed = {"aiolimiter", "cattrs", "ghartifacts_async._api.converters"}
    modules = {f"ghartifacts_async._download.{name}" for name in ("blob", "downloader", "stream")}
    assert needed | modules <= set(entered)
    loaded_later = ("ghartifacts_async._archive", "ghartifacts_async._bulk")
    assert not [name for name in entered if name.startswith(loaded_later)]
    ours = ("aiolimiter", "cattrs", "filelock", "ghartifacts_async")
    assert not [name for name in requested if name.startswith(ours)]
    assert not [name for name in left if name.startswith("ghartifacts")]


@pytest.mark.parametrize("end", ["cancelled", "broken"])
async def test_an_entry_that_fails_closes_the_client(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """If entering a client is cancelled or its imports fail, no session and no thread remain."""
    started, proceed = threading.Event(), threading.Event()

    def load() -> None:
        started.set()
        proceed.wait(20)
        if end == "broken":
            raise ImportError("incomplete installation")

    # This process has imported the modules, so their imports cannot fail or take long again.
    monkeypatch.setattr(_context, "_loaded", threading.Event())
    monkeypatch.setattr(_context, "_load", load)
    gh = Client("token")
    task = asyncio.ensure_future(gh.__aenter__())
    await wait_until(started.is_set)
    if end == "cancelled":
        task.cancel()
    proceed.set()
    with pytest.raises(asyncio.CancelledError if end == "cancelled" else ImportError):
        await task
    assert "closed" in repr(gh)
    assert not [t for t in threading.enumerate() if t.name.startswith("ghartifacts")]
