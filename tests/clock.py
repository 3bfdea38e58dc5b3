"""An event loop with a simulated clock, which jumps to the next timer when the loop is idle.

Client and server share the loop, and loopback sockets deliver at once, so an idle loop has no data
in transit. Only threads can still be working; the loop waits for them in real time.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

EPOCH = 1_800_000_000.0
"""The wall-clock time at loop time 0, in seconds since the epoch."""

_GRACE = 0.0002
_TURN = 1e-6
_THREAD_POLL_INTERVAL = 0.05

P = ParamSpec("P")


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop that skips idle time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.threads = 0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        """Return the seconds since the loop was created, including skipped time."""
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Run `func` in the executor; the clock does not jump until it returns."""
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1

        def done(_: object) -> None:
            self.threads -= 1

        future.add_done_callback(done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncio's signature
        """Wait for the executor's threads, without the timeout: it would end in simulated time."""
        self.threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.threads -= 1


class _Skipping(selectors.DefaultSelector):
    def __init__(self, loop: FastLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Advance the clock a little, or a timer that rounding puts just after now never fires.
        self._loop.now += _TURN
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.threads:
            return super().select(min(timeout, _THREAD_POLL_INTERVAL))
        if ready := super().select(0):
            return ready
        time.sleep(_GRACE)
        if ready := super().select(0):
            return ready
        self._loop.now += timeout
        return []


def wall() -> float:
    """Return seconds since the epoch on the running loop's clock, for `FakeGitHub(now=wall)`."""
    return EPOCH + asyncio.get_running_loop().time()


def fast(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorate an async test to run on a `FastLoop`."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=FastLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
