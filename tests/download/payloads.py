"""A payload for the download tests, and helpers that serve it or interrupt its download."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ghartifacts_async import ArtifactsError, Client, RetryPolicy
from ghartifacts_async.testing import BlobFault, FakeArtifact, FakeGitHub
from tests.support import REPOSITORY, Answer, says

PAYLOAD = os.urandom(3_000_000)

NO_RETRIES = RetryPolicy(attempts=1)


def blob_response(payload: bytes, *headers: bytes, length: int | None = None) -> Answer:
    """Return a response with the payload; `length` overrides its Content-Length."""
    length_header = b"Content-Length: %d" % (len(payload) if length is None else length)
    head = b"\r\n".join(
        (b"HTTP/1.1 200 OK", b"Content-Type: application/zip", length_header, *headers)
    )
    return says(head + b"\r\n\r\n" + payload)


def add_artifact(fake: FakeGitHub, location: str | None = None, **kwargs: object) -> FakeArtifact:
    """Add an artifact with PAYLOAD. `location` is its download URL, by default a fake store's."""
    return fake.add_artifact(REPOSITORY, "dist", PAYLOAD, location=location, **kwargs)  # type: ignore[arg-type]


async def interrupted_download(fake: FakeGitHub, target: Path | str, after: int) -> None:
    """Start a download that fails as soon as `after` bytes have arrived."""
    fake.fail_blobs_next(BlobFault.truncate(after=after))
    async with Client(fake.token, base_url=fake.url, retry=NO_RETRIES) as gh:
        with pytest.raises(ArtifactsError):
            await gh.repo(REPOSITORY).download_artifact(1, target)
    fake.clear_requests()


async def send_forever(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an endless body without Content-Length. A handler for `raw_server`."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\r\n")
    while True:
        writer.write(b"x" * 2**16)
        await writer.drain()
        await asyncio.sleep(0)
