"""Requests that the server holds back until a test releases them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghartifacts_async.testing._shared.messages import Request, RequestMatcher


class _Hold:
    """A `holding` block, which may be in another thread than the server."""

    def __init__(self, matches: RequestMatcher) -> None:
        self.matches = matches
        self._released = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def wait_until_released(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._released.wait()

    def release(self) -> None:
        if self._loop is None or self._loop is _running_loop():
            self._released.set()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._released.set)


class HeldRequests:
    """The `holding` blocks that are active for one origin."""

    def __init__(self) -> None:
        self._holds: list[_Hold] = []

    @contextmanager
    def holding(self, matches: RequestMatcher) -> Iterator[None]:
        """Hold back the matching requests that arrive during the block until it ends."""
        hold = _Hold(matches)
        self._holds.append(hold)
        try:
            yield
        finally:
            self._holds.remove(hold)
            hold.release()

    async def wait_until_released(self, request: Request) -> None:
        """Wait until all blocks that are active now and match the request have ended."""
        for hold in self._holds[:]:
            if hold.matches(request):
                await hold.wait_until_released()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
