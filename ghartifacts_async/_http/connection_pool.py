"""The connection limit and the proxy of a session that the client borrows from the caller."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from ghartifacts_async._http.redaction import Secret, SecretUrl, plain
from ghartifacts_async._http.urls import split_url
from ghartifacts_async.errors import InvalidArgument

_MIN_CONNECTIONS = 8
_MAX_PROXIES = 100
_LOG_AFTER = 60.0

_log = logging.getLogger("ghartifacts_async")


def check_borrowed(session: aiohttp.ClientSession) -> None:
    """Check that a caller's session is open and has no default credentials.

    Default credentials must not reach the blob store.

    Raises:
        InvalidArgument: The session is closed, or has default credentials.
    """
    if not isinstance(session, aiohttp.ClientSession):
        kind = type(session).__name__
        raise InvalidArgument(f"session must be an aiohttp.ClientSession, not {kind}")
    if session.closed:
        raise InvalidArgument("the session is closed; pass an open one")
    sent = [name for name in ("Authorization", "Cookie") if name in session.headers]
    if session.auth is not None:
        sent.append("auth")
    if sent:
        raise InvalidArgument(
            f"the session has default credentials ({sent[0]}), which must not reach the blob "
            "store; pass the token as auth, and a session without default credentials"
        )


class _Permits(asyncio.Semaphore):
    """The permits of a pool.

    A warning is logged if a task waits for a permit and nothing is received for a minute. The wait
    may then never end, for example if the task itself keeps streams open and does not read them.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._size = size
        self._waiting = 0
        self._active_at = 0.0
        self._is_watched = False

    async def acquire(self) -> Literal[True]:
        """Wait for a permit."""
        if not self.locked():
            return await super().acquire()
        if not self._is_watched:
            self._watch(_LOG_AFTER)
        self._waiting += 1
        try:
            await super().acquire()
        finally:
            self._waiting -= 1
        self.note_activity()
        return True

    def note_activity(self) -> None:
        """Record that a permit was acquired, or that a connection has received something."""
        self._active_at = asyncio.get_running_loop().time()

    def _watch(self, seconds: float) -> None:
        self._is_watched = True
        asyncio.get_running_loop().call_later(seconds, self._check)

    def _check(self) -> None:
        self._is_watched = False
        if not self._waiting:
            return
        seconds = self._active_at + _LOG_AFTER - asyncio.get_running_loop().time()
        if seconds > 0:
            self._watch(seconds)
            return
        _log.warning(
            "requests that wait for a connection: %d; all %d connections are in use, and none has "
            "received anything for a minute. Close streams that are no longer read, or allow more "
            "connections",
            self._waiting,
            self._size,
        )


class ConnectionPermit:
    """Permission to use one connection of the pool, held inside ``async with``.

    A download takes two requests: the first returns a signed URL, which expires soon, and the
    second uses this URL. With `keeps`, the permit can be held between the two, so that the second
    request need not wait for a connection.

    Args:
        permits: The permits of the pool, or ``None`` if their number is not limited.
        keeps: Whether `keep` holds the permit beyond the block. If False, `keep` does nothing.
    """

    def __init__(self, permits: asyncio.Semaphore | None, keeps: bool) -> None:
        self._permits = permits
        self._keeps = keeps
        self._held = self._kept = False

    async def __aenter__(self) -> None:
        await self.acquire()

    async def acquire(self) -> None:
        """Wait for a connection, unless the permit is held already."""
        if not self._held and self._permits is not None:
            await self._permits.acquire()
        self._held, self._kept = True, False

    async def __aexit__(self, *_: object) -> None:
        if not self._kept:
            self.release()

    def keep(self) -> None:
        """Hold the permit beyond the end of the block, until `release` is called."""
        self._kept = self._keeps

    def release(self) -> None:
        """Return the permit to the pool."""
        if self._held and self._permits is not None:
            self._permits.release()
        self._held = False


class ConnectionPool:
    """The limit on the client's concurrent connections.

    It is that of the caller's session, or a quarter of the files that this process may have open,
    because unused connections stay open for a while.

    Requests wait for a connection here and not in aiohttp, so that the time that they wait for the
    client's other requests does not count against their timeouts.

    Args:
        borrowed_session: The caller's session, or ``None`` if the client uses its own.
        trust_env: Whether to use the proxies that environment variables name.
        max_open_files: How many files this process may have open; ``None`` for no limit.

    Attributes:
        bounded: Whether the caller's session limits the number of connections, so that a request
            may often have to wait.
    """

    def __init__(
        self,
        borrowed_session: aiohttp.ClientSession | None,
        *,
        trust_env: bool = False,
        max_open_files: int | None = None,
    ) -> None:
        self._borrowed_session = borrowed_session
        self._trust_env = trust_env or (borrowed_session is not None and borrowed_session.trust_env)
        self._proxies: dict[str, SecretUrl | None] = {}
        connector = borrowed_session.connector if borrowed_session is not None else None
        limits = (connector.limit, connector.limit_per_host) if connector is not None else ()
        sizes = [limit for limit in limits if limit > 0]
        self.bounded: bool = bool(sizes)
        if borrowed_session is None and max_open_files is not None:
            sizes = [max(_MIN_CONNECTIONS, max_open_files // 4)]
        self._permits = _Permits(min(sizes)) if sizes else None

    def permit(self, *, keeps: bool = False) -> ConnectionPermit:
        """Return a new permit, which is not held yet; see `ConnectionPermit`."""
        return ConnectionPermit(self._permits, keeps)

    def note_activity(self) -> None:
        """Record that a connection has received something."""
        if self._permits is not None:
            self._permits.note_activity()

    async def proxy_for(self, url: str | Secret) -> SecretUrl | None:
        """Return the proxy to use for a URL, or None.

        It is the proxy of the caller's session, or that of the variables ``HTTPS_PROXY``,
        ``HTTP_PROXY`` and ``NO_PROXY``. Credentials are those in the proxy's URL; netrc is not
        read.

        Raises:
            InvalidArgument: The variable does not name an HTTP proxy.
        """
        if self._borrowed_session is not None and (proxy := _own_proxy(self._borrowed_session)):
            return proxy
        if not self._trust_env:
            return None
        server = _server(plain(url))
        if server not in self._proxies:
            if len(self._proxies) >= _MAX_PROXIES:
                self._proxies.clear()  # a store may redirect to any number of hosts
            self._proxies[server] = await asyncio.to_thread(_proxy_of_environment, server)
        return self._proxies[server]


def _own_proxy(session: aiohttp.ClientSession) -> SecretUrl | None:
    """Return the proxy that was passed to a session, or None."""
    proxy = getattr(session, "_default_proxy", None)
    auth = getattr(session, "_default_proxy_auth", None)
    return None if proxy is None else _with_credentials(proxy, auth)


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _proxy_of_environment(server: str) -> SecretUrl | None:
    scheme, _, host = server.partition("://")
    proxy = None if proxy_bypass(host) else getproxies().get(scheme)
    if not proxy:
        return None
    secret = SecretUrl(proxy if "://" in proxy else f"http://{proxy}")
    proxy = None  # Tracebacks may be logged with the local variables of their frames.
    if split_url(secret.reveal()) is None or not secret.reveal().lower().startswith("http"):
        raise InvalidArgument(
            f"the environment variable {scheme.upper()}_PROXY is not the URL of an HTTP proxy, "
            "such as http://proxy.example:3128"
        )
    return secret


def _with_credentials(proxy: URL | str, auth: aiohttp.BasicAuth | None) -> SecretUrl:
    """Return the URL of a proxy with its credentials."""
    if auth is None:
        return SecretUrl(str(proxy))
    return SecretUrl(str(URL(proxy).with_user(auth.login).with_password(auth.password)))
