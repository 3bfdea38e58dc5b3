"""The child process that runs the servers of a scenario: FakeGitHub and, if requested, nginx.

Its command-line argument is a JSON object, the options of `serve`. It prints a JSON object with the
URL and the token. For each line on its standard input, it prints the number of requests and of
payload bytes since the previous line. It exits when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ghartifacts_async.testing import FakeGitHub
from tests.stores.base import ProgramMissingError
from tests.stores.nginx import Nginx

REPOSITORY = "octo-org/octo-docs"


async def serve(options: dict[str, Any]) -> None:
    """Serve one artifact until standard input is closed.

    Args:
        options: The arguments of `benchmarks._servers.github`, by name.
    """
    payload = Path(options["payload"])
    with ExitStack() as stack:
        store, note = None, "The bytes come from FakeGitHub."
        if options["nginx"]:
            try:
                store = stack.enter_context(Nginx(limit_rate=options["rate"], tls=options["tls"]))
            except ProgramMissingError as missing:
                if options["tls"] or options["rate"]:
                    print(json.dumps({"skipped": str(missing)}), flush=True)
                    return
                note = f"{note[:-1]}: {missing}."
            else:
                await store.put("blob.zip", payload)
                note = "The bytes come from nginx."
        async with FakeGitHub(limits=None, latency=options["latency"]) as fake:
            location = None if store is None else lambda _: store.signed_url("blob.zip")
            fake.add_artifact(REPOSITORY, "dist", payload, location=location, run_id=2332938)
            relay = await asyncio.start_server(Relay(fake.url), "127.0.0.1", 0)
            host, port = relay.sockets[0].getsockname()
            ca = str(store.ca) if store is not None and store.ca is not None else ""
            server = {"url": fake.url, "token": fake.token, "ca": ca, "relay": f"{host}:{port}"}
            print(json.dumps({**server, "note": note}), flush=True)
            async with relay:
                while await asyncio.to_thread(sys.stdin.readline):
                    await fake.wait_until_idle()
                    blob = fake.requests_to("blob")
                    moved = sum(request.bytes_sent or 0 for request in blob)
                    counts = {"api": len(fake.requests_to("api")), "blob": len(blob)}
                    fake.clear_requests()
                    print(json.dumps({**counts, "bytes": moved}), flush=True)


class Relay:
    """An HTTP proxy between ``gh`` and FakeGitHub.

    It is needed because ``gh`` uses plain http for no other host than ``api.github.localhost``.

    Args:
        url: The URL of FakeGitHub.
    """

    def __init__(self, url: str) -> None:
        self._url = url.encode()
        self._host, _, port = url.rpartition("/")[2].partition(":")
        self._port = int(port)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one request. In the response, replace FakeGitHub's URL by that of gh's host."""
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.split(b" ")
        path = b"/" + target.split(b"/", 3)[3]
        answer, request = await asyncio.open_connection(self._host, self._port)
        request.write(b" ".join([method, path, version]) + b"\r\nConnection: close\r\n" + rest)
        head, _, body = (await answer.read()).partition(b"\r\n\r\n")
        body = body.replace(self._url, b"http://api.github.localhost")
        length = b"Content-Length: %d" % len(body)
        writer.write(re.sub(rb"(?i)content-length: \d+", length, head) + b"\r\n\r\n" + body)
        request.close()
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
