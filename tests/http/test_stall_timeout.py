"""Stalled and slow response bodies are detected."""

from __future__ import annotations

import asyncio

import pytest

from ghartifacts_async._http.stall_timeout import SLOW_BYTES, StallTimeout
from tests.clock import fast

STALL = 30.0


@fast
async def test_a_stalled_read_times_out() -> None:
    """A read times out after `stall` seconds, counted from the start of that read."""
    loop, timeouts = asyncio.get_running_loop(), list[float]()
    watch = StallTimeout(STALL, lambda: timeouts.append(loop.time()))
    await asyncio.sleep(100.5)
    assert not timeouts, "no read was waiting"
    watch.start_read()
    await asyncio.sleep(STALL - 1)
    assert watch.end_read(1) is None
    watch.start_read()
    started_at = loop.time()
    await asyncio.sleep(STALL + 1)
    assert [moment - started_at for moment in timeouts] == [pytest.approx(STALL, abs=1e-3)]
    watch.close()


@fast
async def test_a_slow_body_is_reported_after_a_minute_of_waiting() -> None:
    """A body that sends too few bytes per minute is reported. Time between reads does not count."""
    watch = StallTimeout(STALL, lambda: None)

    async def read_chunk(seconds: float, count: int) -> int | None:
        watch.start_read()
        await asyncio.sleep(seconds)
        return watch.end_read(count)

    for _ in range(5):
        assert await read_chunk(10, 10) is None
        await asyncio.sleep(3600)
    assert await read_chunk(10, 10) == 60
    assert await read_chunk(59, 10) is None
    assert await read_chunk(1, SLOW_BYTES) is None
    watch.close()
