"""Conditions of a fault campaign: small segments and buffers, a full disk, and captured logs."""

from __future__ import annotations

import errno
import itertools
import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from benchmarks.campaigns._schedules import Schedule
from ghartifacts_async._disk import file_io, hasher, threads
from ghartifacts_async._download import ranges
from ghartifacts_async._http import buffered_body, streamed_response


@contextmanager
def segments(schedule: Schedule) -> Iterator[None]:
    """Reduce size limits, so that a small payload is split into as many segments as a large one."""
    if schedule.segments is None:
        yield
        return
    size = max(16, schedule.size // schedule.segments)
    with (
        mock.patch.multiple(
            ranges,
            BYTES_PER_CONNECTION=size,
            _MAX_SEGMENT=4 * size,
            _MIN_SEGMENT=size,
            _MIN_STOLEN_SHARE=max(1, size // 16),
        ),
        mock.patch.multiple(threads, _MAX_BATCH=size // 2, _MIN_BATCH=size // 8),
        mock.patch.object(hasher, "_MIN_FOLLOW_BYTES", size),
    ):
        yield


@contextmanager
def buffers(schedule: Schedule) -> Iterator[Counter[str]]:
    """Receive bodies of any length into small buffers, or let aiohttp receive all bodies.

    Yields:
        The number of bytes that were received into buffers, by the kind of connection.
    """
    received = Counter[str]()
    connection = "TLS" if schedule.tls else "plain"

    class CountedBody(buffered_body.BufferedBody):
        def buffer_updated(self, nbytes: int) -> None:
            received[connection] += nbytes
            super().buffer_updated(nbytes)

    size = schedule.buffers
    with mock.patch.object(streamed_response, "BufferedBody", CountedBody):
        if size is None:
            with mock.patch.object(streamed_response, "MIN_LENGTH", math.inf):
                yield received
        else:
            with (
                mock.patch.object(streamed_response, "MIN_LENGTH", 1),
                mock.patch.multiple(
                    buffered_body, _MAX_SIZE=size, _MIN_SIZE=size // 4, _TOTAL_BYTES=2 * size
                ),
            ):
                yield received


@contextmanager
def full_disk(batches: int | None) -> Iterator[list[int]]:
    """Make every write to a part file fail with ENOSPC, except for the first ones.

    Args:
        batches: Number of writes that succeed, of one batch of chunks each. If it is None, all
            writes succeed.

    Yields:
        A list to which the size in bytes of each batch that is not written is appended.
    """
    original_write, written, refused = file_io.RandomFile.write, itertools.count(), list[int]()

    def write(file: file_io.RandomFile, offset: int, chunks: Sequence[bytes]) -> None:
        if batches is not None and next(written) >= batches:
            refused.append(sum(map(len, chunks)))
            raise OSError(errno.ENOSPC, "No space left on device")
        original_write(file, offset, chunks)

    with mock.patch.object(file_io.RandomFile, "write", write):
        yield refused


@contextmanager
def captured(logger: str, level: int) -> Iterator[list[str]]:
    """Collect the messages of a logger from a level upwards.

    The library's warnings, for example, show that it discards partial data.
    """
    messages: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(logging.Formatter().format(record))

    handler = Handler(level)
    logging.getLogger(logger).addHandler(handler)
    try:
        yield messages
    finally:
        logging.getLogger(logger).removeHandler(handler)
