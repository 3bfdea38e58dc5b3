"""githubkit: https://yanyongyu.github.io/githubkit/

Its cache of answers is for polls, and off for the rest: it would hold whole payloads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from githubkit import GitHub

from benchmarks.clients._child import at_once, bounded, perform, polled, repeated, timed

OWNER, REPO = "octo-org", "octo-docs"


def opened(url: str, token: str) -> GitHub:
    """For large payloads, without the time-out of calls."""
    return GitHub(token, base_url=url, timeout=None, http_cache=False)


async def save(github: GitHub, number: int, target: str, how: str = "") -> None:
    """Download one artifact; its body is held in memory, unless it is streamed."""
    download = github.rest.actions.async_download_artifact
    if how != "stream":
        answer = await download(OWNER, REPO, number, "zip")
        Path(target).write_bytes(answer.content)
        return
    answer = await download(OWNER, REPO, number, "zip", stream=True)
    with open(target, "wb") as file:
        async for chunk in answer.aiter_bytes():
            file.write(chunk)


def found(github: GitHub) -> AsyncIterator[Any]:
    """The whole listing."""
    pages: AsyncIterator[Any] = github.rest.paginate(
        github.rest.actions.async_list_artifacts_for_repo,
        map_func=lambda answer: answer.parsed_data.artifacts,
        owner=OWNER,
        repo=REPO,
        per_page=100,
    )
    return pages


async def fetch(url: str, token: str, target: str, _: str, how: str = "") -> dict[str, float]:
    """Download the artifact."""
    async with opened(url, token) as github:
        with timed() as told:
            await save(github, 1, target, how)
    return told


async def listing(url: str, token: str) -> dict[str, float]:
    """Read the whole listing."""
    count = 0
    async with opened(url, token) as github:
        with timed() as told:
            async for _ in found(github):
                count += 1
    return {**told, "count": count}


async def many(url: str, token: str, target: str, most: str) -> dict[str, float]:
    """Download all artifacts."""
    async with opened(url, token) as github:
        numbers = [artifact.id async for artifact in found(github)]
        return await bounded(partial(save, github), numbers, target, most)


async def map_concurrently(
    url: str, token: str, target: str, count: str, how: str = ""
) -> dict[str, float]:
    """Download the artifact so many times at once."""
    async with opened(url, token) as github:
        return await at_once(lambda one: save(github, 1, one, how), target, count)


async def polls(url: str, token: str, count: str) -> dict[str, float]:
    """Ask for the same artifact again and again, with its cache of answers."""
    async with GitHub(token, base_url=url) as github:

        async def ask() -> None:
            answer = await github.rest.actions.async_get_artifact(OWNER, REPO, 1)
            assert answer.parsed_data

        return await polled(ask, count)


def parsing(page: str, times: str) -> dict[str, float]:
    """Turn the JSON of a page into values."""
    from githubkit_schemas.latest.models import ReposOwnerRepoActionsArtifactsGetResponse200

    model = ReposOwnerRepoActionsArtifactsGetResponse200
    return repeated(partial(model.model_validate_json, Path(page).read_bytes()), times)


if __name__ == "__main__":
    perform(fetch, listing, many, map_concurrently, polls, parsing)
