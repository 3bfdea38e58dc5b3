"""Uses of the public API that type checkers check; this module is never run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import aiohttp

import ghartifacts_async
from ghartifacts_async import (
    Anonymous,
    Archive,
    ArchiveLimits,
    Artifact,
    ArtifactListing,
    ArtifactPage,
    BulkProgress,
    Client,
    Deletion,
    Digest,
    Download,
    Extraction,
    GitHubError,
    Member,
    MirrorReport,
    Outcome,
    Progress,
    PruneReport,
    Repo,
    Timeouts,
    Token,
    from_json,
    to_json,
)
from ghartifacts_async.testing import FakeArtifact, FakeGitHub


async def provide() -> str:
    """Return a token, as a token provider does."""
    return "token"


def on_progress(progress: Progress) -> None:
    """Receive the progress of one download."""
    assert_type(progress.total, int | None)
    assert_type(progress.rate, float)


def on_bulk(progress: BulkProgress) -> None:
    """Receive the progress of a bulk operation."""
    assert_type(progress.total, int | None)


async def clients(session: aiohttp.ClientSession) -> None:
    """Create clients in every supported way."""
    Client(Anonymous())
    Client("token", base_url="https://ghe.example/api/v3", api_version="2022-11-28")
    Client(Token("token"), user_agent="bot", timeouts=Timeouts(stall=5))
    Client(provide, session=session)
    assert_type(Client.from_env(), Client)
    async with Client("token") as gh:
        assert_type(gh, Client)
        assert_type(gh.repo("octo-org/octo-docs"), Repo)
    Client(42)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(os.environ.get("GH_TOKEN"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def calls(repo: Repo) -> None:
    """Call the five endpoints."""
    assert_type(repo.list_artifacts("dist", per_page=50), ArtifactListing)
    listing = repo.list_run_artifacts(7, name="dist", direction="asc")
    async for artifact in listing:
        assert_type(artifact, Artifact)
    async for page in listing.pages():
        assert_type(page, ArtifactPage)
        assert_type(page.artifacts, tuple[Artifact, ...])
    assert_type(await listing.collect(limit=3), list[Artifact])
    assert_type(await listing.first(), Artifact | None)
    assert_type(await listing.total_count(), int)
    artifact = await repo.get_artifact(11)
    assert_type(artifact.created_at, datetime | None)
    assert_type(artifact.digest, Digest | None)
    download = await repo.download_artifact(artifact, Path("out"), on_progress=on_progress)
    assert_type(download, Download)
    assert_type(download.path, Path)
    assert_type(await repo.delete_artifact(artifact), None)
    repo.list_run_artifacts(7, direction="up")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def archives(repo: Repo, artifact: Artifact) -> None:
    """Read and extract archives."""
    async with repo.open_artifact(artifact, limits=ArchiveLimits(max_members=10)) as archive:
        assert_type(archive, Archive)
        assert_type(archive.names(), list[str])
        assert_type(archive.glob("**/*.xml"), list[str])
        assert_type(await archive.read_text("a", encoding="latin-1"), str)
        assert_type(await archive.read_json("a"), Any)
        assert_type(archive.members(), list[Member])
        assert_type(archive.downloaded, bool)
        assert_type(await archive.read("report.json", max_size=10), bytes)
        async with archive.stream("report.json") as chunks:
            async for chunk in chunks:
                assert_type(chunk, bytes)
        assert_type(await archive.extract("out", ["a", "b"]), list[Path])
        assert_type(await archive.extract("out", "*.json", if_exists="replace"), list[Path])
    assert_type(await repo.read_member(artifact, "a", encoding="cp932"), bytes)
    await repo.extract_artifact(
        11, "out", symlinks="inside", backslashes="separator", on_collision="rename"
    )
    await repo.extract_artifact(11, "out", symlinks="follow")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    files = await repo.extract_artifact(11, Path("out"), strip=1, portable=True)
    assert_type(files, list[Path])
    await repo.extract_artifact(11, "out", if_exists="verify")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def bulk(gh: Client, repo: Repo, artifacts: list[Artifact]) -> None:
    """Use the bulk operations."""
    async for outcome in repo.download_artifacts(repo.list_artifacts(), "out", concurrency=4):
        assert_type(outcome, Outcome)
        assert_type(outcome.download, Download | None)
        assert_type(outcome.result(), Download)
    async for extraction in repo.extract_artifacts(repo.list_artifacts(), "out", merge=True):
        assert_type(extraction, Extraction)
        assert_type(extraction.result(), tuple[Path, ...])
    async for deletion in repo.delete_artifacts([1, *artifacts]):
        assert_type(deletion, Deletion)
    report = await repo.mirror(Path("out"), name="dist", branch="main", on_progress=on_bulk)
    assert_type(report, MirrorReport)
    assert_type(await gh.mirror(["o/a", repo], "out", expired=False), MirrorReport)
    assert_type(await repo.prune(older_than=timedelta(days=1), dry_run=False), PruneReport)
    assert_type(gh.repo(from_json(to_json(repo), Repo)), Repo)
    await repo.mirror("out", brunch="main")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    repo.download_artifacts(7, "out")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def names() -> None:
    """Use an existing attribute of the package and a misspelt one."""
    assert_type(ghartifacts_async.__version__, str)
    _ = ghartifacts_async.Clint  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def values(artifact: Artifact, error: GitHubError) -> None:
    """Use models and errors."""
    assert_type(from_json(to_json(artifact), Artifact), Artifact)
    assert_type(error.request_id, str | None)
    artifact.name = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def fakes() -> AsyncIterator[FakeGitHub]:
    """Use FakeGitHub as a fixture does."""
    async with FakeGitHub() as fake:
        assert_type(fake.add_artifact("o/r", "dist", {"a.txt": "b"}), FakeArtifact)
        yield fake
