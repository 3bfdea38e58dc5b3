"""From a client's opening to its closing: what is still at work then ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ghartifacts_async.errors import ClientStateError


class Lifetime:
    """The life of one client, or of something that it has opened.

    Args:
        whose: Of what, for errors.
        within: One that ends this one too.
    """

    def __init__(self, whose: str = "the client", within: Lifetime | None = None) -> None:
        self._whose = whose
        self._within = within
        self._works: set[asyncio.Timeout] = set()
        self._over = False

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Do something, in one task, that does not outlive it, whatever it waits for.

        Raises:
            ClientStateError: It is over, or was meanwhile.
        """
        if self._within is None:
            async with self._until_closed():
                yield
        else:
            async with self._within.work(), self._until_closed():
                yield

    @asynccontextmanager
    async def _until_closed(self) -> AsyncIterator[None]:
        if self._over:
            raise ClientStateError(f"{self._whose} is closed")
        end = asyncio.timeout(None)
        try:
            async with end:
                self._works.add(end)
                try:
                    yield
                finally:
                    self._works.discard(end)
                return
        except TimeoutError:
            if not end.expired():
                raise
        raise ClientStateError(f"{self._whose} was closed while it was at work")

    def close(self) -> None:
        """End all work, and let none begin."""
        self._over = True
        while self._works:
            self._works.pop().reschedule(asyncio.get_running_loop().time())
