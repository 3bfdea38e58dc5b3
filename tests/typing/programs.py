"""Whole programs that type checkers check: a service and an archiver; they are never run."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

from ghartifacts_async import (
    Artifact,
    ArtifactsError,
    BulkProgress,
    Client,
    GitHubApp,
    InstallationTokenError,
    MirrorReport,
    PermissionDenied,
    RateLimitPolicy,
    Repo,
    Wait,
)

Handler = Callable[[str], Awaitable[dict[str, Any]]]


class Service:
    """A web service, as FastAPI runs it: it opens the client when it starts."""

    def __init__(self, ca_file: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca_file))
        self.gh = Client.from_env(ssl=context, on_wait=self.show)
        self.waits: list[datetime | None] = []

    def show(self, wait: Wait) -> None:
        """Remember until when the client waits."""
        self.waits.append(wait.until)
        assert_type(self.gh.stats.waiting, Wait | None)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Repo]:
        """Open the client for the time in which the service runs."""
        assert_type(await self.gh.open(), Client)
        yield self.gh.repo()
        assert_type(await self.gh.aclose(), None)

    async def coverage(self, branch: str) -> dict[str, Any]:
        """Answer a request with the coverage of a branch of the repository itself."""
        listing = self.gh.repo().list_artifacts("coverage", branch=branch, from_fork=False)
        artifact = await listing.first()
        if artifact is None:
            return {"error": "no coverage"}
        try:
            async with self.gh.repo().open_artifact(artifact) as archive:
                return {"report": (await archive.read("report.json")).decode()}
        except PermissionDenied as error:
            return {"error": error.sso_url or error.accepted_permissions}

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers of the service by path."""
        return {"/coverage": self.coverage}


async def archive(key: Path, repositories: list[str], directory: Path) -> MirrorReport:
    """Archive the artifacts of many repositories as a GitHub App."""
    app = GitHubApp(7, key, repository=repositories[0], permissions={"actions": "read"})
    limits = RateLimitPolicy(points_per_minute=600)
    week = datetime.now(UTC) - timedelta(days=7)

    def on_progress(progress: BulkProgress) -> None:
        print(progress.done, progress.received)

    async with Client(app, rate_limits=limits, trust_env=True) as gh:
        try:
            report = await gh.mirror(
                repositories, directory, created_after=week, on_progress=on_progress
            )
        except InstallationTokenError as error:
            assert_type(error.installation_id, int | None)
            raise
        for outcome in report.failures:
            assert_type(outcome.artifact, Artifact | int)
            assert_type(outcome.error, ArtifactsError | None)
        assert_type(await gh.request("GET", "/orgs/octo-org", params={"page": 1}), Any)
        assert_type(await gh.repo("o/r").request("POST", "/dispatches", json={"a": 1}), Any)
        return report


if __name__ == "__main__":
    asyncio.run(archive(Path("app.pem"), ["octo-org/octo-docs"], Path("archive")))
