"""Artifacts of a few megabytes, and stores that serve them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ghartifacts_async import ArtifactsError, Client, RetryPolicy
from ghartifacts_async.testing import BlobFault, FakeArtifact, FakeGitHub
from tests.support import REPOSITORY, Answer, says

PAYLOAD = os.urandom(3_000_000)

ONCE = RetryPolicy(attempts=1)


def blob(payload: bytes, *headers: bytes, length: int | None = None) -> Answer:
    """A store that serves the payload, promising `length` bytes."""
    promise = b"Content-Length: %d" % (len(payload) if length is None else length)
    head = b"\r\n".join((b"HTTP/1.1 200 OK", b"Content-Type: application/zip", promise, *headers))
    return says(head + b"\r\n\r\n" + payload)


def add(fake: FakeGitHub, location: str | None = None, **kwargs: object) -> FakeArtifact:
    """An artifact with PAYLOAD, served from `location`."""
    return fake.add_artifact(REPOSITORY, "dist", PAYLOAD, location=location, **kwargs)  # type: ignore[arg-type]


async def attempt(fake: FakeGitHub, target: Path | str, after: int) -> None:
    """A download that ends after so many bytes."""
    fake.fail_blobs_next(BlobFault.truncate(after=after))
    async with Client(fake.token, base_url=fake.url, retry=ONCE) as gh:
        with pytest.raises(ArtifactsError):
            await gh.repo(REPOSITORY).download_artifact(1, target)
    fake.clear_requests()


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A store that sends on and on, and says nothing of an end; for `raw_server`."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\r\n")
    while True:
        writer.write(b"x" * 2**16)
        await writer.drain()
        await asyncio.sleep(0)
