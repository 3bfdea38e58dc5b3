"""Threads of our own, in which every call to the file system is made.

A job in a thread cannot be cancelled, so a cancelled caller waits for the one under way before it
closes the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ghartifacts_async._tasks.waiting import UncancellableFuture, await_uncancelled
from ghartifacts_async.errors import ClientStateError

_T = TypeVar("_T")

_THREADS = 8
_LARGEST_BATCH = 2**20
_SMALLEST_BATCH = 2**16
_BATCHES_IN_ALL = 2**22


class _Threads(ThreadPoolExecutor):
    """Threads that tell the running loop of a job's end themselves.

    What the loop would put between the two costs as much again, and each time a round of the loop.
    """

    def submit(self, job: Callable[..., _T], /, *args: object) -> Any:  # type: ignore[override]
        """As ever, but the future is the loop's."""
        future = UncancellableFuture[_T](loop=asyncio.get_running_loop())
        super().submit(_do, future, job, args)
        return future


def _do(future: UncancellableFuture[_T], job: Callable[..., _T], args: tuple[object, ...]) -> None:
    tell = future.get_loop().call_soon_threadsafe
    try:
        result = job(*args)
    except BaseException as error:
        tell(future.set_exception, error)
    else:
        tell(future.set_result, result)
    finally:
        del future  # an error holds this frame


class IoThreads:
    """The threads of one client. Close it to end them."""

    def __init__(self) -> None:
        self._threads = _Threads(_THREADS, thread_name_prefix="ghartifacts-disk")
        self._jobs: set[asyncio.Future[Any]] = set()
        self._closed = False
        self.writers = 0
        """How many connections gather bytes to be written."""

    @property
    def batch_bytes(self) -> int:
        """Bytes to gather before they are written: fewer, the more connections gather."""
        return max(_SMALLEST_BATCH, min(_LARGEST_BATCH, _BATCHES_IN_ALL // max(1, self.writers)))

    async def close(self) -> None:
        """Take no more jobs, wait for those under way, and end the threads."""
        self._closed = True
        try:
            while self._jobs:
                await asyncio.wait(self._jobs)
        finally:
            self._threads.shutdown(wait=not self._jobs)

    def start(
        self, job: Callable[..., _T], *args: object, last: bool = False
    ) -> asyncio.Future[_T]:
        """Begin a job in a thread.

        Args:
            job: What to do.
            args: Its arguments.
            last: Whether it cleans up, which is done after the closing as well.

        Raises:
            ClientStateError: The client has closed.
        """
        if self._closed and not last:
            raise ClientStateError("the client was closed while it was downloading")
        threads = None if self._closed else self._threads
        future = asyncio.get_running_loop().run_in_executor(threads, job, *args)
        self._jobs.add(future)
        future.add_done_callback(self._jobs.discard)
        return future

    async def run(self, job: Callable[..., _T], *args: object, last: bool = False) -> _T:
        """Do a job in a thread; when cancelled, leave only after it has ended."""
        return await await_uncancelled(self.start(job, *args, last=last))
