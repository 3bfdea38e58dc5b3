"""What a download leaves behind. Part files are allowed; open files, tasks and threads are not."""

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
    """The library has broken one of its promises."""


def descriptors(below: Path | None = None) -> set[str]:
    """Return the open file descriptors of this process, in the form ``3 → /path``.

    Args:
        below: Return only descriptors of files below this directory. None returns all.

    Returns:
        The descriptors, or an empty set if the system has no ``/proc``.
    """
    found = set()
    if _DESCRIPTORS.is_dir():
        for entry in _DESCRIPTORS.iterdir():
            try:
                target = str(entry.readlink())
            except OSError:
                continue  # This descriptor was used to list the directory and is closed now.
            if below is None or target.startswith(str(below)):
                found.add(f"{entry.name} → {target}")
    return found


def check_nothing_left(directory: Path) -> None:
    """Check that no task, thread or open file of a download is left.

    Raises:
        BrokenPromiseError: A task, a thread or an open file is left.
    """
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
    """Return the record in a journal, or None if the journal is invalid."""
    text = path.read_bytes()
    try:
        first = json.loads(text.partition(b"\n")[0])
    except ValueError:
        return None
    return journal.read(text, first["artifact"], first["digest"], boot_id())


class PartFiles:
    """The part files in a directory, from which a download can resume.

    Attributes:
        files: All part files and journals.
        records: The content of each valid journal, by part file.
        spans: The byte ranges that each valid journal lists, by part file.
        total: Number of bytes in all of these ranges.
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

    def false_records(self, payloads: Sequence[bytes]) -> list[tuple[Path, Record]]:
        """Return the records that list bytes which are wrong on disk.

        Args:
            payloads: The payloads that the artifact has had. Bytes are wrong if they match none.
        """
        return [
            (part, record)
            for part, record in self.records.items()
            if not any(_matches(part.read_bytes(), record, payload) for payload in payloads)
        ]


def _matches(data: bytes, record: Record, payload: bytes) -> bool:
    return all(data[slice(*span)] == payload[slice(*span)] for span in record.spans)


def covers(outer: Iterable[tuple[int, int]], inner: Iterable[tuple[int, int]]) -> bool:
    """Return True if the ranges in `outer` contain all bytes of those in `inner`."""
    return RangeSet([*outer, *inner]).total == RangeSet(outer).total


@contextmanager
def unraisable_errors() -> Iterator[list[str]]:
    """Collect warnings, and exceptions that Python only prints, with "Exception ignored in"."""
    messages: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda lost: messages.append(f"{lost.err_msg}: {lost.exc_value!r}")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield messages
            gc.collect()
        messages += [str(warning.message) for warning in caught]
    finally:
        sys.unraisablehook = hook
