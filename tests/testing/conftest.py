"""Fixtures: a running FakeGitHub, an HTTP session, and functions that send requests."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import CONTENT, LIST, REPOSITORY, Clock, Response, Send, Signed


@pytest.fixture
def clock() -> Clock:
    """The clock of the server `fake`."""
    return Clock()


@pytest.fixture
async def fake(clock: Clock) -> AsyncIterator[FakeGitHub]:
    """A running FakeGitHub that uses the fixture `clock`."""
    async with FakeGitHub(now=clock) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A session that adds only aiohttp's default headers."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.fixture
def send(fake: FakeGitHub, http: aiohttp.ClientSession) -> Send:
    """Return a function that sends one request, without changing the URL, and reads the response.

    A target that starts with a slash is sent to the API with the token. In header names, `_`
    stands for `-`. A header whose value is None is not sent.
    """

    async def send_request(
        target: str, method: str = "GET", *, data: bytes | None = None, **headers: str | None
    ) -> Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if target.startswith("/"):
            target = fake.url + target
            fields = {"Authorization": f"Bearer {fake.token}", **fields}
        async with http.request(
            method,
            URL(target, encoded=True),
            data=data,
            headers={name: value for name, value in fields.items() if value is not None},
            skip_auto_headers=[name for name, value in fields.items() if value is None],
            allow_redirects=False,
        ) as response:
            body = await response.read()
            if response.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            return Response(response.status, response.headers, body)

    return send_request


@pytest.fixture
def signed(send: Send) -> Signed:
    """Return a function that requests the signed URL of an artifact."""

    async def request_url(artifact_id: int) -> str:
        response = await send(f"{LIST}/{artifact_id}/zip")
        assert response.status == 302
        location: str = response.headers["Location"]
        return location

    return request_url


@pytest.fixture
async def url(fake: FakeGitHub, signed: Signed) -> str:
    """The signed URL of an artifact whose payload is `CONTENT`."""
    return await signed(fake.add_artifact(REPOSITORY, "dist", CONTENT).id)
