"""What a download may leave behind, and what it must not."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ghartifacts_async
from ghartifacts_async._disk.file_io import boot_id
from ghartifacts_async._download import journal
from ghartifacts_async._download.journal import Record
from ghartifacts_async._download.ranges import RangeSet

_PACKAGE = str(Path(ghartifacts_async.__file__).parent) + os.sep
_SERVER = str(Path(_PACKAGE, "testing")) + os.sep
_DESCRIPTORS = Path("/proc/self/fd")


class BrokenPromiseError(Exception):
    """A download has not kept what it promises."""


def descriptors(below: Path | None = None) -> set[str]:
    """What this process has open, or what of it lies below a directory; empty where unknown."""
    found = set()
    if _DESCRIPTORS.is_dir():
        for entry in _DESCRIPTORS.iterdir():
            try:
                target = str(entry.readlink())
            except OSError:
                # The one with which the directory was listed.
                continue
            if below is None or target.startswith(str(below)):
                found.add(f"{entry.name} → {target}")
    return found


def check_nothing_left(directory: Path) -> None:
    """Make sure that no task, thread or descriptor of a download is left."""
    tasks = [task for task in asyncio.all_tasks() if _is_ours(task)]
    if tasks:
        raise BrokenPromiseError(f"tasks are left: {tasks}")
    threads = [thread.name for thread in threading.enumerate() if "ghartifacts" in thread.name]
    if threads:
        raise BrokenPromiseError(f"threads are left: {threads}")
    if still_open := descriptors(directory):
        raise BrokenPromiseError(f"files are open: {sorted(still_open)}")


def _is_ours(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    file = code.co_filename if code is not None else ""
    return file.startswith(_PACKAGE) and not file.startswith(_SERVER)


def read_journal(path: Path) -> Record | None:
    """What a journal says of the bytes beside it; ``None`` where it is no good."""
    text = path.read_bytes()
    try:
        first = json.loads(text.partition(b"\n")[0])
    except ValueError:
        return None
    return journal.read(text, first["artifact"], first["digest"], boot_id())


class Partials:
    """What downloads have left in a directory, to be gone on with.

    Attributes:
        files: All of their files.
        records: What the good journals say, by the part files that they are about.
        spans: The same, of the bytes alone.
        total: How many bytes that is.
    """

    def __init__(self, directory: Path) -> None:
        journals = list(directory.glob(".*.ghartifacts-journal"))
        parts = [path.with_suffix(".ghartifacts-part") for path in journals]
        self.files = {*journals, *parts}
        read = {
            part: read_journal(path)
            for path, part in zip(journals, parts, strict=True)
            if part.exists()
        }
        self.records = {
            part: record
            for part, record in read.items()
            if record is not None and part.stat().st_size == record.total
        }
        self.spans = {part: record.spans for part, record in self.records.items()}
        self.total = sum(RangeSet(spans).total for spans in self.spans.values())

    def lies(self, payloads: Sequence[bytes]) -> list[tuple[Path, Record]]:
        """Journals that tell of bytes that are not on disk, whichever of the payloads it is."""
        return [
            (part, record)
            for part, record in self.records.items()
            if not any(_is_true(part.read_bytes(), record, payload) for payload in payloads)
        ]


def _is_true(data: bytes, record: Record, payload: bytes) -> bool:
    return all(data[slice(*span)] == payload[slice(*span)] for span in record.spans)


def covers(has: Iterable[tuple[int, int]], had: Iterable[tuple[int, int]]) -> bool:
    """Whether all bytes of some spans are in others as well."""
    return RangeSet([*has, *had]).total == RangeSet(has).total


@contextmanager
def nothing_unraisable() -> Iterator[list[str]]:
    """Collect what Python would only print: warnings, and errors that nobody could catch."""
    told: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda lost: told.append(f"{lost.err_msg}: {lost.exc_value!r}")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield told
            gc.collect()
        told += [str(warning.message) for warning in caught]
    finally:
        sys.unraisablehook = hook
