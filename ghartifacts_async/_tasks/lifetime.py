"""Interrupt running operations when the client or archive that they use is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from ghartifacts_async.errors import ClientStateError


class Lifetime:
    """The time from the opening to the closing of a client or archive.

    Closing it interrupts every operation that runs inside `scope`.

    Args:
        owner: What is opened and closed, for error messages.
        parent: Another lifetime. Closing it interrupts the operations of this one too.
    """

    def __init__(self, owner: str = "the client", parent: Lifetime | None = None) -> None:
        self._owner = owner
        self._parent = parent
        self._scopes: dict[asyncio.Task[Any] | None, asyncio.Timeout] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def open(self) -> None:
        """Remember the running event loop, on which all operations must run."""
        self._loop = asyncio.get_running_loop()

    def check_loop(self) -> None:
        """Check that the running event loop is the one on which the owner was opened.

        Raises:
            ClientStateError: Another event loop is running.
        """
        if self._loop is not None and asyncio.get_running_loop() is not self._loop:
            raise ClientStateError(
                f"{self._owner} was opened on another event loop; open one on each loop, or use "
                "asyncio.run_coroutine_threadsafe to run its calls on its own loop"
            )

    def scope(self) -> AbstractAsyncContextManager[None]:
        """Return an async context manager whose body is interrupted when the lifetime is closed.

        The body is interrupted at its current or next ``await``, and the context manager raises
        `ClientStateError`. If the current task is already inside a scope of this lifetime, the new
        scope has no effect; the outer one handles the interruption.

        Raises:
            ClientStateError: The lifetime is closed, or is closed while the body runs.
        """
        self.check_loop()
        if self._closed:
            raise ClientStateError(f"{self._owner} is closed")
        if asyncio.current_task() in self._scopes:
            return nullcontext()
        return self._own_scope() if self._parent is None else self._nested_scope(self._parent)

    @asynccontextmanager
    async def _nested_scope(self, parent: Lifetime) -> AsyncIterator[None]:
        async with parent.scope(), self._own_scope():
            yield

    @asynccontextmanager
    async def _own_scope(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        timeout = asyncio.timeout(None)
        try:
            async with timeout:
                self._scopes[task] = timeout
                try:
                    yield
                finally:
                    self._scopes.pop(task, None)
                return
        except TimeoutError:
            if not timeout.expired():
                raise
        raise ClientStateError(f"{self._owner} was closed before this operation finished")

    def close(self) -> None:
        """Interrupt the bodies of all scopes and refuse new scopes."""
        self._closed = True
        while self._scopes:
            _, timeout = self._scopes.popitem()
            timeout.reschedule(asyncio.get_running_loop().time())
