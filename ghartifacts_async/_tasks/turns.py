"""Tasks that use the same thing, such as a file, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Queue]] = WeakKeyDictionary()


class Queue:
    """The tasks of one event loop that use the same thing or wait for it.

    Attributes:
        result: Result of the last task, for the tasks that were waiting for it, or None.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.tasks = 0
        self.result: Any = None


@asynccontextmanager
async def turn(key: Hashable) -> AsyncIterator[Queue]:
    """Wait until no other task of this event loop is in a block with the same key.

    The tasks take turns in the order in which they began to wait.
    """
    queues = _queues.setdefault(asyncio.get_running_loop(), {})
    queue = queues.setdefault(key, Queue())
    queue.tasks += 1
    try:
        async with queue.lock:
            yield queue
    finally:
        queue.tasks -= 1
        if not queue.tasks:
            del queues[key]


def is_taken(key: Hashable) -> bool:
    """Return True if a task of this event loop is in a block with this key."""
    return key in _queues.get(asyncio.get_running_loop(), {})
