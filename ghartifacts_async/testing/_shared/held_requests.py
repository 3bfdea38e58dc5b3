"""Requests that the server holds back until a test releases them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghartifacts_async.testing._shared.messages import Request, RequestMatcher


class HeldRequests:
    """The `holding` blocks that are active for one origin."""

    def __init__(self) -> None:
        self._holds: list[tuple[RequestMatcher, asyncio.Event]] = []

    @contextmanager
    def holding(self, matches: RequestMatcher) -> Iterator[None]:
        """Hold back the matching requests that arrive during the block until it ends."""
        hold = matches, asyncio.Event()
        self._holds.append(hold)
        try:
            yield
        finally:
            self._holds.remove(hold)
            hold[1].set()

    async def wait_until_released(self, request: Request) -> None:
        """Wait until all blocks that are active now and match the request have ended."""
        for matches, released in self._holds[:]:
            if matches(request):
                await released.wait()
