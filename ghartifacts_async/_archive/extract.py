"""Members on their way to the disk: out of a file in several threads, or as their bytes come."""

from __future__ import annotations

import asyncio
import io
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from ghartifacts_async._archive import inflate
from ghartifacts_async._archive.central_directory import (
    CentralDirectoryEntry,
    View,
    WantedError,
    parse,
)
from ghartifacts_async._archive.inflate import Run
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_paths import ExtractionPlan, PathParts
from ghartifacts_async._archive.remote_file import RangeReader, RemoteFile
from ghartifacts_async._disk.file_io import OutputFile, disk_error
from ghartifacts_async._disk.staging import StagingDirectory
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import ranges
from ghartifacts_async._tasks.waiting import wait_all
from ghartifacts_async.errors import DiskError
from ghartifacts_async.models import ArchiveLimits

Opener: TypeAlias = Callable[[str, int], int]
"""Opens a path, with flags."""

_THREADS = min(4, os.cpu_count() or 1)
_STRETCH = 2**24
_CONNECTIONS = 4
_READ = 2**18
_A_FILE = 2**14
"""What a file costs beside its bytes, in bytes."""


def read_index(path: Path, limits: ArchiveLimits, opener: Opener | None = None) -> MemberIndex:
    """The members of an archive on disk. It blocks."""
    try:
        with io.FileIO(path, opener=opener) as file:
            view = View(file.seek(0, io.SEEK_END), limits)
            while True:
                try:
                    return MemberIndex(parse(view))
                except WantedError as wanted:
                    file.seek(wanted.start)
                    data = file.read(view.begins - wanted.start)
                view.prepend(data)
    except OSError as error:
        raise disk_error(error, path) from error


async def unpack_file(
    disk: IoThreads,
    path: Path,
    layout: ExtractionPlan,
    staging: StagingDirectory,
    opener: Opener | None = None,
) -> None:
    """Unpack members of an archive on disk, several at once.

    Raises:
        ArchiveError: One of them is not what it claims.
        DiskError: One cannot be written.
    """
    await staging.fill(layout.directories)
    runs = await disk.run(_runs, layout, _STRETCH)
    places = {entry.start: parts for entry, parts in layout.files}
    waiting = deque(_FileWriter(path, opener, run, places, staging) for run in runs)
    working: dict[asyncio.Future[bool], _FileWriter] = {}
    try:
        while waiting or working:
            while waiting and len(working) < _THREADS:
                job = disk.start(waiting[0].step)
                working[job] = waiting.popleft()
            done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                more = job.result()
                writer = working.pop(job)
                if more:
                    waiting.appendleft(writer)
    finally:
        try:
            await wait_all(lambda: [job for job in working if not job.done()])
        finally:
            for job, writer in working.items():
                if job.done() and not job.cancelled():
                    job.exception()  # seen: one is enough
                waiting.append(writer)
            await disk.run(_close, [*waiting], after_close=True)


async def unpack_remote(
    disk: IoThreads, remote: RemoteFile, layout: ExtractionPlan, staging: StagingDirectory
) -> None:
    """Unpack members as their bytes come.

    Raises:
        ArchiveError: One of them is not what it claims.
        DownloadError: Their bytes cannot be had.
        DiskError: One cannot be written.
    """
    await staging.fill(layout.directories)
    waiting = deque(await disk.run(_runs, layout, ranges.BYTES_FOR_A_CONNECTION))
    places = {entry.start: parts for entry, parts in layout.files}

    async def work() -> None:
        while waiting:
            run = waiting.popleft()
            await _unpack_run(disk, remote, run, _Writer(run, places, staging))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_CONNECTIONS, len(waiting))):
                group.create_task(work())
    except ExceptionGroup as several:
        error = several.exceptions[0]
    else:
        return
    raise error


async def _unpack_run(disk: IoThreads, remote: RemoteFile, run: Run, writer: _Writer) -> None:
    feed = Feed(remote, run)
    try:
        while not run.done:
            while await disk.run(writer.write):
                pass
            if not run.done:
                run.feed(await feed.read())
    finally:
        try:
            await feed.close()
        finally:
            await disk.run(writer.close, after_close=True)


class Feed:
    """The bytes of a run, whose end its headers may move."""

    def __init__(self, remote: RemoteFile, run: Run) -> None:
        self._remote = remote
        self._run = run
        self._at = run.start
        self._span = RangeReader(remote, run.start, run.stop)

    async def read(self) -> bytes:
        """The next of them."""
        chunk = await self._span.read()
        if not chunk:
            await self._span.close()
            assert self._at < self._run.stop
            self._span = RangeReader(self._remote, self._at, self._run.stop)
            chunk = await self._span.read()
        self._at += len(chunk)
        return chunk

    async def close(self) -> None:
        """Leave the connection."""
        await self._span.close()


class _Writer:
    """The files of a run. All of it blocks."""

    def __init__(self, run: Run, places: dict[int, PathParts], staging: StagingDirectory) -> None:
        self._run = run
        self._places = places
        self._staging = staging
        self._output: OutputFile | None = None

    def write(self) -> bool:
        """Write what the run has, a stretch of it; whether there may be more."""
        left = _STRETCH
        while left > 0:
            piece = self._run.next()
            if piece is None:
                return False
            entry, data = piece
            parts = self._places[entry.start]
            try:
                self._put(entry, parts, data)
            except OSError as error:
                raise disk_error(error, self._staging.target.joinpath(*parts)) from error
            left -= len(data) or _A_FILE
        return True

    def close(self) -> None:
        """Leave the file that is not complete."""
        if self._output is not None:
            with suppress(OSError):
                self._output.close()

    def _put(self, entry: CentralDirectoryEntry, parts: PathParts, data: bytes) -> None:
        if self._output is None:
            mode = 0o755 if entry.member.mode & 0o111 else 0o644
            self._output = self._staging.create_file(parts, mode)
        if data:
            self._output.write(data)
        else:
            output, self._output = self._output, None
            output.close()


class _FileWriter(_Writer):
    """The files of a run, out of an archive on disk."""

    def __init__(
        self,
        path: Path,
        opener: Opener | None,
        run: Run,
        places: dict[int, PathParts],
        staging: StagingDirectory,
    ) -> None:
        super().__init__(run, places, staging)
        self._path = path
        self._opener = opener
        self._file: io.FileIO | None = None

    def step(self) -> bool:
        """Unpack a stretch; whether there is more."""
        read = 0
        while not self._run.done and read < _STRETCH:
            if self.write():
                return True
            if self._run.done:
                break
            try:
                if self._file is None:
                    self._file = io.FileIO(self._path, opener=self._opener)
                    self._file.seek(self._run.start)
                data = self._file.read(_READ)
            except OSError as error:
                raise disk_error(error, self._path) from error
            if not data:
                raise DiskError(f"{self._path}: another process changed it", path=self._path)
            read += len(data)
            self._run.feed(data)
        if self._run.done:
            self.close()
        return not self._run.done

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self._file.close()


def _close(writers: list[_FileWriter]) -> None:
    for writer in writers:
        writer.close()


def _runs(layout: ExtractionPlan, size: int) -> list[Run]:
    entries = [entry for entry, _ in layout.files]
    return [*inflate.runs(entries, gap=_READ, size=size, members=max(1, size // _A_FILE))]
