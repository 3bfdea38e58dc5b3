"""`ServerThread`: an event loop in a thread of its own, for tests without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class ServerThread:
    """An event loop that runs in a thread until it is stopped."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="fake-github", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine in the thread, and return its result.

        Args:
            work: The coroutine.
            timeout: Seconds to wait for the result; None means no limit.

        Raises:
            TimeoutError: The coroutine did not end within `timeout`.
        """
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the thread, and do not wait for it."""
        self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """Stop the loop, and wait until its thread has ended."""
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
