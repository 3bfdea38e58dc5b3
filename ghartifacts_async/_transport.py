"""HTTP, and the only importer of aiohttp's client.

Requests go through a session of our own on the caller's connection pool. So the caller's
connector (pool, TLS, resolver), proxy and trace configs hold, while its default headers, cookies,
netrc, middlewares and total timeout reach neither the API nor the blob store.

What aiohttp raises is told anew in this library's errors, without the original: its texts print
whole signed URLs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from urllib.parse import urlsplit

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from ghartifacts_async._sansio.calls import Reply
from ghartifacts_async._sansio.redirects import SignedUrl
from ghartifacts_async._sansio.secret import Secret
from ghartifacts_async._transport_errors import FAILURES, translated
from ghartifacts_async.errors import (
    ArtifactsError,
    ClientStateError,
    InvalidArgument,
    TransportError,
    UnexpectedReply,
)
from ghartifacts_async.models import Timeouts

MAX_REPLY_BYTES = 4 * 2**20
"""More than any page of artifacts: what is larger is no answer of the API."""

_READ_BUFFER = 2**18


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


class Transport:
    """Sends requests and streams responses. Open it on the running loop, and close it.

    Args:
        session: The caller's, whose connection pool is used and never closed; ``None`` for one
            of our own.
        user_agent: Sent with every request.
        timeouts: How long to wait.
    """

    def __init__(
        self, session: aiohttp.ClientSession | None, *, user_agent: str, timeouts: Timeouts
    ) -> None:
        self._lender = session
        self.timeouts = timeouts
        self._headers = {"User-Agent": user_agent}
        self._session: aiohttp.ClientSession | None = None
        self.slots: AbstractAsyncContextManager[None, bool | None] = _slots(session)
        self._open: set[aiohttp.ClientResponse] = set()
        self._proxies: dict[str, tuple[URL, aiohttp.BasicAuth | None] | None] = {}
        self.bytes_received = 0

    async def open(self) -> None:
        """Make the session.

        Raises:
            InvalidArgument: The borrowed one was closed meanwhile.
        """
        lender = self._lender
        if lender is not None:
            check_borrowed(lender)
        self._session = aiohttp.ClientSession(
            connector=lender.connector if lender else aiohttp.TCPConnector(limit=0),
            connector_owner=lender is None,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            read_bufsize=_READ_BUFFER,
            trace_configs=lender.trace_configs if lender else None,
        )
        # A retry goes through the session's loop, or it escapes its limits and its count.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close the session, its connection pool where it is our own, and what streams."""
        if self._session is not None:
            await self._session.close()
        for response in tuple(self._open):
            response.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        """Make an API call, in one of `slots`, and read its answer whole.

        Redirects are not followed.

        Raises:
            TransportError: No complete answer came.
            UnexpectedReply: The answer is larger than any of the API's.
        """
        limits = aiohttp.ClientTimeout(total=self.timeouts.call, sock_connect=self.timeouts.connect)
        try:
            async with await self._request(method, url, headers, limits, body=body) as response:
                content = await _read_bounded(response.content)
                reply = Reply(response.status, _plain_headers(response), content)
        except FAILURES as error:
            failure = self.failure(error, url)
        else:
            if len(content) > MAX_REPLY_BYTES:
                raise UnexpectedReply(
                    f"{method} {urlsplit(url).path}: more than {MAX_REPLY_BYTES} bytes came",
                    status=reply.status,
                )
            return reply
        raise failure

    @asynccontextmanager
    async def stream(self, url: SignedUrl) -> AsyncIterator[Stream]:
        """GET a signed URL in one of `slots`, with no credential of any kind.

        Redirects are not followed.

        Raises:
            TransportError: No answer came.
        """
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=self.timeouts.connect, sock_read=self.timeouts.stall
        )
        plain = {"Accept-Encoding": "identity"}
        patience = self.timeouts.connect + self.timeouts.stall
        try:
            # Not left to sock_read: a header that drips would keep it waiting.
            async with asyncio.timeout(patience):
                response = await self._open_stream(url.value, plain, limits)
        except FAILURES as error:
            failure = self.failure(error, url.value)
        else:
            self._open.add(response)
            try:
                yield Stream(response, url, self)
            finally:
                self._open.discard(response)
                # Not release(): nobody waits for the rest of a body that is not wanted.
                response.close()
            return
        raise failure

    def closed(self) -> ClientStateError | None:
        """The error of whoever goes on after the closing, ``None`` before it."""
        if self._session is None or self._session.closed:
            return ClientStateError("the client was closed while it was at work")
        if self._lender is not None and self._lender.closed:
            return ClientStateError("the session that the client borrowed was closed")
        return None

    def failure(self, error: Exception, url: str) -> ArtifactsError:
        """What an error of aiohttp means. Raise it outside of the handler."""
        return self.closed() or translated(error, url)

    async def _open_stream(
        self, url: str, headers: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        try:
            return await self._request("GET", url, headers, limits, decode=False)
        except aiohttp.ServerDisconnectedError:
            # A connection of the pool that the store had closed meanwhile: nothing was sent on it.
            return await self._request("GET", url, headers, limits, decode=False)

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        *,
        decode: bool = True,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        if closed := self.closed():
            raise closed
        assert self._session is not None
        target = URL(url, encoded=True)
        return await self._session.request(
            method,
            target,
            headers=headers,
            data=body,
            timeout=limits,
            allow_redirects=False,
            auto_decompress=decode,
            proxy=await self._proxy_for(target),
        )

    async def _proxy_for(self, url: URL) -> URL | None:
        """The caller's proxy; what it reads from the environment is no reason to read netrc."""
        lender = self._lender
        if lender is None:
            return None
        proxy = getattr(lender, "_default_proxy", None)
        auth = getattr(lender, "_default_proxy_auth", None)
        if proxy is None and lender.trust_env:
            host = f"{url.scheme}://{url.authority}"
            if host not in self._proxies:
                self._proxies[host] = await asyncio.to_thread(_proxy_of_environment, url)
            proxy, auth = self._proxies[host] or (None, None)
        if proxy is None:
            return None
        proxy = URL(proxy)
        return proxy.with_user(auth.login).with_password(auth.password) if auth else proxy


class Stream:
    """A response whose body comes piece by piece.

    Args:
        response: aiohttp's.
        url: What was asked for.
        transport: Whose it is.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, url: SignedUrl, transport: Transport
    ) -> None:
        self._response = response
        self._transport = transport
        self.url = url
        self.status = response.status
        self.headers = _plain_headers(response)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, in pieces of at most about 512 KiB, undecoded.

        Raises:
            TransportError: The connection broke or fell silent before the end.
        """
        while True:
            try:
                # Not left to sock_read: a malformed chunk ends aiohttp's timer, and no error comes.
                async with asyncio.timeout(self._transport.timeouts.stall):
                    chunk = await self._response.content.readany()
            except FAILURES as error:
                failure = self._transport.failure(error, self.url.value)
            else:
                if not chunk:
                    if closed := self._transport.closed():
                        raise closed
                    return
                self._transport.bytes_received += len(chunk)
                yield chunk
                continue
            raise failure

    async def beginning(self, size: int) -> bytes:
        """The first `size` bytes of the body, or as many as come within `Timeouts.call`."""
        start = b""
        with suppress(TransportError, TimeoutError):
            async with asyncio.timeout(self._transport.timeouts.call):
                async for chunk in self.chunks():
                    start += chunk
                    if len(start) >= size:
                        break
        return start[:size]


def _slots(
    lender: aiohttp.ClientSession | None,
) -> AbstractAsyncContextManager[None, bool | None]:
    """As many as the borrowed pool has connections: who waits for one here does not time out."""
    connector = lender.connector if lender is not None else None
    limits = [n for n in (connector.limit, connector.limit_per_host) if n > 0] if connector else []
    return asyncio.Semaphore(min(limits)) if limits else nullcontext()


def _proxy_of_environment(url: URL) -> tuple[URL, aiohttp.BasicAuth | None] | None:
    try:
        return get_env_proxy_for_url(url)
    except LookupError:
        return None


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while len(body) <= MAX_REPLY_BYTES and (chunk := await content.readany()):
        body += chunk
    return bytes(body)


def _plain_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    plain: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        value = Secret(value) if key == "location" else value
        plain[key] = f"{plain[key]}, {value}" if key in plain else value
    return plain
