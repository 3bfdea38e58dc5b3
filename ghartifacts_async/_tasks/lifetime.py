"""From a client's opening to its closing: what is still at work then ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

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
        self._works: dict[asyncio.Task[Any] | None, asyncio.Timeout] = {}
        self._over = False

    def work(self) -> AbstractAsyncContextManager[None]:
        """Do something, in one task, that does not outlive it, whatever it waits for.

        Work within the work of a task ends as that does.

        Raises:
            ClientStateError: It is over, or was meanwhile.
        """
        if self._over:
            raise ClientStateError(f"{self._whose} is closed")
        if asyncio.current_task() in self._works:
            return nullcontext()
        return self._until_closed() if self._within is None else self._until_either(self._within)

    @asynccontextmanager
    async def _until_either(self, within: Lifetime) -> AsyncIterator[None]:
        async with within.work(), self._until_closed():
            yield

    @asynccontextmanager
    async def _until_closed(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        end = asyncio.timeout(None)
        try:
            async with end:
                self._works[task] = end
                try:
                    yield
                finally:
                    self._works.pop(task, None)
                return
        except TimeoutError:
            if not end.expired():
                raise
        raise ClientStateError(f"{self._whose} was closed while it was at work")

    def close(self) -> None:
        """End all work, and let none begin."""
        self._over = True
        while self._works:
            _, end = self._works.popitem()
            end.reschedule(asyncio.get_running_loop().time())
