"""githubkit: https://yanyongyu.github.io/githubkit/"""

from __future__ import annotations

import asyncio
from pathlib import Path

from githubkit import GitHub
from githubkit.versions.latest.models import ReposOwnerRepoActionsArtifactsGetResponse200

from benchmarks.clients._child import Callbacks, memory_mib, perform, timed

OWNER, REPO = "octo-org", "octo-docs"


async def save(github: GitHub, number: int, target: str) -> None:
    """Download one artifact; its body is held in memory."""
    answer = await github.rest.actions.async_download_artifact(OWNER, REPO, number, "zip")
    Path(target).write_bytes(answer.content)


async def fetch(url: str, token: str, target: str, _: str = "") -> dict[str, float]:
    """Download the artifact."""
    async with GitHub(token, base_url=url, timeout=None) as github:
        with timed() as told:
            await save(github, 1, target)
    return told


async def listing(url: str, token: str) -> dict[str, float]:
    """Read the whole listing."""
    count = 0
    async with GitHub(token, base_url=url, http_cache=False) as github:
        with timed() as told:
            pages = github.rest.paginate(
                github.rest.actions.async_list_artifacts_for_repo,
                map_func=lambda answer: answer.parsed_data.artifacts,
                owner=OWNER,
                repo=REPO,
                per_page=100,
            )
            async for _ in pages:
                count += 1
    return {**told, "count": count}


async def many(url: str, token: str, target: str, at_once: str) -> dict[str, float]:
    """Download all artifacts."""
    turns = asyncio.Semaphore(int(at_once))
    async with GitHub(token, base_url=url, http_cache=False) as github:
        pages = github.rest.paginate(
            github.rest.actions.async_list_artifacts_for_repo,
            map_func=lambda answer: answer.parsed_data.artifacts,
            owner=OWNER,
            repo=REPO,
            per_page=100,
        )
        found = [artifact.id async for artifact in pages]

        async def one(number: int) -> None:
            async with turns:
                await save(github, number, f"{target}/{number}.zip")

        Path(target).mkdir(exist_ok=True)
        with timed() as told:
            await asyncio.gather(*[one(number) for number in found])
    return told


async def side_by_side(url: str, token: str, target: str, count: str) -> dict[str, float]:
    """Download the artifact so many times at once, and watch the loop."""
    async with GitHub(token, base_url=url, timeout=None) as github:
        with timed() as told, Callbacks.watched():
            targets = [f"{target}.{number}" for number in range(int(count))]
            await asyncio.gather(*[save(github, 1, one) for one in targets])
    return {**told, "longest callback": Callbacks.longest}


async def polls(url: str, token: str, count: str) -> dict[str, float]:
    """Ask for the same artifact again and again, with its cache of answers."""
    async with GitHub(token, base_url=url) as github:
        ask = github.rest.actions.async_get_artifact
        for _ in range(int(count) // 10):
            assert (await ask(OWNER, REPO, 1)).parsed_data
        before = memory_mib()
        with timed() as told:
            for _ in range(int(count)):
                assert (await ask(OWNER, REPO, 1)).parsed_data
    return {**told, "grown MiB": memory_mib() - before}


def parsing(page: str, times: str) -> dict[str, float]:
    """Turn the JSON of a page into values, again and again."""
    text = Path(page).read_bytes()
    model = ReposOwnerRepoActionsArtifactsGetResponse200
    model.model_validate_json(text)
    with timed() as told:
        for _ in range(int(times)):
            model.model_validate_json(text)
    return told


if __name__ == "__main__":
    perform(fetch, listing, many, side_by_side, polls, parsing)
