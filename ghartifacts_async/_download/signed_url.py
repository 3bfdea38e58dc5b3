"""The signed URL of a download: asked for, shared while it is good, and renewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.transport import Transport

GOOD_FOR = 50.0
"""Seconds for which a URL is used, of its 60: it is signed before it arrives, and used after."""


class SignedUrlProvider:
    """A signed URL for all connections of one download.

    Args:
        api: Makes the call.
        transport: Whose connections they are.
        call: For the redirect to the payload.
    """

    def __init__(self, api: ApiClient, transport: Transport, call: ApiCall[SignedUrl]) -> None:
        self._api = api
        self._transport = transport
        self._call = call
        self._url: SignedUrl | None = None
        self._ends_at = 0.0
        # A lock and not a task: whoever is cancelled while renewing leaves it to the next.
        self._renewing = asyncio.Lock()
        self.taken: int = 0
        """How many URLs GitHub gave."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[SignedUrl, bool]]:
        """A connection of the pool, and a URL that is good to be asked for on it now.

        With it comes whether it was signed for this connection.

        Nobody waits for a connection with a URL that ages, nor for GitHub with a connection that
        others could use.

        Raises:
            GitHubError: GitHub says no.
            RedirectRefused: It names no target, or an insecure one.
            TransportError: It does not answer.
        """
        permit = self._transport.pool.permit(keeps=True)
        is_new = False
        try:
            while True:
                if self._good() is not None:
                    await permit.acquire()
                    if (url := self._good()) is not None:
                        break
                    permit.release()
                async with self._renewing:
                    if self._good() is None:
                        url = self._url = await self._api.call(self._call, permit)
                        self._ends_at = asyncio.get_running_loop().time() + GOOD_FOR
                        self.taken += 1
                        is_new = True
                        break
            yield url, is_new
        finally:
            permit.release()

    def refused(self, url: SignedUrl) -> None:
        """The store does not take this one: the next is another."""
        if url is self._url:
            self._url = None

    def _good(self) -> SignedUrl | None:
        """The URL, if there is one that is."""
        aged = asyncio.get_running_loop().time() >= self._ends_at
        return None if aged else self._url
