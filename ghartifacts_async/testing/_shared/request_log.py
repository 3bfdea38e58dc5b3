"""The log of the requests that reached the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Self

import attrs

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from ghartifacts_async.testing._shared.messages import Request

OriginName = Literal["api", "blob"]


@attrs.frozen(hash=False)
class LoggedRequest:
    """A request that reached the server, and the state of its response.

    Attributes:
        origin: `"api"` or `"blob"`.
        method: The method, in capitals.
        target: Path and query exactly as sent, percent-encoding untouched.
        path: The path, percent-decoded.
        query: The query, percent-decoded. If a parameter is repeated, its last value counts.
        headers: The headers as sent; look-ups ignore case.
        body: The body as sent.
        status: The status of the response. None if the request has just arrived, or if a fault
            dropped the connection before the response.
        bytes_sent: The number of bytes of the response body that were handed to the operating
            system. None while the body is being sent, and if closing the server interrupted it.
            The number is final after `await fake.wait_until_idle()`, or as soon as the response
            stalls.
    """

    origin: OriginName
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
        origin: OriginName,
        request: Request,
        status: int | None = None,
        bytes_sent: int | None = None,
    ) -> Self:
        """Create a `LoggedRequest` from a request to one of the origins."""
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
class LogEntry:
    """The mutable record of a request, from which `LoggedRequest` snapshots are created."""

    origin: OriginName
    request: Request
    status: int | None = None
    bytes_sent: int | None = None

    def snapshot(self) -> LoggedRequest:
        """Return the current state as a `LoggedRequest`."""
        return LoggedRequest.of(self.origin, self.request, self.status, self.bytes_sent)


class RequestLog:
    """All requests in order of arrival, and the number of unfinished requests."""

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []
        self._unfinished = 0
        self._all_finished = asyncio.Event()
        self._all_finished.set()

    def start_request(self, origin: OriginName, request: Request) -> LogEntry:
        """Add a request that has just arrived, and return its entry."""
        entry = LogEntry(origin, request)
        self._entries.append(entry)
        self._unfinished += 1
        self._all_finished.clear()
        return entry

    def finish_request(self) -> None:
        """Count one request as finished, whether it succeeded or failed."""
        self._unfinished -= 1
        if not self._unfinished:
            self._all_finished.set()

    def requests(self, origin: OriginName | None = None) -> list[LoggedRequest]:
        """Return the requests to one origin, or to both if `origin` is None."""
        return [entry.snapshot() for entry in self._entries if origin in (None, entry.origin)]

    def clear(self) -> None:
        """Delete all entries."""
        self._entries.clear()

    async def wait_all_finished(self) -> None:
        """Wait until no request is in progress."""
        await self._all_finished.wait()
