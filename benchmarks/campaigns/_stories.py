"""Plays one schedule of a fault campaign, and checks after each run what it left."""

from __future__ import annotations

import asyncio
import io
import os
import random
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from benchmarks.campaigns._circumstances import full_disk, pieces, starting_over
from benchmarks.campaigns._clients import REPOSITORY, Result, download_once
from benchmarks.campaigns._schedules import Named, Run, Schedule
from benchmarks.campaigns._traces import BrokenPromiseError, Partials, check_nothing_left, covers
from ghartifacts_async.errors import (
    ArtifactsError,
    ClientStateError,
    DigestMismatch,
    DiskError,
    DiskFull,
    ProgressError,
    TargetExists,
)
from ghartifacts_async.testing import FakeArtifact, FakeGitHub, LoggedRequest
from tests.clock import wall

_ENDLESS = 1e6
_ERROR_BYTES = 4096
_SENDS_TOO_MUCH = frozenset({"length", "content-range", "ignore-range"})


@define
class Tally:
    """What a campaign has met so far.

    Attributes:
        schedules: How many were played.
        runs: Downloads that were begun, those of twins too.
        received: Bytes of payloads that came.
        resumed: Bytes that did not need to come again.
        outcomes: How the downloads ended.
        faults: What the servers did.
    """

    schedules: int = 0
    runs: int = 0
    received: int = 0
    resumed: int = 0
    outcomes: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)

    def add(self, other: Tally) -> None:
        """Take in what another has met."""
        self.schedules += other.schedules
        self.runs += other.runs
        self.received += other.received
        self.resumed += other.resumed
        self.outcomes.update(other.outcomes)
        self.faults.update(other.faults)


async def play(schedule: Schedule, directory: Path, tally: Tally) -> None:
    """Play it in an empty directory.

    Raises:
        BrokenPromiseError: The library did not keep what it promises.
    """
    random.seed(schedule.content_seed)
    tally.schedules += 1
    async with FakeGitHub(now=wall) as fake:
        with pieces(schedule):
            story = _Story(schedule, fake, directory, tally)
            for run in schedule.runs:
                try:
                    async with asyncio.timeout(_ENDLESS):
                        await story.run(run)
                except BaseException as error:
                    error.add_note(f"in {run}")
                    raise


class _Story:
    """One schedule while it is played."""

    def __init__(self, schedule: Schedule, fake: FakeGitHub, directory: Path, tally: Tally) -> None:
        self._schedule = schedule
        self._fake = fake
        self._tally = tally
        self._rng = random.Random(schedule.content_seed)
        self._payloads = [_payload(schedule, self._rng, schedule.size)]
        self._artifact = _uploaded(fake, schedule, self._payloads[0])
        self._root = directory
        self._directory = directory / {"directory": "out", "new": "new"}.get(schedule.into, "")
        if schedule.into == "file":
            self._target = self._directory / "mine.bin"
            self._destination = str(self._target)
        else:
            self._target = self._directory / ("report.bin" if schedule.raw else "dist.zip")
            self._destination = f"{self._directory}{os.sep}"
        if schedule.into == "directory" or schedule.there != "nothing":
            self._directory.mkdir(exist_ok=True)
        if schedule.there != "nothing":
            there = b"something else" if schedule.there == "other" else self._payloads[0]
            self._target.write_bytes(there)
        self._met: set[str] = set()
        self._met_now: set[str] = set()

    async def run(self, run: Run) -> None:
        if run.changed:
            self._change()
        there = self._target.read_bytes() if self._target.exists() else None
        was = _identity(self._target)
        before = Partials(self._directory)
        self._arrange(run)
        with starting_over() as told, full_disk(run.full_after) as unwritten:
            results = await asyncio.gather(
                *[
                    download_once(
                        self._fake,
                        run,
                        self._artifact.id,
                        self._destination,
                        self._schedule.if_exists,
                    )
                    for _ in range(1 + run.twin)
                ]
            )
        check_nothing_left(self._directory)
        for result in results:
            self._count(result)
            if not (unwritten and isinstance(result.error, DiskFull)):
                self._check_result(run, result, there)
        done = [result.download is not None for result in results]
        if (
            run.bearable
            and not any(done)
            and (there is None or self._schedule.if_exists != "error")
        ):
            raise BrokenPromiseError("it did not succeed")
        self._check_target(there, any(done))
        after = Partials(self._directory)
        self._check_directory(run, all(done), before, after)
        anew = bool(told) or any(isinstance(result.error, DigestMismatch) for result in results)
        # What was ended in its last moment may have published what it raises for.
        published = results[0].download is None and _identity(self._target) != was
        if not (anew or run.twin or published):
            self._check_resumed(run, results[0], before, after, sum(unwritten))

    def _change(self) -> None:
        """Put another payload in the artifact's place."""
        size = self._schedule.size
        if not self._schedule.raw:
            size = self._rng.choice([size, self._rng.randrange(2 * size + 1)])
        self._payloads.append(_payload(self._schedule, self._rng, size))
        self._artifact.path.write_bytes(self._payloads[-1])

    def _arrange(self, run: Run) -> None:
        self._met_now.clear()
        self._fake.clear_faults()
        self._fake.clear_requests()
        self._fake.url_ttl = run.url_ttl
        self._fake.fail_blobs_when(self._chooser(run.faults, ""))
        if run.each_once is not None:
            self._fake.fail_blobs_when(self._first(run.each_once))
        self._fake.fail_when(self._chooser(run.api_faults, "/zip"))

    def _chooser(self, faults: Sequence[Named | None], end: str) -> Callable[[LoggedRequest], Any]:
        queue = deque(faults)

        def choose(request: LoggedRequest) -> Any:
            if not queue or not request.path.endswith(end) or (fault := queue.popleft()) is None:
                return None
            return self._meet(fault)

        return choose

    def _first(self, fault: Named) -> Callable[[LoggedRequest], Any]:
        met: set[str] = set()

        def choose(request: LoggedRequest) -> Any:
            start = request.headers.get("Range", "").partition("-")[0]
            if start in met:
                return None
            met.add(start)
            return self._meet(fault)

        return choose

    def _meet(self, fault: Named) -> Any:
        kinds = fault[0].split(" & ")
        self._tally.faults.update(kinds)
        self._met.update(kinds)
        self._met_now.update(kinds)
        return fault[1]

    def _count(self, result: Result) -> None:
        self._tally.runs += 1
        self._tally.received += result.received
        self._tally.outcomes[result.outcome] += 1
        if result.download is not None:
            self._tally.resumed += result.download.resumed_bytes

    def _check_result(self, run: Run, result: Result, there: bytes | None) -> None:
        download, error = result.download, result.error
        if download is not None:
            if download.path != self._target or download.verified != self._schedule.digest:
                raise BrokenPromiseError(f"wrong: {download}")
            return
        expected: tuple[type[BaseException], ...] = ()
        if self._schedule.if_exists == "error" and (there is not None or run.twin):
            expected += (TargetExists,)
        if run.how == "cancelled":
            expected += (asyncio.CancelledError,)
        if run.how == "closed":
            expected += (ClientStateError,)
        if isinstance(error, expected):
            return
        never = (TargetExists, ClientStateError, DiskError, ProgressError)
        failing = bool(run.faults or run.api_faults)
        if failing and isinstance(error, ArtifactsError) and not isinstance(error, never):
            return
        raise BrokenPromiseError(f"unexpected: {error!r}") from error

    def _check_target(self, there: bytes | None, done: bool) -> None:
        data = self._target.read_bytes() if self._target.exists() else None
        if data not in self._payloads and (done or data != there):
            size = None if data is None else len(data)
            raise BrokenPromiseError(f"the final path is neither as before nor exact: {size}")

    def _check_directory(self, run: Run, done: bool, before: Partials, after: Partials) -> None:
        allowed = {self._root, self._directory, self._target}
        if not done:
            # What was ended early may not have come to what there was.
            allowed |= after.files if run.keep_partial else before.files
        if stray := {*self._root.rglob("*")} - allowed:
            raise BrokenPromiseError(f"stray files: {sorted(map(str, stray))}")
        if "flip" not in self._met and (lies := after.lies(self._payloads)):
            raise BrokenPromiseError(f"a journal tells of bytes that are not there: {lies}")

    def _check_resumed(
        self, run: Run, result: Result, before: Partials, after: Partials, unwritten: int
    ) -> None:
        """Nothing that was on disk was lost, or fetched again."""
        download, had_total = result.download, before.total
        kept = run.keep_partial and not isinstance(result.error, TargetExists)
        if download is None and kept:
            for part, had in before.spans.items():
                if not covers(has := after.spans.get(part, ()), had):
                    raise BrokenPromiseError(f"{had} was on disk, and only {has} was kept")
            gained = after.total - had_total
            lost = self._lost(result, gained + unwritten)
            if self._schedule.digest and lost > self._schedule.size // 4:
                raise BrokenPromiseError(f"{result.received} bytes came, {gained} were kept")
        if download is not None and not download.skipped:
            if download.resumed_bytes != had_total:
                raise BrokenPromiseError(f"{had_total} bytes were there: {download}")
            if run.healthy and result.received != download.size - had_total:
                raise BrokenPromiseError(f"{result.received} bytes came: {download}")

    def _lost(self, result: Result, handed_on: int) -> int:
        """Bytes of the payload that came with good answers, and were not handed to the disk."""
        if self._met_now & _SENDS_TOO_MUCH:
            return 0
        refused = sum((entry.status or 0) >= 400 for entry in self._fake.requests_to("blob"))
        return result.received - handed_on - refused * _ERROR_BYTES


def _payload(schedule: Schedule, rng: random.Random, size: int) -> bytes:
    """Random bytes; what has no digest can only be known to be all there by a zip's end."""
    content = rng.randbytes(size)
    if schedule.digest or schedule.raw:
        return content
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("report.bin"), content)
    return file.getvalue()


def _uploaded(fake: FakeGitHub, schedule: Schedule, content: bytes) -> FakeArtifact:
    raw = "report.bin" if schedule.raw else None
    if schedule.digest:
        return fake.add_artifact(REPOSITORY, "dist", content, raw=raw)
    # Of a zip without digest, the size is that of what it holds before it was packed.
    size = len(content) if schedule.raw else 10 * schedule.size + 10**6
    return fake.add_artifact(REPOSITORY, "dist", content, raw=raw, digest=None, size_in_bytes=size)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from one that took its place."""
    if not path.exists():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
