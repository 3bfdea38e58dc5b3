"""What is computed, beside plain code that does the same work: wide margins, one run.

Seconds of the processor are compared, and not of the clock, so that others at work make little
difference; the least of a few rounds, alternating.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async import Client, RateLimitPolicy
from ghartifacts_async._api import endpoints
from ghartifacts_async._http.messages import Response
from tests.support import REPOSITORY

WHY = "the servers are in benchmarks/ of a checkout, and this is none"
ROUNDS = 4


async def cpu(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds of the processor, all threads included."""
    began = time.process_time()
    await work()
    return time.process_time() - began


async def ratio(ours: Callable[[], Awaitable[None]], plain: Callable[[], Awaitable[None]]) -> float:
    """How many times as much ours takes."""
    rounds = [(await cpu(ours), await cpu(plain)) for _ in range(ROUNDS)]
    return min(mine for mine, _ in rounds) / min(theirs for _, theirs in rounds)


async def test_a_download_beside_a_plain_loop(tmp_path: Path) -> None:
    """A verified download costs at most three times what reading, writing and hashing alone do."""
    servers = pytest.importorskip("benchmarks._servers", reason=WHY)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(96 * 2**20))
    with servers.github(source) as server:
        asked = {"Authorization": f"Bearer {server.token}", "Accept": endpoints.ACCEPT}
        zipped = f"{server.url}/repos/{REPOSITORY}/actions/artifacts/1/zip"
        async with (
            Client(
                server.token, base_url=server.url, rate_limits=RateLimitPolicy.unlimited()
            ) as gh,
            aiohttp.ClientSession() as session,
        ):
            artifact = await gh.repo(REPOSITORY).get_artifact(1)

            async def ours() -> None:
                target.unlink(missing_ok=True)
                await gh.repo(REPOSITORY).download_artifact(artifact, target, connections=1)

            async def plain() -> None:
                async with session.get(zipped, headers=asked, allow_redirects=False) as answer:
                    location = URL(answer.headers["Location"], encoded=True)
                digest = hashlib.sha256()
                async with session.get(location) as answer:
                    with target.open("wb") as file:
                        async for chunk in answer.content.iter_any():
                            file.write(chunk)
                            digest.update(chunk)

            assert await ratio(ours, plain) < 3


async def test_a_poll_beside_a_plain_request() -> None:
    """An API call costs at most five times what aiohttp alone takes for it."""
    servers = pytest.importorskip("benchmarks._servers", reason=WHY)
    with servers.distant(1, 0, 0.0) as url:
        async with (
            Client("token", base_url=url, rate_limits=RateLimitPolicy.unlimited()) as gh,
            aiohttp.ClientSession() as session,
        ):
            repo = gh.repo(REPOSITORY)

            async def ours() -> None:
                for _ in range(300):
                    await repo.get_artifact(1)

            async def plain() -> None:
                for _ in range(300):
                    asked = f"{url}/repos/{REPOSITORY}/actions/artifacts/1"
                    async with session.get(asked) as answer:
                        await answer.json()

            assert await ratio(ours, plain) < 5


async def test_a_page_beside_plain_json() -> None:
    """Artifacts of a page cost at most ten times what its JSON alone does."""
    run = {"id": 1, "repository_id": 2, "head_repository_id": 2, "head_branch": "main"}
    artifact = {
        "id": 1, "node_id": "x", "name": "dist", "size_in_bytes": 1, "url": "u",
        "archive_download_url": "z", "expired": False, "created_at": "2026-03-10T00:33:08Z",
        "expires_at": "2026-06-08T00:33:08Z", "updated_at": "2026-03-10T00:33:08Z",
        "digest": f"sha256:{'0' * 64}", "workflow_run": {**run, "head_sha": "0" * 40},
    }  # fmt: skip
    page = json.dumps({"total_count": 100, "artifacts": [artifact] * 100}).encode()
    call = endpoints.list_repository_artifacts(REPOSITORY, name=None, per_page=100)

    async def ours() -> None:
        for _ in range(30):
            endpoints.read_page(call, Response(200, {}, page))

    async def plain() -> None:
        for _ in range(30):
            json.loads(page)

    assert await ratio(ours, plain) < 10
