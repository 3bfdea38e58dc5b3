"""Sources, and the tasks that work on what they give."""

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


async def each(items: Iterable[_T] | AsyncIterable[_T]) -> AsyncGenerator[_T, None]:
    """The items of any iterable, sync or async, one when it is asked for."""
    if not isinstance(items, AsyncIterable):
        for item in items:
            yield item
        return
    iterator = aiter(items)
    try:
        async for item in iterator:
            yield item
    finally:
        # A caller's own iterator is the caller's to close.
        if iterator is not items and isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


async def map_concurrently(
    source: AsyncGenerator[_T, None],
    work: Callable[[_T], Awaitable[_R]],
    count: int,
    lifetime: Lifetime,
    *,
    others: int = 0,
) -> AsyncGenerator[_R, None]:
    """Work on what a source gives, so many at once, and yield each result as it comes.

    An item is taken when somebody is free to work on it, and not while twice as many as `count`
    are worked on or wait to be taken. `others` more may work, where the source bounds how many do
    what there are to be so many of. An error of the source or of the work ends everything, once
    the results so far have been taken; so does closing the generator, and then nothing is left.
    """
    crew = WorkerPool(source, work, count, others, lifetime)
    try:
        while True:
            while crew.results:
                crew.room.release()
                yield crew.results.popleft()
            if crew.failure is not None:
                raise crew.failure
            if not crew.at_work:
                return
            crew.news.clear()
            await crew.news.wait()
    finally:
        await crew.dismiss()


class WorkerPool(Generic[_T, _R]):
    """The tasks of `side_by_side`."""

    def __init__(
        self,
        source: AsyncGenerator[_T, None],
        work: Callable[[_T], Awaitable[_R]],
        count: int,
        others: int,
        lifetime: Lifetime,
    ) -> None:
        self._source = source
        self._do = work
        self._lifetime = lifetime
        self._turn = asyncio.Lock()
        self._exhausted = False
        self.room = asyncio.Semaphore(2 * count)
        self.results: deque[_R] = deque()
        self.news = asyncio.Event()
        self.failure: BaseException | None = None
        self._dismissed = False
        self.at_work = {asyncio.ensure_future(self._work()) for _ in range(count + others)}
        for worker in self.at_work:
            worker.add_done_callback(self._ended)

    async def dismiss(self) -> None:
        """End all of them, and the source."""
        self._dismissed = True
        for worker in self.at_work:
            worker.cancel()
        try:
            await wait_all(lambda: self.at_work)
        finally:
            await self._source.aclose()

    async def _work(self) -> None:
        async with self._lifetime.work():
            while not self._exhausted:
                await self.room.acquire()
                async with self._turn:
                    if self._exhausted:
                        return
                    try:
                        item = await anext(self._source)
                    except StopAsyncIteration:
                        self._exhausted = True
                        return
                self.results.append(await self._do(item))
                self.news.set()

    def _ended(self, worker: asyncio.Future[None]) -> None:
        self.at_work.discard(worker)
        self.news.set()
        if worker.cancelled():
            # Something that it waited for was cancelled: what it was at work on is not done.
            error: BaseException | None = None if self._dismissed else asyncio.CancelledError()
        else:
            error = worker.exception()
        if error is not None:
            self._exhausted = True
            self.failure = self.failure or error
            for other in self.at_work:
                other.cancel()


class Turn:
    """The right to fetch; it ends once.

    Args:
        turns: Of how many.
    """

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns: asyncio.Semaphore | None = turns

    def over(self) -> None:
        """Let the next fetch."""
        if self._turns is not None:
            self._turns.release()
            self._turns = None


async def with_turns(
    source: AsyncGenerator[_T, None], count: int
) -> AsyncGenerator[tuple[_T, Turn], None]:
    """What a source gives, each item once it may be fetched beside so many others."""
    turns = asyncio.Semaphore(count)
    async with aclosing(source):
        while True:
            await turns.acquire()
            try:
                item = await anext(source)
            except StopAsyncIteration:
                return
            yield item, Turn(turns)


async def in_turn(
    sources: Iterable[AsyncGenerator[_T, None]], at_once: int
) -> AsyncGenerator[_T, None]:
    """What several sources give, one of each in turn, of so many at once.

    Whoever has nothing yet keeps nobody waiting.
    """
    waiting = iter(sources)
    opened: list[AsyncGenerator[_T, None]] = []
    pulls: dict[asyncio.Future[_T | None], AsyncGenerator[_T, None]] = {}

    async def pull(source: AsyncGenerator[_T, None]) -> _T | None:
        return await anext(source, None)

    try:
        while True:
            while len(opened) < at_once and (source := next(waiting, None)) is not None:
                opened.append(source)
                pulls[asyncio.ensure_future(pull(source))] = source
            if not opened:
                return
            done, _ = await asyncio.wait(pulls, return_when=asyncio.FIRST_COMPLETED)
            for one in [one for one in pulls if one in done]:
                source = pulls.pop(one)
                item = one.result()
                if item is None:
                    opened.remove(source)
                    continue
                yield item
                pulls[asyncio.ensure_future(pull(source))] = source
    finally:
        for one in pulls:
            one.cancel()
        try:
            await wait_all(lambda: [one for one in pulls if not one.done()])
        finally:
            for one in pulls:
                if not one.cancelled():
                    one.exception()  # seen: one is enough
            for source in opened:
                await source.aclose()


async def batches(
    items: Iterable[_T] | AsyncIterable[_T], most: int
) -> AsyncGenerator[list[_T], None]:
    """What a source gives, as many at a time as came while the last were worked on."""
    gathered: list[_T] = []
    news, taken = asyncio.Event(), asyncio.Event()

    async def gather() -> None:
        try:
            async with aclosing(each(items)) as source:
                async for item in source:
                    gathered.append(item)
                    news.set()
                    if len(gathered) >= most:
                        taken.clear()
                        await taken.wait()
        finally:
            news.set()

    gatherer = asyncio.ensure_future(gather())
    try:
        while True:
            while not gathered:
                if gatherer.done():
                    gatherer.result()
                    return
                news.clear()
                await news.wait()
            batch = gathered[:]
            gathered.clear()
            taken.set()
            yield batch
    finally:
        gatherer.cancel()
        await wait_all(lambda: () if gatherer.done() else (gatherer,))
