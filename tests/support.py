"""Helpers that tests in several folders share."""

from __future__ import annotations

import asyncio
import functools
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ghartifacts_async import RetryPolicy

REPOSITORY = "octo-org/octo-docs"

QUICK = RetryPolicy(wait_initial=0.005, wait_max=0.02)
"""A retry policy with the default number of attempts, but waits of milliseconds."""

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def files_below(directory: Path) -> list[str]:
    """Return the relative paths of all files below a directory, hidden files included."""
    return sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    )


def published_below(directory: Path) -> list[str]:
    """Return the relative paths of all files, except those kept to resume a failed download."""
    return [name for name in files_below(directory) if ".ghartifacts-" not in name]


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true, which is checked every millisecond.

    Raises:
        TimeoutError: The condition was not true within a minute.
    """
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - for conditions that set no event
            await asyncio.sleep(0.001)


async def cancel_while_blocked(task: asyncio.Future[Any], unblock: threading.Event) -> None:
    """Cancel a task that waits for a blocked thread, and check that it waits for the thread.

    Args:
        task: It is cancelled twice.
        unblock: The event that the thread waits for. It is set after both calls.
    """
    for _ in range(2):
        await asyncio.sleep(0.01)
        task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    unblock.set()
    with pytest.raises(asyncio.CancelledError):
        await task


@asynccontextmanager
async def raw_server(answer: Answer) -> AsyncIterator[str]:
    """Run a TCP server on loopback that reads a request head and calls `answer`; yield its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()


def says(text: bytes) -> Answer:
    """Return an answer for `raw_server` that writes exactly these bytes and then closes."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return answer


@functools.cache
def ignores_permissions() -> bool:
    """Return True if this process may open any file, as processes of root usually may."""
    with tempfile.TemporaryDirectory() as directory:
        closed = Path(directory, "closed")
        closed.mkdir(mode=0)
        return os.access(closed, os.R_OK)


@functools.cache
def rsa_keys() -> tuple[str, str]:
    """Return a private key and its public key as PEM, the same pair for every test."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
