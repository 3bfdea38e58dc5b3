"""Execution of one schedule of a fault campaign. After each run, the promises are checked."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import random
import zipfile
from collections import Counter
from pathlib import Path

from attrs import define, field

from benchmarks.campaigns._conditions import (
    buffers,
    captured,
    full_disk,
    segments,
)
from benchmarks.campaigns._downloads import REPOSITORY, Result, download_once
from benchmarks.campaigns._leftovers import (
    BrokenPromiseError,
    PartFiles,
    check_nothing_left,
    covers,
)
from benchmarks.campaigns._run_faults import RunFaults
from benchmarks.campaigns._schedules import Run, Schedule
from ghartifacts_async.errors import (
    ArtifactsError,
    ClientStateError,
    DigestMismatch,
    DiskError,
    DiskFull,
    ProgressError,
    TargetExists,
)
from ghartifacts_async.testing import FakeArtifact, FakeGitHub
from tests.clock import wall

_ENDLESS = 1e6
_ERROR_BYTES = 4096
_SENDS_UNUSABLE_BYTES = frozenset({"length", "content-range", "ignore-range", "flip"})


@define
class Tally:
    """Counts of a campaign.

    Attributes:
        schedules: Executed schedules.
        runs: Started downloads, including concurrent ones.
        received: Received payload bytes.
        buffered: Bytes received into reusable buffers, by the kind of connection.
        resumed: Bytes that were reused from part files.
        outcomes: Number of downloads by outcome.
        faults: Number of injected faults by kind.
    """

    schedules: int = 0
    runs: int = 0
    received: int = 0
    resumed: int = 0
    buffered: Counter[str] = field(factory=Counter)
    outcomes: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        self.schedules += other.schedules
        self.runs += other.runs
        self.received += other.received
        self.resumed += other.resumed
        self.buffered.update(other.buffered)
        self.outcomes.update(other.outcomes)
        self.faults.update(other.faults)


async def execute(schedule: Schedule, directory: Path, tally: Tally) -> None:
    """Execute a schedule in an empty directory, and add its counts to the tally.

    Raises:
        BrokenPromiseError: The library has broken a promise.
    """
    random.seed(schedule.content_seed)
    tally.schedules += 1
    async with FakeGitHub(now=wall, tls=schedule.tls) as fake:
        with segments(schedule), buffers(schedule) as buffered:
            execution = _Execution(schedule, fake, directory, tally)
            try:
                for run in schedule.runs:
                    try:
                        async with asyncio.timeout(_ENDLESS):
                            await execution.run(run)
                    except BaseException as error:
                        error.add_note(f"in {run}")
                        raise
            finally:
                tally.faults.update(execution.faults.counts)
                tally.buffered.update(buffered)


class _Execution:
    """A schedule that is being executed, with its server, artifact and target.

    Attributes:
        faults: The faults of the server.
    """

    def __init__(self, schedule: Schedule, fake: FakeGitHub, directory: Path, tally: Tally) -> None:
        self._schedule = schedule
        self._fake = fake
        self._tally = tally
        self._rng = random.Random(schedule.content_seed)
        self._payloads = [_payload(schedule, self._rng, schedule.size)]
        self._artifact = _add_artifact(fake, schedule, self._payloads[0])
        self._root = directory
        self._directory = directory / {"directory": "out", "new": "new"}.get(schedule.into, "")
        if schedule.into == "file":
            self._target = self._directory / "mine.bin"
            self._destination = str(self._target)
        else:
            self._target = self._directory / ("report.bin" if schedule.raw else "dist.zip")
            self._destination = f"{self._directory}{os.sep}"
        if schedule.into == "directory" or schedule.existing != "nothing":
            self._directory.mkdir(exist_ok=True)
        if schedule.existing != "nothing":
            existing = b"something else" if schedule.existing == "other" else self._payloads[0]
            self._target.write_bytes(existing)
        self.faults = RunFaults(fake, random.Random(f"{schedule.content_seed}/faults"))

    async def run(self, run: Run) -> None:
        if run.payload_replaced:
            self._replace_payload()
        existing = self._target.read_bytes() if self._target.exists() else None
        identity = _file_identity(self._target)
        before = PartFiles(self._directory)
        self.faults.set_up(run)
        with (
            captured("ghartifacts_async", logging.WARNING) as logged,
            full_disk(run.disk_full_after) as unwritten,
        ):
            results = await asyncio.gather(
                *[
                    download_once(
                        self._fake,
                        run,
                        self._artifact.id,
                        self._destination,
                        self._schedule.if_exists,
                    )
                    for _ in range(1 + run.concurrent)
                ]
            )
        check_nothing_left(self._directory)
        for result in results:
            self._count(result)
            if not (unwritten and isinstance(result.error, DiskFull)):
                self._check_result(run, result, existing)
        succeeded = [result.download is not None for result in results]
        if (
            run.must_succeed
            and not any(succeeded)
            and (existing is None or self._schedule.if_exists != "error")
        ):
            raise BrokenPromiseError("a run that must succeed has failed")
        self._check_target(existing, any(succeeded))
        after = PartFiles(self._directory)
        self._check_directory(run, all(succeeded), before, after)
        mismatch = any(isinstance(result.error, DigestMismatch) for result in results)
        restarted = bool(logged) or mismatch
        # A download that is cancelled at the last moment may publish the file and still raise.
        published = results[0].download is None and _file_identity(self._target) != identity
        if not (restarted or run.concurrent or published):
            self._check_no_byte_lost(run, results[0], before, after, sum(unwritten))

    def _replace_payload(self) -> None:
        """Replace the artifact's payload."""
        size = self._schedule.size
        if not self._schedule.raw:
            size = self._rng.choice([size, self._rng.randrange(2 * size + 1)])
        self._payloads.append(_payload(self._schedule, self._rng, size))
        self._artifact.path.write_bytes(self._payloads[-1])

    def _count(self, result: Result) -> None:
        self._tally.runs += 1
        self._tally.received += result.received
        self._tally.outcomes[result.outcome] += 1
        if result.download is not None:
            self._tally.resumed += result.download.resumed_bytes

    def _check_result(self, run: Run, result: Result, existing: bytes | None) -> None:
        download, error = result.download, result.error
        if download is not None:
            if download.path != self._target or download.verified != self._schedule.digest:
                raise BrokenPromiseError(f"wrong path or verification: {download}")
            return
        expected: tuple[type[BaseException], ...] = ()
        if self._schedule.if_exists == "error" and (existing is not None or run.concurrent):
            expected += (TargetExists,)
        if run.ending == "cancelled":
            expected += (asyncio.CancelledError,)
        if run.ending == "closed":
            expected += (ClientStateError,)
        if isinstance(error, expected):
            return
        never = (TargetExists, ClientStateError, DiskError, ProgressError)
        failing = bool(run.faults or run.api_faults)
        if failing and isinstance(error, ArtifactsError) and not isinstance(error, never):
            return
        raise BrokenPromiseError(f"unexpected exception: {error!r}") from error

    def _check_target(self, existing: bytes | None, succeeded: bool) -> None:
        data = self._target.read_bytes() if self._target.exists() else None
        if data not in self._payloads and (succeeded or data != existing):
            size = "absent" if data is None else f"{len(data)} bytes"
            raise BrokenPromiseError(f"the target is neither unchanged nor exact: {size}")

    def _check_directory(
        self, run: Run, succeeded: bool, before: PartFiles, after: PartFiles
    ) -> None:
        allowed = {self._root, self._directory, self._target}
        if not succeeded:
            # Without keep_partial, only a part file that the download has not opened may remain.
            allowed |= after.files if run.keep_partial else before.files
        if stray := {*self._root.rglob("*")} - allowed:
            raise BrokenPromiseError(f"stray files: {sorted(map(str, stray))}")
        if "flip" not in self.faults.met and (wrong := after.false_records(self._payloads)):
            raise BrokenPromiseError(f"a journal records bytes that are not on disk: {wrong}")

    def _check_no_byte_lost(
        self, run: Run, result: Result, before: PartFiles, after: PartFiles, unwritten: int
    ) -> None:
        """Check that no byte on disk was lost or requested again."""
        download, total_before = result.download, before.total
        kept = run.keep_partial and not isinstance(result.error, TargetExists)
        if download is None and kept:
            for part, old in before.spans.items():
                if not covers(new := after.spans.get(part, ()), old):
                    raise BrokenPromiseError(f"ranges {old} were on disk, but only {new} were kept")
            gained = after.total - total_before
            lost = self._bytes_lost(result, gained + unwritten)
            if self._schedule.digest and lost > self._schedule.size // 4:
                raise BrokenPromiseError(
                    f"{result.received} bytes were received, but only {gained} were kept"
                )
        if download is not None and not download.skipped:
            if download.resumed_bytes != total_before:
                raise BrokenPromiseError(
                    f"{total_before} bytes on disk were not resumed: {download}"
                )
            if run.fault_free and result.received != download.size - total_before:
                raise BrokenPromiseError(
                    f"{total_before} bytes were on disk, {result.received} received: {download}"
                )

    def _bytes_lost(self, result: Result, written: int) -> int:
        """Return how many bytes of successful responses were received but not written."""
        if self.faults.met_in_run & _SENDS_UNUSABLE_BYTES:
            return 0
        refused = sum((entry.status or 0) >= 400 for entry in self._fake.requests_to("blob"))
        return result.received - written - refused * _ERROR_BYTES


def _payload(schedule: Schedule, rng: random.Random, size: int) -> bytes:
    """Return random bytes. If the payload is a zip without a digest, return them in a real zip.

    Without a digest, the library recognises a complete zip by the record at its end.
    """
    content = rng.randbytes(size)
    if schedule.digest or schedule.raw:
        return content
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("report.bin"), content)
    return file.getvalue()


def _add_artifact(fake: FakeGitHub, schedule: Schedule, content: bytes) -> FakeArtifact:
    raw = "report.bin" if schedule.raw else None
    if schedule.digest:
        return fake.add_artifact(REPOSITORY, "dist", content, raw=raw)
    # For a zip without a digest, GitHub reports the size of the uploaded files, not of the zip.
    size = len(content) if schedule.raw else 10 * schedule.size + 10**6
    return fake.add_artifact(REPOSITORY, "dist", content, raw=raw, digest=None, size_in_bytes=size)


def _file_identity(path: Path) -> tuple[int, int] | None:
    """Return values that change when the file is replaced, or None if the file does not exist."""
    if not path.exists():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
