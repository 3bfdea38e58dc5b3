"""Spread the work on many artifacts over the workers of a Dask cluster.

Artifacts and repositories can be pickled and contain no token: each worker reads its own from the
environment, and keeps within its share of the rate limits.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import distributed

from ghartifacts_async import Artifact, Client, RateLimitPolicy, Repo

WORKERS = 4


def passed(artifact: Artifact, repo: Repo) -> int:
    """Return how many tests passed, according to the report in an artifact (on a worker)."""

    async def read() -> int:
        share = RateLimitPolicy(points_per_minute=900 // WORKERS, concurrent_requests=50 // WORKERS)
        async with (
            Client.from_env(rate_limits=share) as gh,
            gh.repo(repo).open_artifact(artifact) as archive,
        ):
            report: dict[str, Any] = await archive.read_json("report.json")
        return int(report["passed"])

    return asyncio.run(read())


async def total(cluster: str | distributed.LocalCluster, repository: str) -> int:
    """Return the number of passed tests in all reports of a repository."""
    async with Client.from_env() as gh:
        repo = gh.repo(repository)
        artifacts = await repo.list_artifacts("report", expired=False).collect()
    async with distributed.Client(cluster, asynchronous=True) as dask:
        return sum(await dask.gather(dask.map(passed, artifacts, repo=repo)))


if __name__ == "__main__":
    print(asyncio.run(total(os.environ["DASK_SCHEDULER"], os.environ["GITHUB_REPOSITORY"])))
