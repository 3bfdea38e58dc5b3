"""CPU time of operations compared with simple code that does the same work, with wide margins.

CPU time is less sensitive to other processes than wall time. The minimum of a few alternating
rounds is used.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async import Client, RateLimitPolicy
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.pagination import PagePlan
from ghartifacts_async._http.messages import Response
from tests.support import REPOSITORY

WHY = "the servers of the benchmarks are only in a source checkout"
ROUNDS = 4


async def cpu(work: Callable[[], Awaitable[None]]) -> float:
    """Return the CPU seconds that `work` takes, all threads included."""
    started = time.process_time()
    await work()
    return time.process_time() - started


async def ratio(ours: Callable[[], Awaitable[None]], plain: Callable[[], Awaitable[None]]) -> float:
    """Return the CPU time of `ours` divided by that of `plain`."""
    rounds = [(await cpu(ours), await cpu(plain)) for _ in range(ROUNDS)]
    return min(first for first, _ in rounds) / min(second for _, second in rounds)


async def test_a_download_compared_with_a_plain_loop(tmp_path: Path) -> None:
    """A download takes at most three times the CPU time of a plain loop that writes and hashes."""
    servers = pytest.importorskip("benchmarks._servers", reason=WHY)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(96 * 2**20))
    with servers.github(source) as server:
        headers = {"Authorization": f"Bearer {server.token}", "Accept": endpoints.ACCEPT}
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
                async with session.get(zipped, headers=headers, allow_redirects=False) as response:
                    location = URL(response.headers["Location"], encoded=True)
                digest = hashlib.sha256()
                async with session.get(location) as response:
                    with target.open("wb") as file:
                        async for chunk in response.content.iter_any():
                            file.write(chunk)
                            digest.update(chunk)

            assert await ratio(ours, plain) < 3


async def test_a_call_compared_with_a_plain_request() -> None:
    """An API call takes at most five times the CPU time of the same request with aiohttp."""
    servers = pytest.importorskip("benchmarks._servers", reason=WHY)
    with servers.latency_server(1, 0, 0.0) as url:
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
                    endpoint = f"{url}/repos/{REPOSITORY}/actions/artifacts/1"
                    async with session.get(endpoint) as response:
                        await response.json()

            assert await ratio(ours, plain) < 5


async def test_reading_a_page_compared_with_plain_json() -> None:
    """Reading the artifacts of a page takes at most ten times the CPU time of parsing its JSON."""
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


def cpu_of_reading(ids: list[int]) -> float:
    """Return the CPU seconds that reading a listing of these ids takes, in pages of 10,000."""
    items = [SimpleNamespace(id=number) for number in ids]
    plan = PagePlan[Any](10_000, descending=True)
    started = time.process_time()
    while not plan.done:
        window = plan.next_window()
        assert window is not None
        page = SimpleNamespace(total_count=len(ids), items=items[window.start : window.stop])
        plan.accept(window, page, window.stop < len(ids))
    return time.process_time() - started


def test_the_order_of_ids_costs_little() -> None:
    """A listing whose ids are in the opposite of the usual order takes linear time, too."""
    ids = list(range(250_000))
    usual = cpu_of_reading(ids[::-1])
    assert cpu_of_reading(ids) < 3 * usual
