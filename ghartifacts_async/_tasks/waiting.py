"""Waiting for tasks and futures that must end before the caller may go on or be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, TypeVar

_T = TypeVar("_T")


class UncancellableFuture(asyncio.Future[_T]):
    """A job in a thread: whoever is cancelled while waiting for it waits on, and is so then."""

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002
        """It cannot be."""
        return False


async def await_uncancelled(job: asyncio.Future[_T]) -> _T:
    """Wait for a job's end, whatever happens; a cancellation is raised after it."""
    waits_on = isinstance(job, UncancellableFuture)
    try:
        return await (job if waits_on else asyncio.shield(job))
    except asyncio.CancelledError:
        await wait_done(job)
        raise


async def wait_done(job: asyncio.Future[Any]) -> None:
    """Wait for a job's end, whatever comes of it; a cancellation is raised after it."""
    try:
        await wait_all(lambda: () if job.done() else (job,))
    finally:
        if not job.cancelled():
            job.exception()  # seen: whoever waits for the end does not want to know


async def wait_all(jobs: Callable[[], Collection[asyncio.Future[Any]]]) -> None:
    """Wait until there are no jobs, whatever comes of them; a cancellation is raised after that."""
    cancelled: asyncio.CancelledError | None = None
    while under_way := jobs():
        try:
            await asyncio.wait(under_way)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
