"""A loop whose clock jumps: where nothing is to be done before a timer, it is that time already.

Client and server share the loop, and loopback delivers at once, so that nothing can be on its way
while the loop is idle, except what threads do: for those it waits in real time.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

EPOCH = 1_800_000_000.0
"""When a loop's time 0 is, in seconds since the epoch."""

_GRACE = 0.0002
_TURN = 1e-6
_THREADS_LOOKED_AFTER = 0.05

P = ParamSpec("P")


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop that skips the time in which nothing happens."""

    def __init__(self) -> None:
        self.now = 0.0
        self.threads = 0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        """Seconds since the loop was made, skipped ones included."""
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """As ever; the clock stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1

        def done(_: object) -> None:
            self.threads -= 1

        future.add_done_callback(done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - theirs
        """As ever, however long it takes: the time until it gives up is no real one."""
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
        # Time does not stand still: whoever waits for a rounding error would wait for ever.
        self._loop.now += _TURN
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.threads:
            return super().select(min(timeout, _THREADS_LOOKED_AFTER))
        if ready := super().select(0):
            return ready
        time.sleep(_GRACE)
        if ready := super().select(0):
            return ready
        self._loop.now += timeout
        return []


def wall() -> float:
    """Seconds since the epoch by the running loop's clock: the `now` of a FakeGitHub."""
    return EPOCH + asyncio.get_running_loop().time()


def fast(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make an async test a sync one that runs on a `FastLoop`."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=FastLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
