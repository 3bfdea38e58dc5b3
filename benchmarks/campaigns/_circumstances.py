"""Circumstances of a fault campaign: small pieces, a full disk, and an ear for warnings."""

from __future__ import annotations

import errno
import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from benchmarks.campaigns._schedules import Schedule
from ghartifacts_async._disk import file_io, hasher, threads
from ghartifacts_async._download import ranges


@contextmanager
def pieces(schedule: Schedule) -> Iterator[None]:
    """Cut a small payload into as many pieces as a large one."""
    if schedule.pieces is None:
        yield
        return
    piece = max(16, schedule.size // schedule.pieces)
    with (
        mock.patch.multiple(
            ranges,
            BYTES_PER_CONNECTION=piece,
            _MAX_SEGMENT=4 * piece,
            _MIN_SEGMENT=piece,
            _MIN_STOLEN_SHARE=max(1, piece // 16),
        ),
        mock.patch.multiple(threads, _MAX_BATCH=piece // 2, _MIN_BATCH=piece // 8),
        mock.patch.object(hasher, "_MIN_FOLLOW_BYTES", piece),
    ):
        yield


@contextmanager
def full_disk(batches: int | None) -> Iterator[list[int]]:
    """Let the disk be full after so many batches; the sizes of those that it did not take."""
    plain, written, refused = file_io.RandomFile.write, itertools.count(), list[int]()

    def write(file: file_io.RandomFile, offset: int, chunks: Sequence[bytes]) -> None:
        if batches is not None and next(written) >= batches:
            refused.append(sum(map(len, chunks)))
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(file, offset, chunks)

    with mock.patch.object(file_io.RandomFile, "write", write):
        yield refused


@contextmanager
def starting_over() -> Iterator[list[str]]:
    """The warnings of downloads that threw away what they had."""
    told: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    logger, handler = logging.getLogger("ghartifacts_async"), Handler(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield told
    finally:
        logger.removeHandler(handler)
