"""Steps that publish a result are either not begun, or completed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ghartifacts_async._disk.threads import IoThreads


async def test_a_step_that_has_not_begun_is_skipped() -> None:
    """If a caller is cancelled while publishing waits for a thread, nothing is published."""
    threads, released, published = IoThreads(), threading.Event(), list[int]()
    busy = [threads.start(released.wait, 20) for _ in range(50)]
    task = asyncio.create_task(threads.run_final_step(published.append, 1))
    await asyncio.sleep(0.01)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert published == []
    await asyncio.gather(*busy)
    await threads.close()


async def test_a_step_that_has_begun_is_completed() -> None:
    """If a caller is cancelled while it publishes, it is cancelled when that is done."""
    threads, begun, released = IoThreads(), threading.Event(), threading.Event()
    published: list[int] = []

    def publish() -> None:
        begun.set()
        released.wait(20)
        published.append(1)

    task = asyncio.create_task(threads.run_final_step(publish))
    while not begun.is_set():  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert published == [1]
    await threads.close()
