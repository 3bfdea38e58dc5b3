"""This library, measured like its competitors."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.clients._child import (
    memory_mib,
    perform,
    timed,
    timed_concurrent_downloads,
    timed_polls,
    timed_repetitions,
)
from ghartifacts_async import Client, RateLimitPolicy, Repo

REPOSITORY = "octo-org/octo-docs"


@asynccontextmanager
async def opened(url: str, token: str, ca: str) -> AsyncIterator[Repo]:
    """Open a client and yield the repository. A custom CA needs a custom aiohttp session."""
    if not ca:
        async with Client(token, base_url=url, rate_limits=RateLimitPolicy.unlimited()) as gh:
            yield gh.repo(REPOSITORY)
        return
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca), limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        Client(token, base_url=url, rate_limits=RateLimitPolicy.unlimited(), session=session) as gh,
    ):
        yield gh.repo(REPOSITORY)


async def fetch(
    url: str, token: str, target: str, ca: str = "", connections: str = "0"
) -> dict[str, float]:
    """Download the artifact and verify it."""
    async with opened(url, token, ca) as repo:
        with timed() as reported:
            download = await repo.download_artifact(
                1, target, connections=int(connections) or None, if_exists="replace"
            )
        assert download.verified
    return reported


def digest(path: str) -> dict[str, float]:
    """Compute the SHA-256 of a file. A verified download cannot take less CPU time than this."""
    with timed() as reported, Path(path).open("rb", buffering=0) as file:
        hashlib.file_digest(file, "sha256")
    return reported


async def listing(url: str, token: str, concurrency: str = "") -> dict[str, float]:
    """List all artifacts, with the default concurrency if none is given."""
    options: dict[str, Any] = {"concurrency": int(concurrency)} if concurrency else {}
    count = 0
    async with opened(url, token, "") as repo:
        before = memory_mib()
        with timed() as reported:
            async for _ in repo.list_artifacts(**options):
                count += 1
    return {**reported, "count": count, "grown MiB": memory_mib("VmHWM") - before}


async def many(url: str, token: str, target: str, most: str) -> dict[str, float]:
    """Download all artifacts and verify them."""
    async with opened(url, token, "") as repo:
        artifacts = await repo.list_artifacts().collect()
        with timed() as reported:
            outcomes = repo.download_artifacts(artifacts, target, concurrency=int(most))
            async for outcome in outcomes:
                assert outcome.result().verified
    return reported


async def member(url: str, token: str, target: str) -> dict[str, float]:
    """Read one member of the archive."""
    async with opened(url, token, "") as repo:
        with timed() as reported:
            async with repo.open_artifact(1) as archive:
                Path(target).write_bytes(await archive.read("report.bin"))
    return reported


async def unpacked(url: str, token: str, target: str) -> dict[str, float]:
    """Download the artifact, verify it and extract it."""
    async with opened(url, token, "") as repo:
        with timed() as reported:
            await repo.extract_artifact(1, target)
    return reported


async def download_concurrently(url: str, token: str, target: str, count: str) -> dict[str, float]:
    """Download the artifact `count` times concurrently."""
    async with opened(url, token, "") as repo:
        return await timed_concurrent_downloads(partial(repo.download_artifact, 1), target, count)


async def polls(url: str, token: str, count: str) -> dict[str, float]:
    """Poll the same artifact."""
    async with Client(token, base_url=url, rate_limits=RateLimitPolicy.unlimited()) as gh:
        reported = await timed_polls(partial(gh.repo(REPOSITORY).get_artifact, 1), count)
        not_modified = gh.stats.not_modified
    assert not_modified >= int(count), not_modified
    return reported


def parsing(page: str, times: str) -> dict[str, float]:
    """Parse the JSON of a page."""
    from ghartifacts_async._api.endpoints import list_repository_artifacts, read_page
    from ghartifacts_async._http.messages import Response

    reply = Response(200, {}, Path(page).read_bytes())
    call = list_repository_artifacts(REPOSITORY, name=None, per_page=100)
    return timed_repetitions(partial(read_page, call, reply), times)


if __name__ == "__main__":
    perform(fetch, digest, listing, many, member, unpacked, download_concurrently, polls, parsing)
