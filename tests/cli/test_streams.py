"""Standard streams that are closed, full or have no reader, and signals."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import MODULE, Ended, end, environment, run_in_terminal, start
from tests.support import REPOSITORY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither sh nor these signals")


async def run_in_shell(fake: FakeGitHub, redirections: str, *arguments: str) -> Ended:
    """Run a command in a shell that redirects its standard streams."""
    process = await asyncio.create_subprocess_shell(
        f"{shlex.join([sys.executable, *MODULE, *arguments])} {redirections}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(fake),
    )
    return await end(process)


@pytest.mark.parametrize(
    ("redirections", "command", "status"),
    [
        (">&-", "list", 0),
        (">&-", "list --help", 0),
        (">&-", "cat 1", 0),
        ("2>&-", "lsit", 2),
        ("2>&-", "list -L 1", 0),
        ("<&-", "delete 1", 2),
        (">&- 2>&- <&-", "list", 0),
        (">/dev/full", "list", 1),
        (">/dev/full", "list --help", 1),
        (">/dev/full", "cat 1", 1),
        ("2>/dev/full", "lsit", 2),
        ("2>/dev/full", "list -L 1", 0),
    ],
)
async def test_streams_that_are_closed_or_full(
    fake_github: FakeGitHub, redirections: str, command: str, status: int
) -> None:
    """Closed streams are as the null device; only results that cannot be written are an error."""
    if "/dev/full" in redirections and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    for name in ("dist", "docs"):
        fake_github.add_artifact(REPOSITORY, name, {"a.txt": "content"})
    words = command.split() if command == "lsit" else [*command.split(), "-R", REPOSITORY]
    done = await run_in_shell(fake_github, redirections, *words)
    assert done.status == status, done
    if redirections == ">/dev/full":
        assert done.err == "error: cannot write the output: No space left on device\n"


@pytest.mark.parametrize(
    "command", ["--help", "list --help", "--version", "completion fish", "serve-fake"]
)
async def test_a_page_without_a_reader(fake_github: FakeGitHub, command: str) -> None:
    """If the reader of a page has gone, the status is 141 without a message, as for results."""
    reading, writing = os.pipe()
    os.close(reading)
    process = await start(fake_github, *command.split(), out=writing)
    os.close(writing)
    done = await end(process)
    assert (done.status, done.err) == (141, "")


@pytest.mark.usefixtures("_signals_reach_children")
@pytest.mark.parametrize(("name", "status"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)])
async def test_a_signal_ends_a_command(fake_github: FakeGitHub, name: str, status: int) -> None:
    """SIGHUP, SIGINT and SIGTERM end a command quietly, also when they are repeated."""
    running = fake_github.add_run(REPOSITORY, status="in_progress").id
    process = await start(fake_github, "wait", REPOSITORY, "dist", "--run", str(running))
    assert process.stderr is not None
    await process.stderr.readline()
    process.send_signal(getattr(signal, name))
    process.send_signal(getattr(signal, name))
    done = await end(process)
    assert (done.status, done.out, done.err) == (status, "", "")


async def test_nohup(fake_github: FakeGitHub) -> None:
    """A command that `nohup` starts continues when the terminal is closed."""
    running = fake_github.add_run(REPOSITORY, status="in_progress").id
    command = [sys.executable, *MODULE, "wait", REPOSITORY, "dist", "--run", str(running)]
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f"trap '' HUP; exec {shlex.join(command)}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(fake_github),
    )
    assert process.stderr is not None
    await process.stderr.readline()
    process.send_signal(signal.SIGHUP)
    fake_github.add_artifact(REPOSITORY, "dist", b"x", run_id=running)
    done = await end(process)
    assert (done.status, len(done.rows())) == (0, 1)


@pytest.mark.usefixtures("_signals_reach_children")
async def test_ctrl_c_at_a_question(fake_github: FakeGitHub) -> None:
    """Ctrl-C at the question of `delete` ends the command, and nothing is deleted."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run_in_terminal(fake_github, "delete", REPOSITORY, "1", interrupt_at="[y/N]")
    assert done.status == 130
    assert len(fake_github.artifacts(REPOSITORY)) == 1
