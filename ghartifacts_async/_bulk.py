"""Many at once: what a source gives is worked on by a few tasks, and told of as each ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sized
from contextlib import aclosing
from pathlib import Path
from typing import Generic, TypeVar

from ghartifacts_async._disk import idle
from ghartifacts_async._lifetime import Lifetime
from ghartifacts_async._parts import Parts
from ghartifacts_async._progress import BulkMeter
from ghartifacts_async._sansio import arguments, calls
from ghartifacts_async._sansio.layout import Layout, extension
from ghartifacts_async.errors import (
    ArtifactExpired,
    ArtifactsError,
    ClientStateError,
    NotFound,
    ProgressError,
)
from ghartifacts_async.models import Artifact, Download, IfExists
from ghartifacts_async.reports import BulkProgress, Deletion, Outcome

_T = TypeVar("_T")
_R = TypeVar("_R")

EXTRA_CONNECTIONS = 8
"""Beyond the first of each download: large ones share them piece by piece, small ones need none."""

_DELETES_AT_ONCE = 4


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


async def side_by_side(
    source: AsyncGenerator[_T, None],
    work: Callable[[_T], Awaitable[_R]],
    count: int,
    lifetime: Lifetime,
) -> AsyncGenerator[_R, None]:
    """Work on what a source gives, so many at once, and yield each result as it comes.

    An item is taken when somebody is free to work on it, and not while twice as many results as
    there are workers wait to be taken. An error of the source or of the work ends everything, once
    the results so far have been taken; so does closing the generator, and then nothing is left.
    """
    crew = _Crew(source, work, count, lifetime)
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


class _Crew(Generic[_T, _R]):
    """The tasks of `side_by_side`."""

    def __init__(
        self,
        source: AsyncGenerator[_T, None],
        work: Callable[[_T], Awaitable[_R]],
        count: int,
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
        self.at_work = {asyncio.ensure_future(self._work()) for _ in range(count)}
        for worker in self.at_work:
            worker.add_done_callback(self._ended)

    async def dismiss(self) -> None:
        """End all of them, and the source."""
        for worker in self.at_work:
            worker.cancel()
        try:
            await idle(lambda: self.at_work)
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
        if not worker.cancelled() and (error := worker.exception()) is not None:
            self._exhausted = True
            self.failure = self.failure or error
            for other in self.at_work:
                other.cancel()


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
            await idle(lambda: [one for one in pulls if not one.done()])
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
        await idle(lambda: () if gatherer.done() else (gatherer,))


async def downloads(
    parts: Parts,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
    directory: Path,
    layout: Layout,
    *,
    concurrency: int,
    if_exists: IfExists,
    durable: bool,
    on_progress: Callable[[BulkProgress], None] | None,
) -> AsyncGenerator[Outcome, None]:
    """Download many; see `Repo.download_artifacts`."""
    meter = BulkMeter(on_progress, len(artifacts) if isinstance(artifacts, Sized) else None)
    extra = asyncio.Semaphore(EXTRA_CONNECTIONS)

    async def fetch(artifact: Artifact) -> Download:
        if artifact.expired:
            raise ArtifactExpired(f"artifact {artifact.id}: its listing says that it has expired")
        return await parts.download_one_of_many(
            repository,
            artifact,
            directory / layout.path(artifact),
            named=lambda name: Path(layout.path(artifact, extension(name))).name,
            meter=meter,
            extra=extra,
            if_exists=if_exists,
            durable=durable,
        )

    async def work(wanted: Artifact | int) -> Outcome:
        meter.begin()
        try:
            if not isinstance(wanted, Artifact):
                wanted = await parts.get(repository, arguments.artifact_id(wanted))
            outcome = Outcome(wanted, await fetch(wanted))
        except (ClientStateError, ProgressError):
            raise
        except ArtifactsError as error:
            outcome = Outcome(wanted, error=error)
        meter.end(well=outcome.error is None)
        return outcome

    crew = side_by_side(each(artifacts), work, concurrency, parts.lifetime)
    async with aclosing(crew) as outcomes:
        async for outcome in outcomes:
            yield outcome
    meter.done()


async def deletions(
    parts: Parts,
    repository: str,
    artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
) -> AsyncGenerator[Deletion, None]:
    """Delete many; see `Repo.delete_artifacts`."""
    seen = asyncio.Lock()
    visible = False

    async def check_visible() -> None:
        """Make sure that 404 means the artifact: it also hides whole repositories."""
        nonlocal visible
        async with seen:
            if not visible:
                call = calls.list_repository_artifacts(repository, name=None, per_page=1)
                await parts.session.call(call)
                visible = True

    async def work(wanted: Artifact | int) -> Deletion:
        try:
            call = calls.delete_artifact(repository, arguments.artifact_id(wanted))
            try:
                calls.check_deleted(call, await parts.session.call(call))
            except NotFound:
                await check_visible()
                return Deletion(wanted, already_gone=True)
        except ClientStateError:
            raise
        except ArtifactsError as error:
            return Deletion(wanted, error=error)
        return Deletion(wanted)

    crew = side_by_side(each(artifacts), work, _DELETES_AT_ONCE, parts.lifetime)
    async with aclosing(crew) as outcomes:
        async for outcome in outcomes:
            yield outcome
