"""Request the signed URL of a download, share it between connections, and renew it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.transport import Transport

LIFETIME = 50.0
"""Seconds for which a signed URL is used. GitHub's URLs expire 60 seconds after they are signed."""


class SignedUrlProvider:
    """Provides a valid signed URL to all connections of one download.

    Args:
        api: Client for GitHub's API.
        transport: Transport whose connection pool the download uses.
        call: API call whose response redirects to the payload.

    Attributes:
        issued: Number of URLs that GitHub has issued for this download.
    """

    def __init__(self, api: ApiClient, transport: Transport, call: ApiCall[SignedUrl]) -> None:
        self._api = api
        self._transport = transport
        self._call = call
        self._url: SignedUrl | None = None
        self._expires_at = 0.0
        # A lock, not a shared task: if the connection that renews the URL is cancelled, the next
        # connection that waits for the lock renews it.
        self._renewing = asyncio.Lock()
        self.issued: int = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[tuple[SignedUrl, bool]]:
        """Acquire a connection from the pool, together with a URL that has not expired.

        A new URL is requested only when a connection is free, so that the URL does not expire
        during the wait for one. A task that waits while another one renews the URL does not hold
        a connection.

        Yields:
            The URL, and True if it was issued during this call.

        Raises:
            GitHubError: GitHub refuses to issue a URL.
            RedirectRefused: GitHub's response contains no URL, or an insecure one.
            TransportError: GitHub cannot be reached.
        """
        permit = self._transport.pool.permit(keeps=True)
        is_new = False
        try:
            while True:
                if self._valid_url() is not None:
                    await permit.acquire()
                    if (url := self._valid_url()) is not None:
                        break
                    permit.release()
                async with self._renewing:
                    if self._valid_url() is None:
                        url = self._url = await self._api.call(self._call, permit)
                        self._expires_at = asyncio.get_running_loop().time() + LIFETIME
                        self.issued += 1
                        is_new = True
                        break
            yield url, is_new
        finally:
            permit.release()

    def invalidate(self, url: SignedUrl) -> None:
        """Stop using a URL that the store has refused, so that the next call requests a new one."""
        if url is self._url:
            self._url = None

    def _valid_url(self) -> SignedUrl | None:
        """Return the cached URL, or None if there is none or it has expired."""
        expired = asyncio.get_running_loop().time() >= self._expires_at
        return None if expired else self._url
