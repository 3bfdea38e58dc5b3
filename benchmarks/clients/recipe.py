"""The usual recipe, as answers and blog posts have it: aiohttp, a page loop, and aiofiles.

https://docs.aiohttp.org/en/stable/client_quickstart.html#streaming-response-content
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any

import aiofiles
import aiohttp

from benchmarks.clients._child import at_once, bounded, perform, timed

ARTIFACTS = "/repos/octo-org/octo-docs/actions/artifacts"


def opened(token: str, ca: str = "") -> aiohttp.ClientSession:
    """A session that does not give up after five minutes."""
    trust = ssl.create_default_context(cafile=ca) if ca else True
    return aiohttp.ClientSession(
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "User-Agent": "recipe",
        },
        connector=aiohttp.TCPConnector(ssl=trust),
        # What signs byte for byte refuses a URL that was quoted anew.
        requote_redirect_url=False,
        timeout=aiohttp.ClientTimeout(total=None),
    )


async def save(session: aiohttp.ClientSession, url: str, target: str) -> None:
    """Stream one artifact to a file; aiohttp follows the redirect."""
    async with session.get(url) as response:
        response.raise_for_status()
        async with aiofiles.open(target, "wb") as file:
            async for chunk in response.content.iter_chunked(64 * 1024):
                await file.write(chunk)


async def fetch(url: str, token: str, target: str, ca: str = "") -> dict[str, float]:
    """Download the artifact."""
    async with opened(token, ca) as session:
        with timed() as told:
            await save(session, f"{url}{ARTIFACTS}/1/zip", target)
    return told


async def artifacts(session: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    """All pages, one after another."""
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
    """Read the whole listing."""
    async with opened(token) as session:
        with timed() as told:
            count = len(await artifacts(session, url))
    return {**told, "count": count}


async def many(url: str, token: str, target: str, most: str) -> dict[str, float]:
    """Download all artifacts."""
    async with opened(token) as session:
        numbers = [artifact["id"] for artifact in await artifacts(session, url)]
        return await bounded(
            lambda number, to: save(session, f"{url}{ARTIFACTS}/{number}/zip", to),
            numbers,
            target,
            most,
        )


async def map_concurrently(url: str, token: str, target: str, count: str) -> dict[str, float]:
    """Download the artifact so many times at once."""
    async with opened(token) as session:
        return await at_once(partial(save, session, f"{url}{ARTIFACTS}/1/zip"), target, count)


if __name__ == "__main__":
    perform(fetch, listing, many, map_concurrently)
