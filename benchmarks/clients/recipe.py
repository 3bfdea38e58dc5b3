"""The usual recipe of blog posts and Q&A sites: aiohttp, a loop over the pages, and aiofiles.

https://docs.aiohttp.org/en/stable/client_quickstart.html#streaming-response-content
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any

import aiofiles
import aiohttp

from benchmarks.clients._child import (
    perform,
    timed,
    timed_bounded_downloads,
    timed_concurrent_downloads,
)

ARTIFACTS = "/repos/octo-org/octo-docs/actions/artifacts"


def opened(token: str, ca: str = "") -> aiohttp.ClientSession:
    """Return a session without aiohttp's default timeout of five minutes."""
    trust = ssl.create_default_context(cafile=ca) if ca else True
    return aiohttp.ClientSession(
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "User-Agent": "recipe",
        },
        connector=aiohttp.TCPConnector(ssl=trust),
        # A signed URL is only valid byte for byte, so aiohttp must not quote it again.
        requote_redirect_url=False,
        timeout=aiohttp.ClientTimeout(total=None),
    )


async def save(session: aiohttp.ClientSession, url: str, target: str) -> None:
    """Stream one artifact to a file. aiohttp follows the redirect."""
    async with session.get(url) as response:
        response.raise_for_status()
        async with aiofiles.open(target, "wb") as file:
            async for chunk in response.content.iter_chunked(64 * 1024):
                await file.write(chunk)


async def fetch(url: str, token: str, target: str, ca: str = "") -> dict[str, float]:
    """Download the artifact."""
    async with opened(token, ca) as session:
        with timed() as reported:
            await save(session, f"{url}{ARTIFACTS}/1/zip", target)
    return reported


async def artifacts(session: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    """Return the artifacts of all pages, requested one after another."""
    found: list[dict[str, Any]] = []
    following: str | None = f"{url}{ARTIFACTS}?per_page=100"
    while following is not None:
        async with session.get(following) as response:
            response.raise_for_status()
            found += (await response.json())["artifacts"]
            link = response.links.get("next")
            following = None if link is None else str(link["url"])
    return found


async def listing(url: str, token: str) -> dict[str, float]:
    """List all artifacts."""
    async with opened(token) as session:
        with timed() as reported:
            count = len(await artifacts(session, url))
    return {**reported, "count": count}


async def many(url: str, token: str, target: str, most: str) -> dict[str, float]:
    """Download all artifacts."""
    async with opened(token) as session:
        numbers = [artifact["id"] for artifact in await artifacts(session, url)]
        return await timed_bounded_downloads(
            lambda number, path: save(session, f"{url}{ARTIFACTS}/{number}/zip", path),
            numbers,
            target,
            most,
        )


async def download_concurrently(url: str, token: str, target: str, count: str) -> dict[str, float]:
    """Download the artifact `count` times concurrently."""
    async with opened(token) as session:
        return await timed_concurrent_downloads(
            partial(save, session, f"{url}{ARTIFACTS}/1/zip"), target, count
        )


if __name__ == "__main__":
    perform(fetch, listing, many, download_concurrently)
