"""Jobs side by side, each in a copy of the project."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def work_through(
    items: Iterable[Item], work: Callable[[Path, Item, Event], Value], copies: Sequence[Path]
) -> Iterator[Value]:
    """Yield what the work returns for items as it completes, with one job in each copy.

    Args:
        items: The items, which are started in this order.
        work: Is called with a free copy, the item and an event. When the event is set it has to
            end soon, and its result is dropped.
        copies: The copies of the project.
    """
    free: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)
    stop = Event()

    def job(item: Item) -> Value:
        copy = free.get()
        try:
            return work(copy, item, stop)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as threads:
        try:
            for completed in as_completed([threads.submit(job, item) for item in items]):
                yield completed.result()
        finally:
            stop.set()
            threads.shutdown(wait=False, cancel_futures=True)
