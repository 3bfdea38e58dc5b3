"""What a client loads while it is entered: a thread does it, and the loop never waits for it."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

import pytest

from ghartifacts_async import Client, _context
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

CHILD = """
import asyncio, json, sys, threading
from ghartifacts_async import Client

asked = []

class Watching:
    def find_spec(self, name, *_):
        if threading.current_thread() is threading.main_thread():
            asked.append(name)

async def main(token, url, repository, target):
    sys.meta_path.insert(0, Watching())
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
    print(json.dumps([entered, asked, left]))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_client_that_is_open_has_what_downloads_need(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """No call and no download loads anything of ours or our dependencies' on the loop."""
    fake_github.add_artifact(REPOSITORY, "dist", bytes(1000))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, fake_github.token, fake_github.url),
        *(REPOSITORY, str(tmp_path / "dist.zip")),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    entered, asked, left = json.loads(out)
    needed = {"aiolimiter", "cattrs", "ghartifacts_async._api.converters"}
    modules = {f"ghartifacts_async._download.{name}" for name in ("blob", "downloader", "stream")}
    assert needed | modules <= set(entered)
    later = ("ghartifacts_async._archive", "ghartifacts_async._bulk")
    assert not [name for name in entered if name.startswith(later)]
    ours = ("aiolimiter", "cattrs", "filelock", "ghartifacts_async")
    assert not [name for name in asked if name.startswith(ours)]
    assert not [name for name in left if name.startswith("ghartifacts")]


@pytest.mark.parametrize("end", ["cancelled", "broken"])
async def test_a_client_that_is_not_entered_is_closed(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Whoever gives up while it loads, or where that fails, leaves no session and no thread."""
    began, go_on = threading.Event(), threading.Event()

    def load() -> None:
        began.set()
        go_on.wait(20)
        if end == "broken":
            raise ImportError("of half an installation")

    monkeypatch.setattr(_context, "_loaded", threading.Event())
    monkeypatch.setattr(_context, "_load", load)
    gh = Client("token")
    task = asyncio.ensure_future(gh.__aenter__())
    while not began.is_set():  # noqa: ASYNC110 - a thread's event
        await asyncio.sleep(0.001)
    if end == "cancelled":
        task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError if end == "cancelled" else ImportError):
        await task
    assert "closed" in repr(gh)
    assert not [t for t in threading.enumerate() if t.name.startswith("ghartifacts")]
