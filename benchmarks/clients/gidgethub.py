"""gidgethub: https://gidgethub.readthedocs.io/

Its `getitem` decodes every body as text, so it cannot download.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import aiohttp
from gidgethub.aiohttp import GitHubAPI

from benchmarks.clients._child import perform, polled, timed

ARTIFACTS = "/repos/octo-org/octo-docs/actions/artifacts"


async def listing(url: str, token: str) -> dict[str, float]:
    """Read the whole listing."""
    count = 0
    async with aiohttp.ClientSession() as session:
        github = GitHubAPI(session, "benchmark", oauth_token=token, base_url=url)
        with timed() as told:
            found = github.getiter(f"{ARTIFACTS}?per_page=100", iterable_key="artifacts")
            async for _ in found:
                count += 1
    return {**told, "count": count}


async def polls(url: str, token: str, count: str) -> dict[str, float]:
    """Ask for the same artifact again and again, with its cache of answers."""
    cache: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session:
        github = GitHubAPI(session, "benchmark", oauth_token=token, base_url=url, cache=cache)
        return await polled(partial(github.getitem, f"{ARTIFACTS}/1"), count)


if __name__ == "__main__":
    perform(listing, polls)
