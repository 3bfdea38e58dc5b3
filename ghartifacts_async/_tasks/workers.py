"""A worker pool, and async generators that supply it with items."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Generic, TypeVar

from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async._tasks.waiting import wait_all

_T = TypeVar("_T")
_R = TypeVar("_R")


async def iterate(items: Iterable[_T] | AsyncIterable[_T]) -> AsyncGenerator[_T, None]:
    """Yield the items of a sync or async iterable. Each item is read only when it is requested."""
    if not isinstance(items, AsyncIterable):
        for item in items:
            yield item
        return
    iterator = aiter(items)
    try:
        async for item in iterator:
            yield item
    finally:
        # If the caller passed in an iterator, the caller must close it.
        if iterator is not items and isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


async def map_concurrently(
    source: AsyncGenerator[_T, None],
    work: Callable[[_T], Awaitable[_R]],
    count: int,
    lifetime: Lifetime,
    *,
    extra_workers: int = 0,
) -> AsyncGenerator[_R, None]:
    """Apply `work` to items concurrently and yield results as they complete.

    A worker takes an item from the source only when it can start to process it. At most `2 * count`
    items are being processed or waiting to be yielded. If the source or `work` raises an exception,
    the workers are cancelled, the results so far are yielded, and then the exception is raised.
    Closing the generator cancels the workers and closes the source.

    Args:
        source: Generator of the items. It is closed at the end.
        work: Coroutine function that processes one item.
        count: Number of workers.
        lifetime: Lifetime of the client. Closing it interrupts the workers.
        extra_workers: Number of additional workers, for a source that itself limits how many items
            are processed concurrently.
    """
    pool = WorkerPool(source, work, count + extra_workers, 2 * count, lifetime)
    try:
        while await pool.wait_for_result():
            yield pool.take_result()
    finally:
        await pool.close()


class WorkerPool(Generic[_T, _R]):
    """The worker tasks of one call of `map_concurrently`.

    Args:
        source: Generator of the items.
        work: Coroutine function that processes one item.
        workers: Number of worker tasks.
        max_unfinished: Maximum number of items that are being processed or whose results have not
            been taken.
        lifetime: Lifetime of the client. Closing it interrupts the workers.
    """

    def __init__(
        self,
        source: AsyncGenerator[_T, None],
        work: Callable[[_T], Awaitable[_R]],
        workers: int,
        max_unfinished: int,
        lifetime: Lifetime,
    ) -> None:
        self._source = source
        self._work = work
        self._lifetime = lifetime
        self._source_lock = asyncio.Lock()
        self._source_exhausted = False
        self._unfinished = asyncio.Semaphore(max_unfinished)
        self._results: deque[_R] = deque()
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self._closing = False
        self._workers = {asyncio.ensure_future(self._run_worker()) for _ in range(workers)}
        for worker in self._workers:
            worker.add_done_callback(self._worker_done)

    async def wait_for_result(self) -> bool:
        """Wait until there is a result. Return False if there will be no more results.

        Raises:
            BaseException: The source or `work` raised this exception. It is raised after all
                results have been taken.
        """
        while not self._results:
            if self._error is not None:
                raise self._error
            if not self._workers:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def take_result(self) -> _R:
        """Remove and return the oldest result."""
        self._unfinished.release()
        return self._results.popleft()

    async def close(self) -> None:
        """Cancel the workers, wait for them to finish, and close the source."""
        self._closing = True
        for worker in self._workers:
            worker.cancel()
        try:
            await wait_all(lambda: self._workers)
        finally:
            await self._source.aclose()

    async def _run_worker(self) -> None:
        async with self._lifetime.scope():
            while not self._source_exhausted:
                await self._unfinished.acquire()
                async with self._source_lock:
                    if self._source_exhausted:
                        return
                    try:
                        item = await anext(self._source)
                    except StopAsyncIteration:
                        self._source_exhausted = True
                        return
                self._results.append(await self._work(item))
                self._changed.set()

    def _worker_done(self, worker: asyncio.Future[None]) -> None:
        self._workers.discard(worker)
        self._changed.set()
        if worker.cancelled():
            # If the pool is not closing, something that the worker awaited was cancelled, and the
            # worker did not finish its item. Record an error, so that the pool does not end as if
            # all items were done.
            error: BaseException | None = None if self._closing else asyncio.CancelledError()
        else:
            error = worker.exception()
        if error is not None:
            self._source_exhausted = True
            self._error = self._error or error
            for other in self._workers:
                other.cancel()


class Slot:
    """Permission to run one of a limited number of concurrent operations.

    Args:
        semaphore: Semaphore that limits the operations. The caller has acquired it for this slot.
    """

    def __init__(self, semaphore: asyncio.Semaphore) -> None:
        self._semaphore: asyncio.Semaphore | None = semaphore

    def release(self) -> None:
        """Free the slot. Further calls do nothing."""
        if self._semaphore is not None:
            self._semaphore.release()
            self._semaphore = None


async def with_slots(
    source: AsyncGenerator[_T, None], count: int
) -> AsyncGenerator[tuple[_T, Slot], None]:
    """Yield each item with a slot. Wait while `count` slots are in use.

    The consumer must release the slot when the operation on the item has finished.
    """
    semaphore = asyncio.Semaphore(count)
    async with aclosing(source):
        while True:
            await semaphore.acquire()
            try:
                item = await anext(source)
            except StopAsyncIteration:
                return
            yield item, Slot(semaphore)


async def interleave(
    sources: Iterable[AsyncGenerator[_T, None]], max_open: int
) -> AsyncGenerator[_T, None]:
    """Yield the items of several generators, taking turns. Skip a generator with no item ready.

    Args:
        sources: The generators. Each one that was started is closed at the end.
        max_open: Maximum number of generators that are read concurrently. When one of them is
            exhausted, the next one is started.
    """
    unopened = iter(sources)
    opened: list[AsyncGenerator[_T, None]] = []
    reads: dict[asyncio.Future[_T | None], AsyncGenerator[_T, None]] = {}

    async def read(source: AsyncGenerator[_T, None]) -> _T | None:
        return await anext(source, None)

    try:
        while True:
            while len(opened) < max_open and (source := next(unopened, None)) is not None:
                opened.append(source)
                reads[asyncio.ensure_future(read(source))] = source
            if not opened:
                return
            done, _ = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in reads if task in done]:
                source = reads.pop(task)
                item = task.result()
                if item is None:
                    opened.remove(source)
                    continue
                yield item
                reads[asyncio.ensure_future(read(source))] = source
    finally:
        for task in reads:
            task.cancel()
        try:
            await wait_all(lambda: [task for task in reads if not task.done()])
        finally:
            for task in reads:
                if not task.cancelled():
                    # Mark the exception as retrieved. Only the first one is raised.
                    task.exception()
            for source in opened:
                await source.aclose()


async def read_ahead(
    items: Iterable[_T] | AsyncIterable[_T], max_items: int
) -> AsyncGenerator[list[_T], None]:
    """Read items in a background task and yield them in lists.

    Each list contains the items that arrived while the caller processed the previous list.

    Args:
        items: The items to read.
        max_items: Maximum length of a list. Reading pauses while this many items are waiting.
    """
    buffer: list[_T] = []
    changed, emptied = asyncio.Event(), asyncio.Event()

    async def fill_buffer() -> None:
        try:
            async with aclosing(iterate(items)) as source:
                async for item in source:
                    buffer.append(item)
                    changed.set()
                    if len(buffer) >= max_items:
                        emptied.clear()
                        await emptied.wait()
        finally:
            changed.set()

    reader = asyncio.ensure_future(fill_buffer())
    try:
        while True:
            while not buffer:
                if reader.done():
                    reader.result()
                    return
                changed.clear()
                await changed.wait()
            arrived = buffer[:]
            buffer.clear()
            emptied.set()
            yield arrived
    finally:
        reader.cancel()
        await wait_all(lambda: () if reader.done() else (reader,))
