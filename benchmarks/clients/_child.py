"""Functions that all competitors in Python share: they choose the task and measure it."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def perform(*tasks: Callable[..., Any]) -> None:
    """Perform the task that the command line names, and print its result as JSON."""
    task = {task.__name__: task for task in tasks}[sys.argv[1]]
    with _profiled(os.environ.get("BENCHMARK_PROFILE")):
        reported = task(*sys.argv[2:])
        if inspect.iscoroutine(reported):
            reported = asyncio.run(reported)
    print(json.dumps(reported), flush=True)


@contextmanager
def _profiled(path: str | None) -> Iterator[None]:
    """Write a profile of this thread to a file, unless `path` is None."""
    if path is None:
        yield
        return
    import cProfile

    with cProfile.Profile() as profile:
        yield
    profile.dump_stats(path)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Measure the time of the block. Afterwards, the yielded dictionary has it as ``seconds``."""
    reported: dict[str, float] = {}
    started = time.perf_counter()
    yield reported
    reported["seconds"] = time.perf_counter() - started


def memory_mib(field: str = "VmRSS") -> float:
    """Return the resident memory of this process, or its peak if `field` is ``VmHWM``, in MiB."""
    with open("/proc/self/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines[field].split()[0]) / 1024


class Callbacks:
    """The longest time for which a callback has blocked the event loop."""

    longest = 0.0

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator[None]:
        """Time every callback that the event loop starts during the block."""
        original_run = asyncio.Handle._run

        def run(handle: asyncio.Handle) -> None:
            started = time.perf_counter()
            original_run(handle)
            cls.longest = max(cls.longest, time.perf_counter() - started)

        asyncio.Handle._run = run  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            asyncio.Handle._run = original_run  # type: ignore[method-assign]


async def timed_concurrent_downloads(
    save: Callable[[str], Awaitable[object]], target: str, count: str
) -> dict[str, float]:
    """Measure `count` concurrent downloads to ``<target>.<number>``, and their callbacks."""
    targets = [f"{target}.{number}" for number in range(int(count))]
    with timed() as reported, Callbacks.watched():
        await asyncio.gather(*map(save, targets))
    return {**reported, "longest callback": Callbacks.longest}


async def timed_bounded_downloads(
    save: Callable[[int, str], Awaitable[object]], numbers: Iterable[int], target: str, most: str
) -> dict[str, float]:
    """Measure the download of the artifacts with these ids, at most `most` of them concurrently."""
    semaphore = asyncio.Semaphore(int(most))

    async def download(number: int) -> None:
        async with semaphore:
            await save(number, f"{target}/{number}.zip")

    Path(target).mkdir(exist_ok=True)
    with timed() as reported:
        await asyncio.gather(*map(download, numbers))
    return reported


async def timed_polls(poll: Callable[[], Awaitable[object]], count: str) -> dict[str, float]:
    """Measure time and memory growth of `count` polls, after a warm-up with a tenth of them."""
    for _ in range(int(count) // 10):
        await poll()
    before = memory_mib()
    with timed() as reported:
        for _ in range(int(count)):
            await poll()
    return {**reported, "grown MiB": memory_mib() - before}


def timed_repetitions(work: Callable[[], object], times: str) -> dict[str, float]:
    """Measure a number of calls of `work`, after one call that is not measured."""
    work()
    with timed() as reported:
        for _ in range(int(times)):
            work()
    return reported
