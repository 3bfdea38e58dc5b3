"""What the tests of bulk work have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import ghartifacts_async

_PACKAGE = Path(ghartifacts_async.__file__).parent


def at_work() -> list[str]:
    """Tasks of the library, the fake's not, that have not ended."""
    code = {task: getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()}
    return [
        repr(task)
        for task, one in code.items()
        if one is not None and Path(one.co_filename).parent == _PACKAGE
    ]


async def until(it_is_so: Callable[[], bool]) -> None:
    """Wait for something that another task, or a server, is about to do."""
    async with asyncio.timeout(20):
        while not it_is_so():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
