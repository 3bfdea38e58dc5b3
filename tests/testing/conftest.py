"""A running fake, a bare client, and shorthands for talking to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import CONTENT, LIST, REPOSITORY, Answer, Ask, Clock, Signed


@pytest.fixture
def clock() -> Clock:
    """The clock of `fake`."""
    return Clock()


@pytest.fixture
async def fake(clock: Clock) -> AsyncIterator[FakeGitHub]:
    """A running FakeGitHub on the clock."""
    async with FakeGitHub(now=clock) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A session that adds nothing but aiohttp's own headers."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.fixture
def ask(fake: FakeGitHub, http: aiohttp.ClientSession) -> Ask:
    """Send one request, byte for byte, and read the answer.

    A path is the API's and goes with the token; a header that is None is left out.
    """

    async def send(
        target: str, method: str = "GET", *, data: bytes | None = None, **headers: str | None
    ) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if target.startswith("/"):
            target = fake.url + target
            named = {"Authorization": f"Bearer {fake.token}", **named}
        async with http.request(
            method,
            URL(target, encoded=True),
            data=data,
            headers={name: value for name, value in named.items() if value is not None},
            skip_auto_headers=[name for name, value in named.items() if value is None],
            allow_redirects=False,
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    return send


@pytest.fixture
def signed(ask: Ask) -> Signed:
    """Return an artifact's signed URL."""

    async def locate(artifact_id: int) -> str:
        answer = await ask(f"{LIST}/{artifact_id}/zip")
        assert answer.status == 302
        location: str = answer.headers["Location"]
        return location

    return locate


@pytest.fixture
async def url(fake: FakeGitHub, signed: Signed) -> str:
    """The signed URL of `CONTENT`."""
    return await signed(fake.add_artifact(REPOSITORY, "dist", CONTENT).id)
