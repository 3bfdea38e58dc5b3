"""A fake GitHub API and blob store that delays each response but needs little CPU time for it.

`FakeGitHub` checks requests strictly and is slow. Where a client's own speed is measured, the
server must not be the bottleneck. Run as a program, this module prints its URL and serves until its
standard input is closed.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from urllib.parse import parse_qs, urlsplit

HEAD = "HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: %s\r\n%s\r\n"
RUN = (
    '{"id": 2332938, "repository_id": 1296269, "head_repository_id": 1296269, '
    '"head_branch": "main", "head_sha": "328faa0536e6fef19753d9d91dc96a9931694ce3"}'
)
ARTIFACT = (
    '{"id": %d, "node_id": "MDg6QXJ0aWZhY3Q%d", "name": "dist", "size_in_bytes": %d, '
    '"url": "%s/repos/o/r/actions/artifacts/%d", '
    '"archive_download_url": "%s/repos/o/r/actions/artifacts/%d/zip", "expired": false, '
    '"created_at": "2026-03-10T00:33:08Z", "expires_at": "2026-06-08T00:33:08Z", '
    '"updated_at": "2026-03-10T00:33:08Z", "digest": "%s", "workflow_run": ' + RUN + "}"
)


class LatencyServer(asyncio.Protocol):
    """The server's side of a connection.

    Args:
        count: Number of artifacts. Their ids are 1 to `count`.
        size: Size of each payload in bytes.
        latency: Seconds to wait before each response.
    """

    def __init__(self, count: int, size: int, latency: float) -> None:
        self._count = count
        self._latency = latency
        self._payload = bytes(size)
        self._digest = f"sha256:{hashlib.sha256(self._payload).hexdigest()}"
        self._loop = asyncio.get_running_loop()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport and the server's URL."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._url = "http://{}:{}".format(*transport.get_extra_info("sockname"))

    def data_received(self, data: bytes) -> None:
        """Schedule a response to each complete request."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            unchanged = b'\r\nif-none-match: w/"1"' in head.lower()
            if self._latency:
                self._loop.call_later(self._latency, self._respond, target, unchanged)
            else:
                self._respond(target, unchanged)

    def _respond(self, target: str, unchanged: bool) -> None:
        if self._transport.is_closing():
            return
        path = urlsplit(target).path
        number = path.rpartition("/")[2]
        if path.startswith("/blob/"):
            text = HEAD % ("200 OK", len(self._payload), "application/zip", 'ETag: "x"\r\n')
            self._transport.write(text.encode() + self._payload)
        elif path.endswith("/zip"):
            number = path.split("/")[-2]
            location = f"Location: {self._url}/blob/{number}.zip?sig=x\r\n"
            self._transport.write((HEAD % ("302 Found", 0, "text/plain", location)).encode())
        elif unchanged:
            self._transport.write(b'HTTP/1.1 304 Not Modified\r\nETag: W/"1"\r\n\r\n')
        elif number.isdecimal():
            body = self._artifact(int(number))
            text = HEAD % ("200 OK", len(body), "application/json", 'ETag: W/"1"\r\n')
            self._transport.write((text + body).encode())
        else:
            query = parse_qs(urlsplit(target).query)
            page, per_page = (int(query.get(name, ["1"])[0]) for name in ("page", "per_page"))
            self._transport.write(self._page(page, per_page))

    def _page(self, number: int, size: int) -> bytes:
        newest = self._count - size * (number - 1)
        ids = range(newest, max(0, newest - size), -1)
        artifacts = ", ".join(self._artifact(one) for one in ids)
        body = f'{{"total_count": {self._count}, "artifacts": [{artifacts}]}}'
        query = f"page={number + 1}&per_page={size}"
        following = f"<{self._url}/repositories/1/actions/artifacts?{query}>"
        link = f'Link: {following}; rel="next"\r\n' if newest > size else ""
        return (HEAD % ("200 OK", len(body), "application/json", link) + body).encode()

    def _artifact(self, number: int) -> str:
        size = len(self._payload)
        return ARTIFACT % (number, number, size, self._url, number, self._url, number, self._digest)


async def _serve(count: int, size: int, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: LatencyServer(count, size, latency), "127.0.0.1", 0)
    async with server:
        print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
