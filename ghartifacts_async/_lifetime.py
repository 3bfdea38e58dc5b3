"""From a client's opening to its closing: what is still at work then ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ghartifacts_async.errors import ClientStateError


class Lifetime:
    """The life of one client."""

    def __init__(self) -> None:
        self._works: set[asyncio.Timeout] = set()
        self._over = False

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Do something, in one task, that does not outlive the client, whatever it waits for.

        Raises:
            ClientStateError: The client is closed, or was meanwhile.
        """
        end = asyncio.timeout(None)
        try:
            async with end:
                if not self._over:
                    self._works.add(end)
                    try:
                        yield
                    finally:
                        self._works.discard(end)
                    return
        except TimeoutError:
            if not end.expired():
                raise
        raise ClientStateError("the client was closed while it was at work")

    def close(self) -> None:
        """End all work, and let none begin."""
        self._over = True
        while self._works:
            self._works.pop().reschedule(asyncio.get_running_loop().time())
