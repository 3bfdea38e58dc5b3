"""This library."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp

from benchmarks.clients._child import at_once, memory_mib, perform, polled, repeated, timed
from ghartifacts_async import Client, RateLimitPolicy, Repo

REPOSITORY = "octo-org/octo-docs"


@asynccontextmanager
async def opened(url: str, token: str, ca: str) -> AsyncIterator[Repo]:
    """The repository; a certificate of one's own comes with a session of one's own."""
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
    """Download the artifact, and verify it."""
    async with opened(url, token, ca) as repo:
        with timed() as told:
            download = await repo.download_artifact(
                1, target, connections=int(connections) or None, if_exists="replace"
            )
        assert download.verified
    return told


def digest(path: str) -> dict[str, float]:
    """SHA-256 of a file alone, which any verified download costs at least."""
    with timed() as told, Path(path).open("rb", buffering=0) as file:
        hashlib.file_digest(file, "sha256")
    return told


async def listing(url: str, token: str, concurrency: str) -> dict[str, float]:
    """Read the whole listing."""
    count = 0
    async with opened(url, token, "") as repo:
        before = memory_mib()
        with timed() as told:
            async for _ in repo.list_artifacts(concurrency=int(concurrency)):
                count += 1
    return {**told, "count": count, "grown MiB": memory_mib("VmHWM") - before}


async def many(url: str, token: str, target: str, most: str) -> dict[str, float]:
    """Download all artifacts, and verify them."""
    async with opened(url, token, "") as repo:
        artifacts = await repo.list_artifacts().collect()
        with timed() as told:
            outcomes = repo.download_artifacts(artifacts, target, concurrency=int(most))
            async for outcome in outcomes:
                assert outcome.result().verified
    return told


async def member(url: str, token: str, target: str) -> dict[str, float]:
    """Have one member of the archive."""
    async with opened(url, token, "") as repo:
        with timed() as told:
            async with repo.open_artifact(1) as archive:
                Path(target).write_bytes(await archive.read("report.bin"))
    return told


async def unpacked(url: str, token: str, target: str) -> dict[str, float]:
    """Download the artifact, verify it, and unpack it."""
    async with opened(url, token, "") as repo:
        with timed() as told:
            await repo.extract_artifact(1, target)
    return told


async def map_concurrently(url: str, token: str, target: str, count: str) -> dict[str, float]:
    """Download the artifact so many times at once."""
    async with opened(url, token, "") as repo:
        return await at_once(partial(repo.download_artifact, 1), target, count)


async def polls(url: str, token: str, count: str) -> dict[str, float]:
    """Ask for the same artifact again and again, as a bot does that waits."""
    async with Client(token, base_url=url, rate_limits=RateLimitPolicy.unlimited()) as gh:
        told = await polled(partial(gh.repo(REPOSITORY).get_artifact, 1), count)
        not_modified = gh.stats.not_modified
    assert not_modified >= int(count), not_modified
    return told


def parsing(page: str, times: str) -> dict[str, float]:
    """Turn the JSON of a page into values."""
    from ghartifacts_async._api.endpoints import list_repository_artifacts, read_page
    from ghartifacts_async._http.messages import Response

    reply = Response(200, {}, Path(page).read_bytes())
    call = list_repository_artifacts(REPOSITORY, name=None, per_page=100)
    return repeated(partial(read_page, call, reply), times)


if __name__ == "__main__":
    perform(fetch, digest, listing, many, member, unpacked, map_concurrently, polls, parsing)
