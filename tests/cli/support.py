"""Run commands in subprocesses, against a `FakeGitHub` in the event loop of the test."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from ghartifacts_async.testing import FakeGitHub
from tests.cli.fork_server import ForkServer

MODULE = ("-W", "error", "-m", "ghartifacts_async")
TIMEOUT = 60
"""Seconds that a command may take."""

_PRIVATE = (
    *("GH_", "GITHUB_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_"),
    *("PYTHONUNBUFFERED", "PYTHONASYNCIODEBUG"),
)
"""Beginnings of variables that commands do not inherit."""

_AT_START = ("LANG", "LC_", "PYTHON", "SSL_")
"""Beginnings of variables that are read when Python starts or imports the program."""


@frozen
class Ended:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON objects that ``--json`` prints."""
        return [json.loads(line) for line in self.out.splitlines()]

    def rows(self) -> list[list[str]]:
        """Return the fields of the lines that are printed if the output is no terminal."""
        return [line.split("\t") for line in self.out.splitlines()]


def environment(fake: FakeGitHub | None, **extra: str) -> dict[str, str]:
    """Return the environment of a command: the fake's token and URL, and no user settings.

    Commands do not run in asyncio's debug mode, which prints a line if the machine is slow.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    github = {} if fake is None else {"GH_TOKEN": fake.token, "GITHUB_API_URL": fake.url}
    config = {"PYTHONIOENCODING": "utf-8", "GH_CONFIG_DIR": os.devnull}
    return kept | config | github | extra


@functools.cache
def _fork_server() -> ForkServer:
    return ForkServer(environment(None))


async def start(
    fake: FakeGitHub | None,
    *arguments: str | Path,
    out: int = PIPE,
    cwd: Path | None = None,
    **extra: str,
) -> Process:
    """Start a command."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *MODULE,
        *map(str, arguments),
        stdin=DEVNULL,
        stdout=out,
        stderr=PIPE,
        cwd=cwd,
        env=environment(fake, **extra),
    )


async def end(process: Process) -> Ended:
    """Wait for a command to exit and assert that it prints no traceback."""
    async with asyncio.timeout(TIMEOUT):
        out, err = await process.communicate()
    assert process.returncode is not None
    return checked(process.returncode, out, err)


def checked(status: int, out: bytes | None, err: bytes) -> Ended:
    """Return the outcome of a command, and assert that it printed no traceback."""
    ended = Ended(status, (out or b"").decode(), err.decode())
    for text in ("Traceback", "Exception ignored"):
        assert text not in ended.err + ended.out, ended.err + ended.out
    return ended


async def run(
    fake: FakeGitHub | None, *arguments: str | Path, cwd: Path | None = None, **extra: str
) -> Ended:
    """Run a command until it exits and assert that it never prints the token."""
    measured = "COVERAGE_PROCESS_START" in os.environ
    if sys.platform != "linux" or measured or any(name.startswith(_AT_START) for name in extra):
        ended = await end(await start(fake, *arguments, out=PIPE, cwd=cwd, **extra))
    else:
        async with asyncio.timeout(TIMEOUT):
            ended = checked(
                *await _fork_server().run([*map(str, arguments)], environment(fake, **extra), cwd)
            )
    token = extra.get("GH_TOKEN") or (fake.token if fake else "")
    assert not token or token not in ended.out + ended.err
    return ended


async def run_in_terminal(
    fake: FakeGitHub | None,
    *arguments: str | Path,
    columns: int = 80,
    typed: str = "",
    interrupt_at: str | None = None,
    **extra: str,
) -> Ended:
    """Run a command in a pseudo-terminal. All of its output is in `Ended.out`.

    Args:
        fake: The server.
        arguments: Arguments of the command.
        columns: Width of the terminal.
        typed: Text that the user types.
        interrupt_at: Press Ctrl-C when this text has appeared.
        extra: Environment variables.
    """
    process, master = await open_terminal(
        *(sys.executable, *MODULE, *map(str, arguments)),
        env=environment(fake, TERM="xterm", **extra),
        columns=columns,
    )
    os.write(master, typed.encode())
    output = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT):
            while chunk := await asyncio.to_thread(read_terminal, master):
                output += chunk
                if interrupt_at is not None and interrupt_at in output.decode(errors="replace"):
                    interrupt_at = None
                    os.write(master, b"\x03")
            status = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        os.close(master)
    return checked(status, bytes(output).replace(b"\r\n", b"\n"), b"")


async def open_terminal(
    *command: str, env: dict[str, str], columns: int, cwd: Path | None = None
) -> tuple[Process, int]:
    """Start a program in a pseudo-terminal.

    Returns:
        The process, and the descriptor with which to write what the user types and to read what
        the terminal shows. Close it at the end.
    """
    fcntl = pytest.importorskip("fcntl", reason="Windows has no pseudo-terminals")
    termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals")

    master, slave = os.openpty()

    def take_terminal() -> None:
        """Make the terminal the controlling one, so that Ctrl-C sends SIGINT."""
        os.setsid()
        # uvloop calls this before the terminal becomes the standard input.
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env,
        cwd=cwd,
        preexec_fn=take_terminal,
    )
    os.close(slave)
    return process, master


def read_terminal(master: int) -> bytes:
    """Return what the terminal shows next, or nothing at the end."""
    try:
        return os.read(master, 65536)
    except OSError:
        return b""  # Linux reports the end of a terminal as EIO.
