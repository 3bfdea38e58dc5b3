"""Helpers that the tests of FakeGitHub share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs

from ghartifacts_async.testing import FakeGitHub

REPOSITORY = "octo-org/octo-docs"
LIST = f"/repos/{REPOSITORY}/actions/artifacts"
CONTENT = bytes(range(256)) * 4

Send = Callable[..., Awaitable["Response"]]
Signed = Callable[[int], Awaitable[str]]


@attrs.frozen
class Response:
    """A response whose body has been read."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Clock:
    """A clock that moves only when a test sets `time`."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        return self.time


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection, send a GET and return the connection."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    send_get(writer, url)
    return reader, writer


def send_get(writer: asyncio.StreamWriter, url: str) -> None:
    """Send a GET over an open connection."""
    parts = urlsplit(url)
    writer.write(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


async def fetch_raw(url: str) -> tuple[bytes, bytes]:
    """Send a GET; return headers and body as received until the server closes the connection."""
    reader, writer = await connect(url)
    async with asyncio.timeout(30):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.transport.abort()
    return head, body


async def add_and_sign(fake: FakeGitHub, http: aiohttp.ClientSession, content: bytes) -> str:
    """Add an artifact and return its signed URL."""
    artifact = fake.add_artifact(REPOSITORY, "dist", content)
    target = f"{fake.url}/repos/{REPOSITORY}/actions/artifacts/{artifact.id}/zip"
    auth = {"Authorization": f"token {fake.token}"}
    async with http.get(target, headers=auth, allow_redirects=False) as response:
        return response.headers["Location"]


async def last_bytes_sent(fake: FakeGitHub) -> int | None:
    """Return the final `bytes_sent` of the last request to the blob store."""
    await fake.wait_until_idle()
    return fake.requests_to("blob")[-1].bytes_sent
