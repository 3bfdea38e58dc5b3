"""Locks that are created for a key, such as the path of a file, when a task needs one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, KeyedLock]] = (
    WeakKeyDictionary()
)


class KeyedLock:
    """The lock of one key, in one event loop. It exists while a task holds it or waits for it.

    Attributes:
        result: Result of the last holder, for the tasks that were waiting for it, or None.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.tasks = 0
        self.result: Any = None


@asynccontextmanager
async def keyed_lock(key: Hashable) -> AsyncIterator[KeyedLock]:
    """Hold the lock of a key in this event loop. Tasks get it in the order in which they wait."""
    locks = _locks.setdefault(asyncio.get_running_loop(), {})
    lock = locks.setdefault(key, KeyedLock())
    lock.tasks += 1
    try:
        async with lock.lock:
            yield lock
    finally:
        lock.tasks -= 1
        if not lock.tasks:
            del locks[key]


def is_locked(key: Hashable) -> bool:
    """Return True if a task of this event loop holds the lock of this key or waits for it."""
    return key in _locks.get(asyncio.get_running_loop(), {})
