"""aioresponses for aiohttp 3.14 and later.

Use it instead of `aioresponses.aioresponses`; it takes the same arguments:

    ```python
    from ghartifacts_async.testing.aioresponses_adapter import aioresponses

    with aioresponses() as mocked:
        mocked.get("https://api.github.com/repos/octo-org/octo-docs/actions/artifacts", ...)
    ```

aioresponses 0.7.9 fails with aiohttp 3.14 in two ways (aioresponses#289): it creates responses
without the required `stream_writer`, and a body over 64 KiB makes aiohttp pause a parser that the
mocked protocol does not have. The adapter tries both, and changes aioresponses only where it fails,
only while a mock is active.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any, Self
from unittest.mock import Mock, patch

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aioresponses import core
from yarl import URL

__all__ = ["UnmockedRequest", "aioresponses"]

_PROBE = URL("http://probe")


class UnmockedRequest(AssertionError):
    """A request for which no response was registered; the message has its method and URL.

    It is not an error of aiohttp, so that clients do not repeat the request.
    """


class aioresponses(core.aioresponses):  # noqa: N801 - the name that it replaces
    """The mock of aioresponses, adapted to the installed aiohttp.

    A request without a registered response raises `UnmockedRequest` at once, unless
    `passthrough_unmatched=True` is given.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._adaptations = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start to answer the requests of aiohttp's sessions."""
        if not _works(b""):
            self._adaptations.enter_context(patch.object(core, "ClientResponse", _response))
        if not _works(bytes(1 << 20)):
            self._adaptations.enter_context(patch.object(core, "stream_reader_factory", _reader))
        super().start()

    def stop(self) -> None:
        """Stop answering requests, and restore aiohttp and aioresponses."""
        super().stop()
        self._adaptations.close()

    async def match(
        self, method: str, url: URL, allow_redirects: bool = True, **kwargs: Any
    ) -> aiohttp.ClientResponse | None:
        """Return the registered response to a request."""
        response = await super().match(method, url, allow_redirects, **kwargs)
        if response is None and not self.passthrough_unmatched:
            raise UnmockedRequest(f"no response was registered for {method} {url}")
        return response


def _works(body: bytes) -> bool:
    try:
        core.RequestMatch(str(_PROBE))._build_response(_PROBE, body=body)
    except (TypeError, AssertionError):
        return False
    return True


def _response(*arguments: Any, **options: Any) -> aiohttp.ClientResponse:
    return aiohttp.ClientResponse(*arguments, stream_writer=Mock(output_size=0), **options)


def _reader(loop: Any = None) -> aiohttp.StreamReader:
    return aiohttp.StreamReader(ResponseHandler(loop=loop), limit=sys.maxsize // 4, loop=loop)
