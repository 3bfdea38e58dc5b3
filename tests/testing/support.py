"""What the tests of the fake have in common."""

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

Ask = Callable[..., Awaitable["Answer"]]
Signed = Callable[[int], Awaitable[str]]


@attrs.frozen
class Answer:
    """An answer that has been read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def until(true: Callable[[], object]) -> None:
    """Give way until it is true, for some seconds at most."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what the server counts has no event
            await asyncio.sleep(0)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        return self.time


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a GET over a connection of its own."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    get(writer, url)
    return reader, writer


def get(writer: asyncio.StreamWriter, url: str) -> None:
    """Send a GET."""
    parts = urlsplit(url)
    writer.write(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


async def flow(url: str) -> tuple[bytes, bytes]:
    """Return head and body as they come until the connection ends in good order."""
    reader, writer = await connect(url)
    async with asyncio.timeout(30):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.transport.abort()
    return head, body


async def locate(fake: FakeGitHub, http: aiohttp.ClientSession, content: bytes) -> str:
    """Add an artifact and return its signed URL."""
    artifact = fake.add_artifact(REPOSITORY, "dist", content)
    target = f"{fake.url}/repos/{REPOSITORY}/actions/artifacts/{artifact.id}/zip"
    auth = {"Authorization": f"token {fake.token}"}
    async with http.get(target, headers=auth, allow_redirects=False) as answer:
        return answer.headers["Location"]


async def sent(fake: FakeGitHub) -> int | None:
    """Return how many bytes of the last request's body the log says were sent."""
    await fake.settled()
    return fake.requests_to("blob")[-1].bytes_sent
