"""githubkit: https://yanyongyu.github.io/githubkit/

Its response cache is on for polls only, because it would hold whole payloads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from githubkit import GitHub

from benchmarks.clients._child import (
    perform,
    timed,
    timed_bounded_downloads,
    timed_concurrent_downloads,
    timed_polls,
    timed_repetitions,
)

OWNER, REPO = "octo-org", "octo-docs"


def opened(url: str, token: str) -> GitHub:
    """Return a client for large payloads, without a timeout and without a cache."""
    return GitHub(token, base_url=url, timeout=None, http_cache=False)


async def save(github: GitHub, number: int, target: str, how: str = "") -> None:
    """Download one artifact. Its body is held in memory, unless `how` is ``stream``."""
    download = github.rest.actions.async_download_artifact
    if how != "stream":
        response = await download(OWNER, REPO, number, "zip")
        Path(target).write_bytes(response.content)
        return
    response = await download(OWNER, REPO, number, "zip", stream=True)
    with open(target, "wb") as file:
        async for chunk in response.aiter_bytes():
            file.write(chunk)


def artifacts(github: GitHub) -> AsyncIterator[Any]:
    """Iterate over all artifacts."""
    pages: AsyncIterator[Any] = github.rest.paginate(
        github.rest.actions.async_list_artifacts_for_repo,
        map_func=lambda response: response.parsed_data.artifacts,
        owner=OWNER,
        repo=REPO,
        per_page=100,
    )
    return pages


async def fetch(url: str, token: str, target: str, _: str, how: str = "") -> dict[str, float]:
    """Download the artifact."""
    async with opened(url, token) as github:
        with timed() as reported:
            await save(github, 1, target, how)
    return reported


async def listing(url: str, token: str) -> dict[str, float]:
    """List all artifacts."""
    count = 0
    async with opened(url, token) as github:
        with timed() as reported:
            async for _ in artifacts(github):
                count += 1
    return {**reported, "count": count}


async def many(url: str, token: str, target: str, most: str) -> dict[str, float]:
    """Download all artifacts."""
    async with opened(url, token) as github:
        numbers = [artifact.id async for artifact in artifacts(github)]
        return await timed_bounded_downloads(partial(save, github), numbers, target, most)


async def download_concurrently(
    url: str, token: str, target: str, count: str, how: str = ""
) -> dict[str, float]:
    """Download the artifact `count` times concurrently."""
    async with opened(url, token) as github:
        return await timed_concurrent_downloads(
            lambda path: save(github, 1, path, how), target, count
        )


async def polls(url: str, token: str, count: str) -> dict[str, float]:
    """Poll the same artifact, with githubkit's response cache."""
    async with GitHub(token, base_url=url) as github:

        async def poll() -> None:
            response = await github.rest.actions.async_get_artifact(OWNER, REPO, 1)
            assert response.parsed_data

        return await timed_polls(poll, count)


def parsing(page: str, times: str) -> dict[str, float]:
    """Parse the JSON of a page."""
    from githubkit_schemas.latest.models import ReposOwnerRepoActionsArtifactsGetResponse200

    model = ReposOwnerRepoActionsArtifactsGetResponse200
    return timed_repetitions(partial(model.model_validate_json, Path(page).read_bytes()), times)


if __name__ == "__main__":
    perform(fetch, listing, many, download_concurrently, polls, parsing)
