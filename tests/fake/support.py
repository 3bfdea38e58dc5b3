"""What the tests of the fake have in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

REPOSITORY = "octo-org/octo-docs"
LIST = f"/repos/{REPOSITORY}/actions/artifacts"

Ask = Callable[..., Awaitable["Answer"]]
Signed = Callable[[int], Awaitable[str]]


@attrs.frozen
class Answer:
    """An answer that has been read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def until(true: Callable[[], object]) -> None:
    """Give way until it is true, for some seconds at most."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what the server counts has no event
            await asyncio.sleep(0)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        return self.time
