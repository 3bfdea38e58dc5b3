"""A blob store whose responses a test composes byte by byte, for stores that differ from Azure."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from attrs import define, field

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@define
class StoreRequest:
    """A request to the store.

    Attributes:
        number: Number of the request, from 1.
        headers: Headers by lower-case name.
        span: First offset and the offset after the last one, or None without ``Range``.
        target: Path and query.
    """

    number: int
    headers: dict[str, str]
    span: tuple[int, int] | None
    target: str = ""


@define
class StoreResponse:
    """A response of the store.

    Attributes:
        status: Status line without the version.
        headers: Header lines; Content-Length or Transfer-Encoding is added.
        body: Body.
        closes_after: Close the connection after this many bytes of the body; None sends all.
        chunked: Send the body with chunked encoding.
        delay: Seconds before the response.
    """

    status: str
    headers: list[str] = field(factory=list)
    body: bytes = b""
    closes_after: int | None = None
    chunked: bool = False
    delay: float = 0.0


Respond = Callable[[StoreRequest], StoreResponse]


@define
class RangeStore:
    """A running store.

    Attributes:
        url: URL of its blob.
        requests: Requests received so far.
        sent: Number of body bytes sent so far.
    """

    url: str = ""
    requests: list[StoreRequest] = field(factory=list)
    sent: int = 0


def serve(
    payload: bytes,
    request: StoreRequest,
    *,
    etag: str = '"e"',
    total: str | None = None,
    unit: str = "bytes",
    limit: int | None = None,
    extra: tuple[str, ...] = (),
) -> StoreResponse:
    """Respond as RFC 9110 allows.

    Args:
        payload: The blob.
        request: The request.
        etag: Value of ETag.
        total: Complete length in Content-Range; None for the real one.
        unit: Range unit in Content-Range.
        limit: Most bytes of a 206.
        extra: Further header lines.
    """
    headers = ["Accept-Ranges: bytes", f"ETag: {etag}", *extra]
    if request.span is None:
        return StoreResponse("200 OK", headers, payload)
    start, stop = request.span
    stop = min(stop, len(payload), start + (limit or len(payload)))
    size = str(len(payload)) if total is None else total
    headers.append(f"Content-Range: {unit} {start}-{stop - 1}/{size}")
    return StoreResponse("206 Partial Content", headers, payload[start:stop])


@asynccontextmanager
async def range_store(respond: Respond) -> AsyncIterator[RangeStore]:
    """Run a store on loopback. Each connection serves one request."""
    store = RangeStore()

    async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            headers = dict(_header_lines(head))
            match = _RANGE.fullmatch(headers.get("range", ""))
            span = (int(match[1]), int(match[2]) + 1) if match else None
            target = head.decode().split(" ")[1]
            request = StoreRequest(len(store.requests) + 1, headers, span, target)
            store.requests.append(request)
            response = respond(request)
            await asyncio.sleep(response.delay)
            body = response.body[: response.closes_after]
            store.sent += len(body)
            length = f"Content-Length: {len(response.body)}"
            if response.chunked:
                length = "Transfer-Encoding: chunked"
                end = b"0\r\n\r\n" if response.closes_after is None else b""
                body = b"%x\r\n%b\r\n" % (len(body), body) + end
            lines = [f"HTTP/1.1 {response.status}", *response.headers, length, "Connection: close"]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve_connection, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        store.url = f"http://{host}:{port}/blob?sig=abc"
        yield store
    finally:
        server.close()
        await server.wait_closed()


def _header_lines(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode().split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()
