"""A cancelled caller waits for its thread, and a result is published entirely or not at all."""

from __future__ import annotations

import asyncio
import errno
import threading

import pytest

from ghartifacts_async._disk.threads import IoThreads
from tests.support import cancel_while_blocked, wait_until


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_waits_for_its_job(fails: bool) -> None:
    """A cancelled caller waits for its job in a thread to finish, even if cancelled twice."""
    threads, released, ended = IoThreads(), threading.Event(), threading.Event()

    def job() -> None:
        released.wait(20)
        ended.set()
        if fails:
            raise OSError(errno.EIO, "Input/output error")

    await cancel_while_blocked(asyncio.ensure_future(threads.run(job)), released)
    assert ended.is_set()
    await threads.close()


async def test_a_final_step_that_has_not_started_is_skipped() -> None:
    """If a caller is cancelled before a thread is free to publish its result, nothing is published.

    The caller still waits for a free thread, so that it knows that the step is skipped.
    """
    threads, released, published = IoThreads(), threading.Event(), list[int]()
    busy = [threads.start(released.wait, 20) for _ in range(50)]
    task = asyncio.create_task(threads.run_final_step(published.append, 1))
    await cancel_while_blocked(task, released)
    assert published == []
    await asyncio.gather(*busy)
    await threads.close()


async def test_a_final_step_that_has_started_is_completed() -> None:
    """If a caller is cancelled while its result is being published, publishing is completed."""
    threads, started, released = IoThreads(), threading.Event(), threading.Event()
    published: list[int] = []

    def publish() -> None:
        started.set()
        released.wait(20)
        published.append(1)

    task = asyncio.create_task(threads.run_final_step(publish))
    await wait_until(started.is_set)
    await cancel_while_blocked(task, released)
    assert published == [1]
    await threads.close()
