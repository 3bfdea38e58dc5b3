"""Whole programs that type checkers check: a service, a bot and an archiver; they never run."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

from ghartifacts_async import (
    Archive,
    Artifact,
    ArtifactsError,
    ArtifactsErrorGroup,
    ArtifactStream,
    BulkProgress,
    Client,
    Download,
    GitHubApp,
    InstallationTokenError,
    InvalidDelivery,
    ManifestEntry,
    MirrorReport,
    Outcome,
    PermissionDenied,
    RateLimitPolicy,
    Repo,
    Run,
    SignatureMismatch,
    Wait,
    read_manifest,
    webhooks,
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


class Bot:
    """A bot that many organizations install, and that comments on the coverage of commits."""

    def __init__(self, key: Path, secret: str) -> None:
        self.gh = Client(GitHubApp("Iv1.abc", key), user_agent="coverage-bot")
        self.secret = secret

    async def receive(self, headers: Mapping[str, str], body: bytes) -> int:
        """Handle the request of a webhook, and return the status of the response."""
        try:
            event = webhooks.parse(headers, body, secret=self.secret)
        except SignatureMismatch:
            return 401
        except InvalidDelivery:
            return 400
        match event:
            case webhooks.WorkflowRunEvent(installation_id=int(installation)):
                repo = self.gh.for_installation(installation).repo(event.repository.full_name)
                await self.comment(repo, event.run)
        return 204

    async def comment(self, repo: Repo, run: Run) -> None:
        """Read the report of a run, and comment on its commit."""
        async for artifact in repo.list_run_artifacts(run, name="coverage"):
            async with repo.open_artifact(artifact) as archive:
                assert_type(archive, Archive)
                report = await archive.read_json("report.json")
            async with repo.stream_artifact(artifact) as stream:
                assert_type(stream, ArtifactStream)
                assert_type([chunk async for chunk in stream], list[bytes])
            await repo.request("POST", f"/commits/{run.head_sha}/comments", json={"body": report})


async def archive(key: Path, repositories: list[str], directory: Path) -> MirrorReport:
    """Archive the artifacts of many repositories as a GitHub App."""
    app = GitHubApp(7, key, repository=repositories[0], permissions={"actions": "read"})
    limits = RateLimitPolicy(points_per_minute=600)
    week = datetime.now(UTC) - timedelta(days=7)

    def on_progress(progress: BulkProgress) -> None:
        assert_type(progress.total, int | None)
        assert_type(progress.total_bytes, int | None)

    def on_outcome(outcome: Outcome) -> None:
        assert_type(outcome.download, Download | None)

    async with Client(app, rate_limits=limits, trust_env=True) as gh:
        try:
            report = await gh.mirror(
                repositories,
                directory,
                created_after=week,
                on_progress=on_progress,
                on_outcome=on_outcome,
            )
        except InstallationTokenError as error:
            assert_type(error.installation_id, int | None)
            raise
        for outcome in report.failures:
            assert_type(outcome.artifact, Artifact | int)
            assert_type(outcome.error, ArtifactsError | None)
        assert_type(await gh.request("GET", "/orgs/octo-org", params={"page": 1}), Any)
        assert_type(await gh.repo("o/r").request("POST", "/dispatches", json={"a": 1}), Any)
        try:
            report.raise_for_errors()
        except ArtifactsErrorGroup as group:
            assert_type(group.exceptions[0], ArtifactsError | ExceptionGroup[ArtifactsError])
        assert_type(report.new_files, tuple[Path, ...])
        for entry in await asyncio.to_thread(list, read_manifest(directory / repositories[0])):
            assert_type(entry, ManifestEntry)
            assert_type(entry.artifact, Artifact)
        return report


if __name__ == "__main__":
    asyncio.run(archive(Path("app.pem"), ["octo-org/octo-docs"], Path("archive")))
