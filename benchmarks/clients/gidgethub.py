"""gidgethub: https://gidgethub.readthedocs.io/

Its `getitem` decodes every body as text, so it cannot download artifacts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import aiohttp
from gidgethub.aiohttp import GitHubAPI

from benchmarks.clients._child import perform, timed, timed_polls

ARTIFACTS = "/repos/octo-org/octo-docs/actions/artifacts"


async def listing(url: str, token: str) -> dict[str, float]:
    """List all artifacts."""
    count = 0
    async with aiohttp.ClientSession() as session:
        github = GitHubAPI(session, "benchmark", oauth_token=token, base_url=url)
        with timed() as reported:
            found = github.getiter(f"{ARTIFACTS}?per_page=100", iterable_key="artifacts")
            async for _ in found:
                count += 1
    return {**reported, "count": count}


async def polls(url: str, token: str, count: str) -> dict[str, float]:
    """Poll the same artifact, with gidgethub's response cache."""
    cache: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session:
        github = GitHubAPI(session, "benchmark", oauth_token=token, base_url=url, cache=cache)
        return await timed_polls(partial(github.getitem, f"{ARTIFACTS}/1"), count)


if __name__ == "__main__":
    perform(listing, polls)
