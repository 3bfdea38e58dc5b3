"""A local copy, kept in step: what is there is not fetched again, and equal content once.

Each repository has a root of its own, with a manifest. What the listing gives is looked up there,
and in the file system, a batch at a time in a thread; only what is missing goes on to the tasks
that link or download. Two artifacts of one digest are never at work on at the same time: whoever
has the first does the others after it, and finds its file to link to.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path

from attrs import define, field

from ghartifacts_async._bulk.downloads import EXTRA_CONNECTIONS, strip_tracebacks
from ghartifacts_async._bulk.mirror_store import MirrorStore
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._context import ClientContext
from ghartifacts_async._download import verification
from ghartifacts_async._download.progress import BulkMeter
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async._tasks.workers import batches, in_turn, map_concurrently
from ghartifacts_async.errors import (
    ArtifactExpired,
    ArtifactsError,
    AuthenticationError,
    ClientStateError,
    DiskFull,
    ProgressError,
    RateLimited,
    TokenProviderError,
)
from ghartifacts_async.models import Artifact, Digest
from ghartifacts_async.reports import MOST_FAILURES, BulkProgress, MirrorReport, Outcome

_BATCH = 100
_REPOSITORIES_AT_ONCE = 8
_MOST_FOLLOWERS = 1000

_FATAL = (AuthenticationError, ClientStateError, ProgressError, RateLimited, TokenProviderError)
"""What meets one artifact now meets all that come after it."""

_FULL_IN_A_ROW = 16
"""Artifacts for which there is no room, after which there is none for others either."""


@define
class Tally:
    """What was done so far, by all mirrors of a call."""

    meter: BulkMeter
    downloaded: int = 0
    linked: int = 0
    skipped: int = 0
    expired: int = 0
    failed: int = 0
    full: int = 0
    failures: list[Outcome] = field(factory=list)
    unlisted: dict[str, ArtifactsError] = field(factory=dict)

    def fail(self, artifact: Artifact, error: ArtifactsError) -> None:
        """One could not be had; a disk that has no room for any raises."""
        self.failed += 1
        self.full = self.full + 1 if isinstance(error, DiskFull) else 0
        if self.full >= _FULL_IN_A_ROW:
            raise error
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(Outcome(artifact, error=strip_tracebacks(error)))

    def report(self, seconds: float) -> MirrorReport:
        """All of it."""
        return MirrorReport(
            self.downloaded,
            self.linked,
            self.skipped,
            self.expired,
            self.failed,
            self.meter.received,
            seconds,
            tuple(self.failures),
            self.unlisted,
        )


@define(eq=False)
class _Flight:
    """Artifacts of one digest, of which one is at work on."""

    followers: deque[Artifact]
    ended: asyncio.Event = field(factory=asyncio.Event)


class Mirror:
    """The mirror of one repository.

    Args:
        parts: What the client lends.
        repository: ``owner/name``.
        artifacts: The listing.
        root: Where the files lie.
        layout: How.
        durable: Whether files and manifest survive a loss of power.
    """

    def __init__(
        self,
        parts: ClientContext,
        repository: str,
        artifacts: AsyncIterable[Artifact],
        root: Path,
        layout: PathTemplate,
        *,
        durable: bool,
    ) -> None:
        self._parts = parts
        self._repository = repository
        self._artifacts = artifacts
        self._root = root
        self._layout = layout
        self._durable = durable
        self._stock = MirrorStore(parts.disk, parts.base_url, root, layout, durable=durable)
        self._flights: dict[str, _Flight] = {}
        self._given = 0
        self._exhausted = False
        self.is_closed: bool = False

    async def missing(
        self, tally: Tally, *, alone: bool
    ) -> AsyncGenerator[tuple[Mirror, Artifact], None]:
        """What is to be fetched or linked; the others are counted.

        Args:
            tally: Where.
            alone: Whether an error is raised, and not told of as that of one of many.
        """
        try:
            await self._stock.open()
            async with aclosing(batches(self._artifacts, _BATCH)) as listed:
                async for batch in listed:
                    there = await self._stock.present(batch)
                    expired = [one for one in batch if one.expired and one.id not in there]
                    tally.skipped += len(there)
                    tally.expired += len(expired)
                    tally.meter.found(len(there), well=True)
                    tally.meter.found(len(expired), well=False)
                    for artifact in batch:
                        if artifact.id not in there and not artifact.expired:
                            self._given += 1
                            yield self, artifact
        except ArtifactsError as error:
            if alone or isinstance(error, _FATAL):
                raise
            tally.unlisted[self._repository] = error
        finally:
            self._exhausted = True
            await self._close_at_the_end()

    async def keep(self, artifact: Artifact, tally: Tally, extra: asyncio.Semaphore) -> None:
        """Have an artifact that is missing, and those of the same digest that come meanwhile."""
        digest = verification.sha256(artifact)
        if digest is None:
            return await self._keep(artifact, None, tally, extra)
        key = digest.hex
        while (flight := self._flights.get(key)) is not None:
            if len(flight.followers) < _MOST_FOLLOWERS:
                flight.followers.append(artifact)
                return None
            await flight.ended.wait()
        flight = self._flights[key] = _Flight(deque([artifact]))
        try:
            while flight.followers:
                await self._keep(flight.followers.popleft(), digest, tally, extra)
        finally:
            del self._flights[key]
            flight.ended.set()

    async def close(self) -> None:
        """Let the next have it."""
        self.is_closed = True
        await self._stock.close()

    async def _close_at_the_end(self) -> None:
        if self._exhausted and not self._given:
            await self.close()

    async def _keep(
        self, artifact: Artifact, digest: Digest | None, tally: Tally, extra: asyncio.Semaphore
    ) -> None:
        tally.meter.begin()
        well = False
        try:
            await self._obtain(artifact, digest, tally, extra)
            well = True
        except ArtifactExpired:
            tally.expired += 1
        except _FATAL:
            raise
        except ArtifactsError as error:
            tally.fail(artifact, error)
        else:
            tally.full = 0
        finally:
            self._given -= 1
            await self._close_at_the_end()
        tally.meter.end(well=well)

    async def _obtain(
        self, artifact: Artifact, digest: Digest | None, tally: Tally, extra: asyncio.Semaphore
    ) -> None:
        path = await self._stock.put_before(artifact)
        if path is not None and await self._stock.recognised(artifact, path):
            tally.skipped += 1
            return
        if digest is not None and await self._stock.linked(artifact, digest):
            tally.linked += 1
            return
        layout = self._layout
        download = await self._parts.download_one_of_many(
            self._repository,
            artifact,
            self._root / (path or layout.path(artifact)),
            named=partial(layout.name, artifact),
            meter=tally.meter,
            extra=extra,
            durable=self._durable,
        )
        place = download.path.relative_to(self._root).as_posix()
        await self._stock.tell(artifact, place, download.digest)
        tally.downloaded += not download.skipped
        tally.skipped += download.skipped


async def mirror(
    mirrors: Iterable[Mirror],
    lifetime: Lifetime,
    *,
    concurrency: int,
    alone: bool,
    on_progress: Callable[[BulkProgress], None] | None,
) -> MirrorReport:
    """Bring mirrors up to date, in turn and with one set of tasks; see `Repo.mirror`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    tally = Tally(BulkMeter(on_progress, None))
    extra = asyncio.Semaphore(EXTRA_CONNECTIONS)
    begun: list[Mirror] = []

    async def work(item: tuple[Mirror, Artifact]) -> None:
        await item[0].keep(item[1], tally, extra)

    def sources() -> Iterator[AsyncGenerator[tuple[Mirror, Artifact], None]]:
        for one in mirrors:
            begun[:] = [*(other for other in begun if not other.is_closed), one]
            yield one.missing(tally, alone=alone)

    source = in_turn(sources(), _REPOSITORIES_AT_ONCE)
    try:
        async with aclosing(map_concurrently(source, work, concurrency, lifetime)) as ended:
            async for _ in ended:
                pass
    finally:
        closing = [asyncio.ensure_future(one.close()) for one in begun]
        await wait_all(lambda: [one for one in closing if not one.done()])
    tally.meter.done()
    return tally.report(loop.time() - began)
