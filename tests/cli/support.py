"""Run commands in subprocesses, against a `FakeGitHub` in the event loop of the test."""

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
TIMEOUT = 60
"""Seconds that a command may take."""


@frozen
class Ended:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON objects that ``--json`` prints."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(fake: FakeGitHub | None, **extra: str) -> dict[str, str]:
    """Return the environment of a command: the fake's token and URL, and no user settings."""
    private = ("GH_", "GITHUB_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    github = {} if fake is None else {"GH_TOKEN": fake.token, "GITHUB_API_URL": fake.url}
    return kept | {"PYTHONIOENCODING": "utf-8"} | github | extra


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
    """Wait for a command to exit and assert that it prints no traceback."""
    async with asyncio.timeout(TIMEOUT):
        out, err = await process.communicate()
    assert process.returncode is not None
    ended = Ended(process.returncode, (out or b"").decode(), err.decode())
    for text in ("Traceback", "Exception ignored"):
        assert text not in ended.err, ended.err
    return ended


async def run(fake: FakeGitHub | None, *arguments: str | Path, **extra: str) -> Ended:
    """Run a command until it exits and assert that it never prints the token."""
    ended = await end(await start(fake, *arguments, out=PIPE, **extra))
    token = extra.get("GH_TOKEN") or (fake.token if fake else "")
    assert not token or token not in ended.out + ended.err
    return ended
