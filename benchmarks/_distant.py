"""A GitHub and a store that are far away: every answer takes its time, and none costs much.

`FakeGitHub` is as strict as the real one, and as busy; where a client's own pace is measured, the
server must not be what is waited for. Run as a child, it prints its URL and serves until its input
ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from urllib.parse import parse_qs, urlsplit

HEAD = "HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: %s\r\n%s\r\n"


class Distant(asyncio.Protocol):
    """One connection.

    Args:
        count: How many artifacts there are, with ids from 1 on.
        size: Bytes of each.
        latency: Seconds that an answer takes.
    """

    def __init__(self, count: int, size: int, latency: float) -> None:
        self._count = count
        self._latency = latency
        self._payload = bytes(size)
        self._digest = f"sha256:{hashlib.sha256(self._payload).hexdigest()}"
        self._loop = asyncio.get_running_loop()
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._url = "http://{}:{}".format(*transport.get_extra_info("sockname"))

    def data_received(self, data: bytes) -> None:
        """Answer each request, later."""
        self._heard += data
        while b"\r\n\r\n" in self._heard:
            head, _, self._heard = self._heard.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            self._loop.call_later(self._latency, self._answer, target)

    def _answer(self, target: str) -> None:
        if self._transport.is_closing():
            return
        path = urlsplit(target).path
        if path.startswith("/blob/"):
            text = HEAD % ("200 OK", len(self._payload), "application/zip", 'ETag: "x"\r\n')
            self._transport.write(text.encode() + self._payload)
        elif path.endswith("/zip"):
            number = path.split("/")[-2]
            location = f"Location: {self._url}/blob/{number}.zip?sig=x\r\n"
            self._transport.write((HEAD % ("302 Found", 0, "text/plain", location)).encode())
        else:
            asked = parse_qs(urlsplit(target).query)
            body = self._page(int(asked["page"][0]) if "page" in asked else 1)
            self._transport.write((HEAD % ("200 OK", len(body), "application/json", "")).encode())
            self._transport.write(body)

    def _page(self, number: int) -> bytes:
        ids = range(self._count - 100 * (number - 1), max(0, self._count - 100 * number), -1)
        artifacts = [
            {
                "id": one,
                "node_id": f"node-{one}",
                "name": "dist",
                "size_in_bytes": len(self._payload),
                "url": f"{self._url}/repos/o/r/actions/artifacts/{one}",
                "archive_download_url": f"{self._url}/repos/o/r/actions/artifacts/{one}/zip",
                "expired": False,
                "created_at": "2026-03-10T00:00:00Z",
                "digest": self._digest,
            }
            for one in ids
        ]
        return json.dumps({"total_count": self._count, "artifacts": artifacts}).encode()


async def _serve(count: int, size: int, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Distant(count, size, latency), "127.0.0.1", 0)
    async with server:
        print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
