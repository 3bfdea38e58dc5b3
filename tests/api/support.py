"""A FakeGitHub on the loop's clock and a client of it, which most tests of calls use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field

from ghartifacts_async import Client, Repo
from ghartifacts_async.testing import FakeGitHub, LoggedRequest
from tests.clock import wall
from tests.support import REPOSITORY


@define(eq=False)
class World:
    """A running FakeGitHub with one artifact and an open client of it.

    Attributes:
        fake: The server.
        gh: The client.
        artifact: The id of the artifact.
        arrivals: Time and request, for each request that met no queued fault and no limit.
    """

    fake: FakeGitHub
    gh: Client
    artifact: int
    arrivals: list[tuple[float, LoggedRequest]] = field(factory=list)

    @property
    def repo(self) -> Repo:
        """The repository that holds the artifact."""
        return self.gh.repo(REPOSITORY)

    @property
    def times(self) -> list[float]:
        """The arrival times of the requests, on the loop's clock."""
        return [time for time, _ in self.arrivals]

    def seen(self, request: LoggedRequest) -> None:
        """Record an arrival, as a callback for `FakeGitHub.fail_when`."""
        self.arrivals.append((now(), request))


def now() -> float:
    """Return the running loop's time in seconds."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def open_world(
    *, auth: Any = None, fake: dict[str, Any] | None = None, url: str = "url", **client: Any
) -> AsyncIterator[World]:
    """Run a FakeGitHub and a client of it.

    Args:
        auth: The client's authentication; None uses the fake's token.
        fake: Arguments of the FakeGitHub.
        url: The attribute of the FakeGitHub that holds the client's base URL.
        client: Arguments of the Client.
    """
    async with FakeGitHub(now=wall, **(fake or {})) as server:
        artifact = server.add_artifact(REPOSITORY, "dist", b"hello").id
        base_url = getattr(server, url)
        async with Client(auth or server.token, base_url=base_url, **client) as gh:
            world = World(server, gh, artifact)
            server.fail_when(world.seen)
            yield world
