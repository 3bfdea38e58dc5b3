"""The threads that run all blocking file system calls.

A call that is already running in a thread (a job) cannot be cancelled. A task that is cancelled
while it waits for a job therefore waits for the job to finish before it closes the files.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from ghartifacts_async._tasks.open_files import max_open_files
from ghartifacts_async._tasks.waiting import UncancellableFuture, await_uncancelled, wait_done
from ghartifacts_async.errors import ClientStateError, DiskError

_T = TypeVar("_T")

_THREADS = 8
_MAX_BATCH = 2**21
_MIN_BATCH = 2**16
_TOTAL_BATCH_BYTES = 2**21

_MAX_OPERATIONS = 256
_DESCRIPTORS_PER_OPERATION = 4
"""A directory, a journal, a part file, and one more. All of them are a third of the limit."""

_FIRST_WAIT = 0.02
_MAX_WAIT = 1.0
_LOG_AFTER = 2.0
_NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}

_log = logging.getLogger("ghartifacts_async")


class _Threads(ThreadPoolExecutor):
    """A thread pool whose `submit` returns an asyncio future instead of a concurrent one.

    With the standard executor, the event loop wraps each concurrent future in an asyncio future.
    This doubles the cost of a short job and adds an iteration of the loop. A bulk download of small
    artifacts would take 16 % more CPU time.
    """

    def submit(self, job: Callable[..., _T], /, *args: object) -> Any:  # type: ignore[override]
        """Run a job in a thread and return an asyncio future of its result."""
        future = UncancellableFuture[_T](loop=asyncio.get_running_loop())
        super().submit(_resolve, future, job, args)
        return future


def _resolve(
    future: UncancellableFuture[_T], job: Callable[..., _T], args: tuple[object, ...]
) -> None:
    call_soon = future.get_loop().call_soon_threadsafe
    try:
        result = job(*args)
    except BaseException as error:
        call_soon(future.set_exception, error)
    else:
        call_soon(future.set_result, result)
    finally:
        del future  # an error's traceback references this frame, which must not keep the future


class IoThreads:
    """The threads that one client uses for file system calls.

    Attributes:
        writers: Number of connections that are currently receiving bytes to write.
        open_files: Limits how many downloads and extractions have open files at the same time.
        archive_downloads: Limits how many open archives are downloaded at the same time. It is not
            `open_files`, because extracting an open archive may hold that already.
    """

    def __init__(self) -> None:
        self._executor = _Threads(_THREADS, thread_name_prefix="ghartifacts-disk")
        self._jobs: set[asyncio.Future[Any]] = set()
        self._closed = False
        self.writers = 0
        self.open_files: asyncio.Semaphore = asyncio.Semaphore(_max_operations())
        self.archive_downloads: asyncio.Semaphore = asyncio.Semaphore(1 + _max_operations() // 2)

    @property
    def batch_bytes(self) -> int:
        """The number of bytes that a connection collects before it writes them to disk.

        The more connections there are, the smaller it is, which bounds the memory used.
        """
        return max(_MIN_BATCH, min(_MAX_BATCH, _TOTAL_BATCH_BYTES // max(1, self.writers)))

    async def close(self) -> None:
        """Refuse new jobs, wait for the running jobs to finish, and stop the threads."""
        self._closed = True
        try:
            while self._jobs:
                await asyncio.wait(self._jobs)
        finally:
            self._executor.shutdown(wait=not self._jobs)

    def start(
        self, job: Callable[..., _T], *args: object, after_close: bool = False
    ) -> asyncio.Future[_T]:
        """Start a job in a thread.

        Args:
            job: Function to call.
            args: Arguments of the function.
            after_close: Run the job even if `close` was called. Use it for cleanup.

        Raises:
            ClientStateError: The client is closed and `after_close` is false.
        """
        if self._closed and not after_close:
            raise ClientStateError("the client was closed during a download")
        executor = None if self._closed else self._executor
        future = asyncio.get_running_loop().run_in_executor(executor, job, *args)
        self._jobs.add(future)
        future.add_done_callback(self._jobs.discard)
        return future

    async def run(self, job: Callable[..., _T], *args: object, after_close: bool = False) -> _T:
        """Run a job in a thread and return its result.

        If the caller is cancelled, wait for the job to finish, then raise `CancelledError`.

        Args:
            job: Function to call.
            args: Arguments of the function.
            after_close: Run the job even if `close` was called. Use it for cleanup.

        Raises:
            ClientStateError: The client is closed and `after_close` is false.
        """
        return await await_uncancelled(self.start(job, *args, after_close=after_close))

    async def run_until_true(self, job: Callable[[], bool], path: Path) -> None:
        """Run a job that locks a file until it returns True.

        Also run it again if it fails because this process has too many open files. After two
        seconds, log once which file is locked.

        Args:
            job: Returns False if another process holds the lock.
            path: The lock file.
        """
        loop = asyncio.get_running_loop()
        log_at, wait = loop.time() + _LOG_AFTER, _FIRST_WAIT
        while True:
            reason = "another process or task has locked it"
            try:
                if await self.run(job):
                    return
            except DiskError as error:
                if error.errno not in _NO_DESCRIPTORS:
                    raise
                reason = "this process has too many open files"
            if loop.time() >= log_at:
                _log.warning("waiting for %s: %s", path, reason)
                log_at = float("inf")
            await asyncio.sleep(wait)
            wait = min(_MAX_WAIT, wait * 1.5)

    async def run_final_step(self, job: Callable[..., _T], *args: object) -> _T:
        """Run a job that makes a result visible, such as renaming a file to its final path.

        If the caller is cancelled before the job starts, the job is skipped. If it is cancelled
        later, wait for the job to finish, then raise `CancelledError`.

        Raises:
            ClientStateError: The client is closed.
        """
        cancelled = False

        def step() -> _T | None:
            return None if cancelled else job(*args)

        future = self.start(step)
        try:
            return cast("_T", await asyncio.shield(future))
        except asyncio.CancelledError:
            cancelled = True
            await wait_done(future)
            raise


def _max_operations() -> int:
    """Return for how many downloads this process may open files at the same time."""
    limit = max_open_files() or sys.maxsize
    return max(1, min(_MAX_OPERATIONS, limit // (3 * _DESCRIPTORS_PER_OPERATION)))
