"""Running commands beside a fake that answers from the same event loop."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

from attrs import frozen

from ghartifacts_async.testing import FakeGitHub

MODULE = ("-W", "error", "-m", "ghartifacts_async")
PATIENCE = 60


@frozen
class Ended:
    """A command that has ended, and what it said."""

    status: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """The objects of ``--json``."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(fake: FakeGitHub | None, **extra: str) -> dict[str, str]:
    """The environment of a command: it knows the fake, and nothing of who runs the tests."""
    private = ("GH_", "GITHUB_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    told = {} if fake is None else {"GH_TOKEN": fake.token, "GITHUB_API_URL": fake.url}
    return kept | {"PYTHONIOENCODING": "utf-8"} | told | extra


async def start(
    fake: FakeGitHub | None, *arguments: str | Path, out: int = PIPE, **extra: str
) -> Process:
    """Start a command."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *MODULE,
        *map(str, arguments),
        stdin=DEVNULL,
        stdout=out,
        stderr=PIPE,
        env=environment(fake, **extra),
    )


async def end(process: Process) -> Ended:
    """Wait for the end of a command, which must not be a traceback."""
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    ended = Ended(process.returncode, (out or b"").decode(), err.decode())
    for sign in ("Traceback", "Exception ignored"):
        assert sign not in ended.err, ended.err
    return ended


async def run(fake: FakeGitHub | None, *arguments: str | Path, **extra: str) -> Ended:
    """Run a command to its end; whatever it says, it never says the token."""
    ended = await end(await start(fake, *arguments, out=PIPE, **extra))
    token = extra.get("GH_TOKEN") or (fake.token if fake else "")
    assert not token or token not in ended.out + ended.err
    return ended
