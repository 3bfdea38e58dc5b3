"""How long a body is waited for."""

from __future__ import annotations

import asyncio

import pytest

from ghartifacts_async._http.stall_timeout import SLOW_BYTES, StallTimeout
from tests.clock import fast

STALL = 30.0


@fast
async def test_silence_is_given_up_when_its_time_is_over() -> None:
    """A read is ended when it has waited as long as it may, however late it began."""
    loop, given_up = asyncio.get_running_loop(), list[float]()
    watch = StallTimeout(STALL, lambda: given_up.append(loop.time()))
    await asyncio.sleep(100.5)
    assert not given_up, "nobody waited"
    watch.start_read()
    await asyncio.sleep(STALL - 1)
    assert watch.end_read(1) is None
    watch.start_read()
    began = loop.time()
    await asyncio.sleep(STALL + 1)
    assert [moment - began for moment in given_up] == [pytest.approx(STALL, abs=1e-3)]
    watch.close()


@fast
async def test_a_drip_is_told_after_a_minute_of_waiting() -> None:
    """Too few bytes in a minute of waiting are told of; those of a slow reader never are."""
    watch = StallTimeout(STALL, lambda: None)

    async def piece(seconds: float, count: int) -> int | None:
        watch.start_read()
        await asyncio.sleep(seconds)
        return watch.end_read(count)

    for _ in range(5):
        assert await piece(10, 10) is None
        await asyncio.sleep(3600)
    assert await piece(10, 10) == 60
    assert await piece(59, 10) is None
    assert await piece(1, SLOW_BYTES) is None
    watch.close()
