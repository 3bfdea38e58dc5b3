"""What the tests of calls have in common: a fake on the loop's clock, and a client of it."""

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
    """A running FakeGitHub with one artifact, and an open client of it.

    Attributes:
        arrivals: Of each request that met no queued fault and no limit: when, and which.
    """

    fake: FakeGitHub
    gh: Client
    artifact: int
    arrivals: list[tuple[float, LoggedRequest]] = field(factory=list)

    @property
    def repo(self) -> Repo:
        """The repository of the artifact."""
        return self.gh.repo(REPOSITORY)

    @property
    def times(self) -> list[float]:
        """When requests arrived, on the loop's clock."""
        return [time for time, _ in self.arrivals]

    def seen(self, request: LoggedRequest) -> None:
        """Note an arrival; for `FakeGitHub.fail_when`."""
        self.arrivals.append((now(), request))


def now() -> float:
    """The running loop's time."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def world(
    *, auth: Any = None, fake: dict[str, Any] | None = None, url: str = "url", **client: Any
) -> AsyncIterator[World]:
    """A fake and a client of it.

    Args:
        auth: Of the client; the fake's token where it is None.
        fake: Arguments of the FakeGitHub.
        url: Which of its URLs is called.
        client: Arguments of the Client.
    """
    async with FakeGitHub(now=wall, **(fake or {})) as server:
        artifact = server.add_artifact(REPOSITORY, "dist", b"hello").id
        base_url = getattr(server, url)
        async with Client(auth or server.token, base_url=base_url, **client) as gh:
            made = World(server, gh, artifact)
            server.fail_when(made.seen)
            yield made
