"""The log of what reached the server, for tests to assert on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Self

import attrs

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from ghartifacts_async.testing._shared.messages import Request

Origin = Literal["api", "blob"]


@attrs.frozen(hash=False)
class LoggedRequest:
    """One request that reached the server, with what became of it so far.

    Attributes:
        origin: `"api"` or `"blob"`.
        method: The method, in capitals.
        target: Path and query exactly as sent, escapes untouched.
        path: The path with its escapes resolved.
        query: The query with its escapes resolved; of a repeated parameter, the last.
        headers: The headers as sent; look-ups do not mind the case of a name.
        body: The body as sent.
        status: The status sent; None while there is none, or where a fault sent none.
        bytes_sent: Bytes of the body handed to the system; None while they flow, or where
            closing the server cut them off. `FakeGitHub.settled` waits for it. Where a fault
            stalls, they no longer flow.
    """

    origin: Origin
    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: CIMultiDictProxy[str]
    body: bytes
    status: int | None
    bytes_sent: int | None

    @classmethod
    def of(
        cls,
        origin: Origin,
        request: Request,
        status: int | None = None,
        bytes_sent: int | None = None,
    ) -> Self:
        """Describe a request that arrived at one of the origins."""
        return cls(
            origin=origin,
            method=request.method,
            target=request.target,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            status=status,
            bytes_sent=bytes_sent,
        )


@attrs.define(eq=False)
class Entry:
    """The log's own record of a request, filled in while it is answered."""

    origin: Origin
    request: Request
    status: int | None = None
    bytes_sent: int | None = None

    def snapshot(self) -> LoggedRequest:
        """Return what is known now."""
        return LoggedRequest.of(self.origin, self.request, self.status, self.bytes_sent)


class RequestLog:
    """Entries in order of arrival, and a count of those still being answered."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._under_way = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def arrived(self, origin: Origin, request: Request) -> Entry:
        """Enter a request before anything is decided about it."""
        entry = Entry(origin, request)
        self._entries.append(entry)
        self._under_way += 1
        self._settled.clear()
        return entry

    def finished(self) -> None:
        """Say that one of the requests under way is over, well or not."""
        self._under_way -= 1
        if not self._under_way:
            self._settled.set()

    def requests(self, origin: Origin | None = None) -> list[LoggedRequest]:
        """Return the requests so far, of one origin or of both."""
        return [entry.snapshot() for entry in self._entries if origin in (None, entry.origin)]

    def clear(self) -> None:
        """Forget the requests so far."""
        self._entries.clear()

    async def settled(self) -> None:
        """Wait until no request is being answered."""
        await self._settled.wait()
