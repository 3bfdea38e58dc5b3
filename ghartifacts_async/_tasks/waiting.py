"""Wait for jobs to finish, even if the waiting task is cancelled. A job is a task or a future."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, TypeVar

_T = TypeVar("_T")


class UncancellableFuture(asyncio.Future[_T]):
    """A future that ignores cancellation, because its job runs in a thread.

    If a task is cancelled while it awaits this future, it keeps waiting. When the job has finished,
    `CancelledError` is raised in the task.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002
        """Return False: the job cannot be cancelled."""
        return False


async def await_uncancelled(job: asyncio.Future[_T]) -> _T:
    """Wait for a job to finish and return its result.

    If the caller is cancelled, wait for the job to finish, then raise `CancelledError`.

    Raises:
        Exception: The job raised this exception.
    """
    ignores_cancellation = isinstance(job, UncancellableFuture)
    try:
        return await (job if ignores_cancellation else asyncio.shield(job))
    except asyncio.CancelledError:
        await wait_done(job)
        raise


async def wait_done(job: asyncio.Future[Any]) -> None:
    """Wait for a job to finish and ignore its result or exception.

    If the caller is cancelled, wait for the job to finish, then raise `CancelledError`.
    """
    try:
        await wait_all(lambda: () if job.done() else (job,))
    finally:
        if not job.cancelled():
            job.exception()  # mark the exception as retrieved, so that asyncio does not log it


async def wait_all(pending: Callable[[], Collection[asyncio.Future[Any]]]) -> None:
    """Wait until no job is pending, and ignore the results and exceptions of the jobs.

    If the caller is cancelled, wait for all jobs to finish, then raise `CancelledError`.

    Args:
        pending: Returns the jobs that have not finished. It is called again after each wait,
            because jobs may start other jobs.
    """
    cancelled: asyncio.CancelledError | None = None
    while jobs := pending():
        try:
            await asyncio.wait(jobs)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
