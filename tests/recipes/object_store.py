"""Archive artifacts into an object store (S3, Google, Azure …) without a local disk.

The stream is verified before its last chunk is passed on. If the payload is wrong, obstore aborts
the upload, so that the store never holds a wrong object. Objects that exist are not read again.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

import obstore
from obstore.store import ObjectStore, from_url

from ghartifacts_async import Artifact, ArtifactsError, Client, Repo


@dataclass
class Summary:
    """What was done, by the paths of the objects."""

    stored: list[str] = field(default_factory=list)
    existing: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


async def store_one(repo: Repo, artifact: Artifact, store: ObjectStore, summary: Summary) -> None:
    """Stream one artifact into the store, unless it is there."""
    path = f"{repo.name}/{artifact.id}.zip"
    try:
        await obstore.head_async(store, path)
        summary.existing.append(path)
        return
    except FileNotFoundError:
        pass
    try:
        async with repo.stream_artifact(artifact) as stream:
            await obstore.put_async(store, path, stream)
    except ArtifactsError as error:
        summary.failed[path] = str(error)
    else:
        summary.stored.append(path)


async def archive(repo: Repo, store: ObjectStore, *, concurrency: int = 8) -> Summary:
    """Archive all artifacts that have not expired."""
    summary, slots = Summary(), asyncio.Semaphore(concurrency)

    async def limited(artifact: Artifact) -> None:
        async with slots:
            await store_one(repo, artifact, store, summary)

    async with asyncio.TaskGroup() as tasks:
        async for artifact in repo.list_artifacts(expired=False):
            tasks.create_task(limited(artifact))
    return summary


async def main() -> None:
    """Archive ``GITHUB_REPOSITORY`` into the store ``STORE_URL``, such as ``s3://bucket/path``."""
    async with Client.from_env() as gh:
        repo = gh.repo(os.environ["GITHUB_REPOSITORY"])
        print(await archive(repo, from_url(os.environ["STORE_URL"])))


if __name__ == "__main__":
    asyncio.run(main())
