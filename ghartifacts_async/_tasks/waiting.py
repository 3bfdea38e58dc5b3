"""Waiting for tasks and futures that must end before their caller continues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, TypeVar

_T = TypeVar("_T")


class UncancellableFuture(asyncio.Future[_T]):
    """A future that ignores cancellation, because its job runs in a thread.

    A task that awaits it stays suspended when it is cancelled; the cancellation is raised once the
    job has ended.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002
        """Return False: the job cannot be cancelled."""
        return False


async def await_uncancelled(job: asyncio.Future[_T]) -> _T:
    """Wait for a job to end, and raise a cancellation of the caller only afterwards.

    Returns:
        The job's result.

    Raises:
        Exception: The job's exception.
    """
    ignores_cancellation = isinstance(job, UncancellableFuture)
    try:
        return await (job if ignores_cancellation else asyncio.shield(job))
    except asyncio.CancelledError:
        await wait_done(job)
        raise


async def wait_done(job: asyncio.Future[Any]) -> None:
    """Wait for a job to end and ignore its outcome; raise a cancellation only afterwards."""
    try:
        await wait_all(lambda: () if job.done() else (job,))
    finally:
        if not job.cancelled():
            job.exception()  # mark it as retrieved, so that asyncio does not log it


async def wait_all(pending: Callable[[], Collection[asyncio.Future[Any]]]) -> None:
    """Wait until no job is pending and ignore their outcomes; raise a cancellation only afterwards.

    Args:
        pending: Returns the jobs that have not ended. It is called again after each wait, because
            jobs may start others.
    """
    cancelled: asyncio.CancelledError | None = None
    while jobs := pending():
        try:
            await asyncio.wait(jobs)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
