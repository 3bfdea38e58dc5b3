"""Which requests a test means, and holding them."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghartifacts_async.testing._shared.messages import Request


@attrs.frozen
class Match:
    """Which requests are meant: of one method, with one pattern found in the path, or all."""

    method: str | None
    path: re.Pattern[str] | None

    @classmethod
    def of(cls, method: str | None, path: str | None) -> Self:
        """Read both as a test gives them."""
        return cls(method and method.upper(), None if path is None else re.compile(path))

    def __call__(self, request: Request) -> bool:
        """Tell whether a request is meant."""
        if self.method is not None and request.method != self.method:
            return False
        return self.path is None or self.path.search(request.path) is not None


class Holds:
    """Requests that wait until a test lets them go."""

    def __init__(self) -> None:
        self._holds: list[tuple[Match, asyncio.Event]] = []

    @contextmanager
    def holding(self, match: Match) -> Iterator[None]:
        """Hold the requests that are meant and arrive within, until its end."""
        hold = match, asyncio.Event()
        self._holds.append(hold)
        try:
            yield
        finally:
            self._holds.remove(hold)
            hold[1].set()

    async def passed(self, request: Request) -> None:
        """Wait until nothing holds a request that has arrived now."""
        for match, over in self._holds[:]:
            if match(request):
                await over.wait()
