"""A FakeGitHub on the event loop's clock and an open client, used by most tests of API calls."""

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
    """A running FakeGitHub that holds one artifact, and an open client that calls it.

    Attributes:
        fake: The server.
        gh: The client.
        artifact: The id of the artifact.
        arrivals: The arrival time and the request, for each request that neither a queued fault nor
            a rate limit refused.
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
        """Record the arrival of a request. `FakeGitHub.fail_when` gets this as a callback."""
        self.arrivals.append((now(), request))


def now() -> float:
    """Return the running loop's time in seconds."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def open_world(
    *, auth: Any = None, fake: dict[str, Any] | None = None, url: str = "url", **client: Any
) -> AsyncIterator[World]:
    """Run a FakeGitHub that holds one artifact, and open a client that calls it.

    Args:
        auth: The client's authentication; None uses the fake's token.
        fake: Arguments of the FakeGitHub.
        url: The name of the FakeGitHub attribute that holds the client's base URL.
        client: Arguments of the Client.
    """
    async with FakeGitHub(now=wall, **(fake or {})) as server:
        artifact = server.add_artifact(REPOSITORY, "dist", b"hello").id
        base_url = getattr(server, url)
        async with Client(auth or server.token, base_url=base_url, **client) as gh:
            world = World(server, gh, artifact)
            server.fail_when(world.seen)
            yield world
