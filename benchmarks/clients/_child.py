"""What all competitors in Python share: which task is wanted, and how long it took."""

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
    """Do the task that the command line names, and print what it returns."""
    task = {task.__name__: task for task in tasks}[sys.argv[1]]
    with _profiled(os.environ.get("BENCHMARK_PROFILE")):
        told = task(*sys.argv[2:])
        if inspect.iscoroutine(told):
            told = asyncio.run(told)
    print(json.dumps(told), flush=True)


@contextmanager
def _profiled(path: str | None) -> Iterator[None]:
    """Write what takes the time of this thread to a file, where one is named."""
    if path is None:
        yield
        return
    import cProfile

    with cProfile.Profile() as profile:
        yield
    profile.dump_stats(path)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Time what is within; the seconds are there behind it."""
    told: dict[str, float] = {}
    began = time.perf_counter()
    yield told
    told["seconds"] = time.perf_counter() - began


def memory_mib(which: str = "VmRSS") -> float:
    """Resident memory of this process now, or its peak, which is ``VmHWM``."""
    with open("/proc/self/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines[which].split()[0]) / 1024


class Callbacks:
    """The longest time that one callback kept the event loop."""

    longest = 0.0

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator[None]:
        """Time every callback of the loop that begins within."""
        plain = asyncio.Handle._run

        def run(handle: asyncio.Handle) -> None:
            began = time.perf_counter()
            plain(handle)
            cls.longest = max(cls.longest, time.perf_counter() - began)

        asyncio.Handle._run = run  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            asyncio.Handle._run = plain  # type: ignore[method-assign]


async def at_once(
    save: Callable[[str], Awaitable[object]], target: str, count: str
) -> dict[str, float]:
    """Download so many times at once, to files whose names begin alike, and watch the loop."""
    targets = [f"{target}.{number}" for number in range(int(count))]
    with timed() as told, Callbacks.watched():
        await asyncio.gather(*map(save, targets))
    return {**told, "longest callback": Callbacks.longest}


async def bounded(
    save: Callable[[int, str], Awaitable[object]], numbers: Iterable[int], target: str, most: str
) -> dict[str, float]:
    """Download artifacts of these ids into a directory, so many at a time."""
    turns = asyncio.Semaphore(int(most))

    async def one(number: int) -> None:
        async with turns:
            await save(number, f"{target}/{number}.zip")

    Path(target).mkdir(exist_ok=True)
    with timed() as told:
        await asyncio.gather(*map(one, numbers))
    return told


async def polled(ask: Callable[[], Awaitable[object]], count: str) -> dict[str, float]:
    """Ask again and again, behind a tenth as often that does not count; how memory grew."""
    for _ in range(int(count) // 10):
        await ask()
    before = memory_mib()
    with timed() as told:
        for _ in range(int(count)):
            await ask()
    return {**told, "grown MiB": memory_mib() - before}


def repeated(work: Callable[[], object], times: str) -> dict[str, float]:
    """Do it again and again, after once that does not count."""
    work()
    with timed() as told:
        for _ in range(int(times)):
            work()
    return told
