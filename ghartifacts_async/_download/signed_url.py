"""The signed URL of a download: requested from GitHub, shared by its connections, and renewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.transport import Transport

LIFETIME = 50.0
"""Seconds for which a URL is used. It is valid for 60, which begin before it arrives."""


class SignedUrlProvider:
    """A signed URL for all connections of one download.

    Args:
        api: Client of GitHub's API.
        transport: Owner of the connection pool.
        call: API call that redirects to the payload.

    Attributes:
        issued: Number of URLs that GitHub has issued.
    """

    def __init__(self, api: ApiClient, transport: Transport, call: ApiCall[SignedUrl]) -> None:
        self._api = api
        self._transport = transport
        self._call = call
        self._url: SignedUrl | None = None
        self._expires_at = 0.0
        # A lock and not a task: if the renewing connection is cancelled, the next one renews.
        self._renewing = asyncio.Lock()
        self.issued: int = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[tuple[SignedUrl, bool]]:
        """Acquire a connection of the pool, with a URL that is valid now.

        A URL is requested only once a connection is free, so that it does not age while waiting;
        and no connection is held while another one renews the URL.

        Yields:
            The URL, and whether it was issued for this connection.

        Raises:
            GitHubError: GitHub refuses.
            RedirectRefused: GitHub names no target, or an insecure one.
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
        """Request another URL next time, because the store refuses this one."""
        if url is self._url:
            self._url = None

    def _valid_url(self) -> SignedUrl | None:
        """Return the cached URL, or None if it has expired."""
        expired = asyncio.get_running_loop().time() >= self._expires_at
        return None if expired else self._url
