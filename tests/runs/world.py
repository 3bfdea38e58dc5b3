"""A FakeGitHub with a run in progress on a simulated clock, which the tests of waiting use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define

from ghartifacts_async import Artifact, Client, Repo
from ghartifacts_async.testing import FakeGitHub, FakeRun
from tests.clock import wall
from tests.support import REPOSITORY


@define(eq=False)
class World:
    """A FakeGitHub with one run in progress, and an open client."""

    fake: FakeGitHub
    gh: Client
    run: FakeRun

    @property
    def repo(self) -> Repo:
        """The repository of the run."""
        return self.gh.repo(REPOSITORY)

    @property
    def counted(self) -> int:
        """The number of calls that counted against the primary rate limit."""
        return self.gh.stats.calls - self.gh.stats.not_modified

    def upload(self, name: str = "dist", run: FakeRun | None = None) -> Artifact:
        """Add an artifact to the run, or to another one."""
        return self.fake.add_artifact(REPOSITORY, name, b"x", run_id=run or self.run)  # type: ignore[return-value]


@asynccontextmanager
async def open_world(**options: object) -> AsyncIterator[World]:
    """Run a FakeGitHub with one run in progress, and open a client with these arguments."""
    async with FakeGitHub(now=wall) as fake:
        run = fake.add_run(REPOSITORY, status="in_progress")
        async with Client(fake.token, base_url=fake.url, **options) as gh:  # type: ignore[arg-type]
            yield World(fake, gh, run)


def now() -> float:
    """Return the simulated time."""
    return asyncio.get_running_loop().time()
