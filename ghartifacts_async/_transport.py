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
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from ghartifacts_async._sansio.calls import Reply
from ghartifacts_async._sansio.redirects import SignedUrl
from ghartifacts_async.errors import (
    ConnectionFailed,
    InvalidArgument,
    TimedOut,
    TransportError,
    UnexpectedReply,
)
from ghartifacts_async.models import Timeouts

MAX_REPLY_BYTES = 16 * 2**20
"""More than any page of artifacts: what is larger is no answer of the API."""

_READ_BUFFER = 2**18

# RuntimeError is what aiohttp raises where the session is closed under a request.
_FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError, ValueError)


def check_borrowed(session: aiohttp.ClientSession) -> None:
    """Refuse a session that cannot serve, or whose caller expects its credentials to be sent.

    Raises:
        InvalidArgument: It is closed, or holds default credentials.
    """
    if not isinstance(session, aiohttp.ClientSession):
        raise InvalidArgument(f"session is an aiohttp.ClientSession, not {session!r}")
    if session.closed:
        raise InvalidArgument("the session is closed")
    for name in ("Authorization", "Cookie"):
        if name in session.headers:
            raise InvalidArgument(
                f"the session sends {name} with every request, so also to the blob store; "
                "pass the token as auth, and a session without default credentials"
            )
    if session.auth is not None:
        raise InvalidArgument(
            "the session sends its auth with every request, so also to the blob store; "
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
        self._timeouts = timeouts
        self._headers = {"User-Agent": user_agent}
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the session."""
        lender = self._lender
        self._session = aiohttp.ClientSession(
            connector=lender.connector if lender else aiohttp.TCPConnector(limit=0),
            connector_owner=lender is None,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            read_bufsize=_READ_BUFFER,
            trace_configs=lender.trace_configs if lender else None,
        )

    async def close(self) -> None:
        """Close the session, and the connection pool where it is our own."""
        if self._session is not None:
            await self._session.close()

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        """Make an API call, and read its answer whole; redirects are not followed.

        Raises:
            TransportError: No complete answer came.
            UnexpectedReply: The answer is larger than any of the API's.
        """
        limits = aiohttp.ClientTimeout(
            total=self._timeouts.call, sock_connect=self._timeouts.connect
        )
        try:
            async with await self._request(method, url, headers, limits) as response:
                body = await _read_bounded(response.content)
                reply = Reply(response.status, _plain_headers(response), body)
        except _FAILURES as error:
            failure = _translated(error, url)
        else:
            if len(body) > MAX_REPLY_BYTES:
                raise UnexpectedReply(
                    f"{method} {urlsplit(url).path}: more than {MAX_REPLY_BYTES} bytes came",
                    status=reply.status,
                    request_id=reply.headers.get("x-github-request-id"),
                )
            return reply
        raise failure

    @asynccontextmanager
    async def stream(self, url: SignedUrl) -> AsyncIterator[Stream]:
        """GET a signed URL, with no credential of any kind; redirects are not followed.

        Raises:
            TransportError: No answer came.
        """
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=self._timeouts.connect, sock_read=self._timeouts.stall
        )
        plain = {"Accept-Encoding": "identity"}
        try:
            response = await self._request("GET", url.value, plain, limits, decode=False)
        except _FAILURES as error:
            failure = _translated(error, url.value)
        else:
            try:
                yield Stream(response, url, self._timeouts.stall)
            finally:
                # Not release(): nobody waits for the rest of a body that is not wanted.
                response.close()
            return
        raise failure

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        *,
        decode: bool = True,
    ) -> aiohttp.ClientResponse:
        assert self._session is not None, "open() comes first"
        target = URL(url, encoded=True)
        return await self._session.request(
            method,
            target,
            headers=headers,
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
        proxy, auth = lender._default_proxy, lender._default_proxy_auth
        if proxy is None and lender.trust_env:
            with suppress(LookupError):
                proxy, auth = await asyncio.to_thread(get_env_proxy_for_url, url)
        if proxy is None:
            return None
        proxy = URL(proxy)
        return proxy.with_user(auth.login).with_password(auth.password) if auth else proxy


class Stream:
    """A response whose body comes piece by piece.

    Args:
        response: aiohttp's.
        url: What was asked for.
        stall: Seconds without a byte after which it is given up.
    """

    def __init__(self, response: aiohttp.ClientResponse, url: SignedUrl, stall: float) -> None:
        self._response = response
        self._stall = stall
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
                async with asyncio.timeout(self._stall):
                    chunk = await self._response.content.readany()
            except _FAILURES as error:
                failure = _translated(error, self.url.value)
            else:
                if not chunk:
                    return
                yield chunk
                continue
            raise failure


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while len(body) <= MAX_REPLY_BYTES and (chunk := await content.readany()):
        body += chunk
    return bytes(body)


def _plain_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    plain: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        plain[key] = f"{plain[key]}, {value}" if key in plain else value
    return plain


def _translated(error: Exception, url: str) -> TransportError:
    host = urlsplit(url).netloc.rpartition("@")[2]
    match error:
        case TimeoutError():
            return TimedOut(f"{host}: {_reason(error)}", host=host)
        case _:
            return ConnectionFailed(f"{host}: {_reason(error)}", host=host)


def _reason(error: Exception) -> str:
    """What went wrong, in words that cannot hold a URL."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate was refused ({error.certificate_error})"
        case aiohttp.ClientConnectorError():
            return f"cannot connect ({error.strerror or type(error.os_error).__name__})"
        case aiohttp.ClientPayloadError():
            return "the connection broke before the end of the body"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection"
        case RuntimeError():
            return "the session was closed"
        case OSError(strerror=str(words)):
            return f"the connection broke ({words})"
        case _:
            return f"the connection failed ({type(error).__name__})"
