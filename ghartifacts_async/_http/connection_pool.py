"""The caller's session: what of it is used, and by how many at once."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from ghartifacts_async.errors import InvalidArgument


def check_borrowed(session: aiohttp.ClientSession) -> None:
    """Refuse a session that cannot serve, or whose caller expects its credentials to be sent.

    Raises:
        InvalidArgument: It is closed, or holds default credentials.
    """
    if not isinstance(session, aiohttp.ClientSession):
        kind = type(session).__name__
        raise InvalidArgument(f"session is an aiohttp.ClientSession, not of type {kind}")
    if session.closed:
        raise InvalidArgument("the session is closed")
    sent = [name for name in ("Authorization", "Cookie") if name in session.headers]
    if session.auth is not None:
        sent.append("auth")
    if sent:
        raise InvalidArgument(
            f"the session sends its {sent[0]} with every request, so also to the blob store; "
            "pass the token as auth, and a session without default credentials"
        )


class Slot:
    """The right to one connection of the pool, held while it is entered.

    One that keeps may be held beyond that, until `release`: for a request that must follow at once.
    """

    def __init__(self, slots: asyncio.Semaphore | None, keeps: bool) -> None:
        self._slots = slots
        self._keeps = keeps
        self._held = self._kept = False

    async def __aenter__(self) -> None:
        await self.acquire()

    async def acquire(self) -> None:
        """Hold it, as soon as the pool has one."""
        if not self._held and self._slots is not None:
            await self._slots.acquire()
        self._held, self._kept = True, False

    async def __aexit__(self, *_: object) -> None:
        if not self._kept:
            self.release()

    def keep(self) -> None:
        """Hold it beyond the exit, if it is one that keeps."""
        self._kept = self._keeps

    def release(self) -> None:
        """Hold it no more."""
        if self._held and self._slots is not None:
            self._slots.release()
        self._held = False


class Pool:
    """The connections of a caller's session, or of one of our own, which has no bound.

    Args:
        lender: The caller's session, if there is one.
    """

    def __init__(self, borrowed_session: aiohttp.ClientSession | None) -> None:
        self._borrowed_session = borrowed_session
        self._proxies: dict[str, tuple[URL, aiohttp.BasicAuth | None] | None] = {}
        connector = borrowed_session.connector if borrowed_session is not None else None
        bounds = (connector.limit, connector.limit_per_host) if connector is not None else ()
        sizes = [number for number in bounds if number > 0]
        # Who waits for one here does not time out.
        self._slots = asyncio.Semaphore(min(sizes)) if sizes else None

    @property
    def bounded(self) -> bool:
        """Whether one may have to wait for a connection."""
        return self._slots is not None

    def slot(self, *, keeps: bool = False) -> Slot:
        """A connection that is not held yet; see `Slot`."""
        return Slot(self._slots, keeps)

    async def proxy_for(self, url: URL) -> URL | None:
        """The caller's proxy; what it reads from the environment is no reason to read netrc."""
        borrowed_session = self._borrowed_session
        if borrowed_session is None:
            return None
        proxy = getattr(borrowed_session, "_default_proxy", None)
        auth = getattr(borrowed_session, "_default_proxy_auth", None)
        if proxy is None and borrowed_session.trust_env:
            host = f"{url.scheme}://{url.authority}"
            if host not in self._proxies:
                self._proxies[host] = await asyncio.to_thread(_proxy_of_environment, url)
            proxy, auth = self._proxies[host] or (None, None)
        if proxy is None:
            return None
        proxy = URL(proxy)
        return proxy.with_user(auth.login).with_password(auth.password) if auth else proxy


def _proxy_of_environment(url: URL) -> tuple[URL, aiohttp.BasicAuth | None] | None:
    try:
        return get_env_proxy_for_url(url)
    except LookupError:
        return None
