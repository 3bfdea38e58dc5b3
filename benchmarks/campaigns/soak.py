"""A soak: one client makes thousands of mixed calls under faults, and must not grow.

``python -m benchmarks.campaigns.soak --operations 20000``. The server runs in another process. A
failure is an exception that is not of the library, or memory, open files, tasks or threads that
grow after the first fifth of the operations.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from attrs import frozen

from ghartifacts_async import ArtifactsError, Client, RateLimitPolicy, Repo, RetryPolicy, Timeouts
from ghartifacts_async.testing import BlobFault, FakeGitHub, Fault

REPOSITORY = "octo-org/octo-docs"

_ARTIFACTS = 40
_TASKS = 12
_FAULT_SHARE = 0.08
_SAMPLES = 20
_MAX_GROWTH = 1.15
_MORE_BYTES = 8 * 2**20
_RETRY = RetryPolicy(attempts=3, wait_initial=0.01, wait_max=0.05)
_TIMEOUTS = Timeouts(connect=5, call=5, stall=1)


def _serve(connection: Connection, seed: int) -> None:
    """Run a fake GitHub with random faults until the connection receives a message."""
    logging.disable()  # aiohttp logs every connection that a client closes early
    asyncio.run(_serve_until_told(connection, random.Random(seed)))


async def _serve_until_told(connection: Connection, rng: random.Random) -> None:
    calls = [
        *(Fault(status) for status in (401, 403, 404, 500, 502, 503)),
        Fault.dropped(),
        Fault(200, body={"id": -1}),
        Fault(200, body=b"<html><title>Oops</title>"),
        Fault(302, headers={"Location": "ftp://x"}),
    ]
    blobs = [
        *(BlobFault.status(status) for status in (403, 404, 500, 503)),
        BlobFault.dropped(),
        BlobFault.truncate(after=1000),
        BlobFault.reset(after=5000),
        BlobFault.flip(at=7),
        BlobFault.ignore_range(),
        BlobFault.content_range("bytes x"),
        BlobFault.etag('"other"'),
        BlobFault.refuse_ranges(),
        BlobFault.encode(),
    ]
    async with FakeGitHub(limits=None) as fake:
        for number in range(_ARTIFACTS):
            content = os.urandom(rng.choice([10, 1000, 100_000, 600_000]))
            fake.add_artifact(REPOSITORY, f"dist-{number % 7}", {"a.txt": content, "b": b"x" * 99})
        fake.fail_when(lambda _: rng.choice(calls) if rng.random() < _FAULT_SHARE else None)
        fake.fail_blobs_when(lambda _: rng.choice(blobs) if rng.random() < _FAULT_SHARE else None)
        connection.send((fake.url, fake.token))
        while not connection.poll():
            fake.clear_requests()
            await asyncio.sleep(0.2)


@contextlib.contextmanager
def _server(seed: int) -> Iterator[tuple[str, str]]:
    """Run the server in another process; yield its URL and a token."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_serve, args=(theirs, seed))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


@frozen
class Sample:
    """What the process holds after a number of operations."""

    operations: int
    memory: int
    files: int
    tasks: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.operations:>7} operations: {self.memory / 2**20:6.1f} MiB, "
            f"{self.files} open files, {self.tasks} tasks, {self.threads} threads"
        )


def sample(operations: int) -> Sample:
    """Measure what this process holds."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    memory = int(status.partition("VmRSS:")[2].split()[0]) * 1024
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return Sample(operations, memory, files, len(asyncio.all_tasks()), threading.active_count())


async def _list(repo: Repo, rng: random.Random, _: Path) -> None:
    await repo.list_artifacts(per_page=rng.choice([3, 10, 100])).collect()


async def _get(repo: Repo, rng: random.Random, _: Path) -> None:
    await repo.get_artifact(rng.randrange(1, _ARTIFACTS + 10))


async def _download(repo: Repo, rng: random.Random, to: Path) -> None:
    await repo.download_artifact(rng.randrange(1, _ARTIFACTS + 1), to / "x.zip")


async def _stream(repo: Repo, rng: random.Random, _: Path) -> None:
    async with repo.stream_artifact(rng.randrange(1, _ARTIFACTS + 1)) as stream:
        async for _chunk in stream:
            if rng.random() < 0.05:
                break


async def _read(repo: Repo, rng: random.Random, _: Path) -> None:
    async with repo.open_artifact(rng.randrange(1, _ARTIFACTS + 1)) as archive:
        await archive.read(rng.choice(["a.txt", "b", "missing"]))


async def _extract(repo: Repo, rng: random.Random, to: Path) -> None:
    await repo.extract_artifact(rng.randrange(1, _ARTIFACTS + 1), to / "out")


async def _download_many(repo: Repo, rng: random.Random, to: Path) -> None:
    artifacts = [rng.randrange(1, _ARTIFACTS + 1) for _ in range(3)]
    async with contextlib.aclosing(repo.download_artifacts(artifacts, to)) as outcomes:
        async for _outcome in outcomes:
            pass


async def _mirror(repo: Repo, rng: random.Random, to: Path) -> None:
    await repo.mirror(to, name=f"dist-{rng.randrange(7)}")


_OPERATIONS: tuple[Callable[[Repo, random.Random, Path], Awaitable[None]], ...] = (
    _list, _get, _get, _download, _download, _stream, _stream, _read, _read, _extract,
    _download_many, _mirror,
)  # fmt: skip


async def soak(operations: int, seed: int) -> tuple[Counter[str], list[Sample]]:
    """Make operations with one client; return how often each outcome occurred, and the samples."""
    rng = random.Random(seed)
    outcomes, samples = Counter[str](), list[Sample]()
    done = 0

    async def work(repo: Repo, directory: Path) -> None:
        nonlocal done
        while done < operations:
            done += 1
            to = directory / str(done)
            to.mkdir()
            operation = rng.choice(_OPERATIONS)
            # Some operations are cancelled by the caller's timeout.
            seconds = rng.uniform(0.001, 0.2) if rng.random() < 0.1 else 60
            try:
                async with asyncio.timeout(seconds):
                    await operation(repo, rng, to)
                outcomes["done"] += 1
            except (ArtifactsError, TimeoutError) as error:
                outcomes[type(error).__name__] += 1
            await asyncio.to_thread(shutil.rmtree, to)

    with _server(seed) as (url, token), tempfile.TemporaryDirectory() as directory:
        async with Client(
            token,
            base_url=url,
            retry=_RETRY,
            timeouts=_TIMEOUTS,
            rate_limits=RateLimitPolicy.unlimited(),
        ) as gh:
            total = operations
            for step in range(1, _SAMPLES + 1):
                operations = total * step // _SAMPLES
                async with asyncio.TaskGroup() as group:
                    for _ in range(_TASKS):
                        group.create_task(work(gh.repo(REPOSITORY), Path(directory)))
                samples.append(sample(done))
                print(samples[-1], flush=True)
    return outcomes, samples


def growth(samples: list[Sample]) -> list[str]:
    """Return what grew after the first fifth of the operations."""
    start = samples[len(samples) // 5 : 2 * len(samples) // 5]
    end = samples[-len(samples) // 5 :]
    found = []
    for name in ("memory", "files", "tasks", "threads"):
        before = max(getattr(each, name) for each in start)
        after = min(getattr(each, name) for each in end)
        allowed = before * _MAX_GROWTH + _MORE_BYTES if name == "memory" else before + 2
        if after > allowed:
            found.append(f"{name} grew from {before} to {after}")
    return found


def main() -> None:
    """Run the campaign from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.soak", description=__doc__
    )
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    started_at = time.monotonic()
    outcomes, samples = asyncio.run(soak(options.operations, options.seed))
    print(f"seed {options.seed}: {time.monotonic() - started_at:.0f} s")
    for outcome, count in outcomes.most_common():
        print(f"{count:>10}  {outcome}")
    if found := growth(samples):
        sys.exit("; ".join(found))


if __name__ == "__main__":
    main()
