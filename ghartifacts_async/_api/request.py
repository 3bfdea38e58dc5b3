"""One attempt of a call: the HTTP requests to send until the final response arrives.

An attempt follows redirects within the API, falls back to an older API version, and revalidates
cached responses. The caller decides whether the response is a success, and what to do next.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from attrs import evolve, frozen

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.endpoints import ACCEPT
from ghartifacts_async._api.etag_cache import EtagCache
from ghartifacts_async._api.limits.gate import Gate
from ghartifacts_async._api.rate_limiter import RateLimiter
from ghartifacts_async._api.retry import CallState
from ghartifacts_async._http import redirects
from ghartifacts_async._http.connection_pool import ConnectionPermit
from ghartifacts_async._http.messages import Response, printable
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.errors import RedirectRefused

FALLBACK_VERSION = "2022-11-28"
"""The API version that every supported GHES serves; GHES 3.20 and earlier serve no other."""

_SHOW_THE_VERSION = frozenset({302, 401, 403, 404, 410, 422})
"""Statuses that show that the server knows an API version, if it answered 400 to another one."""

_log = logging.getLogger("ghartifacts_async")


@frozen
class ApiResponse:
    """The response to an attempt.

    Attributes:
        response: GitHub's response, or the cached response if GitHub answered 304.
        sent_at: Time at which the request was sent, on the loop's clock.
    """

    response: Response
    sent_at: float


@frozen
class Attempt:
    """An attempt of a call, which takes one or more requests.

    Attributes:
        call: The call.
        state: The state of the call, in which the time that its requests take is summed up.
        permit: The call's permit for a connection.
        counted: Whether the call counts against the client's primary rate limit.
        token: The token to send, or ``None``.
        gate: The gate of the token's account.
    """

    call: ApiCall[Any]
    state: CallState
    permit: ConnectionPermit
    counted: bool
    token: Secret | None
    gate: Gate


class RequestSender:
    """A sender of requests that remembers the server's API version and caches responses.

    Args:
        transport: Sends the requests.
        limiter: Delays each request until the rate limits allow it.
        base_url: Base URL of the API, without a trailing slash.
        api_version: Value of the header ``X-GitHub-Api-Version``.
        conditional: Whether to cache responses and revalidate them with their ``ETag``.

    Attributes:
        counts: Number of requests sent (``"calls"``) and of 304 responses (``"not modified"``).
    """

    def __init__(
        self,
        transport: Transport,
        limiter: RateLimiter,
        *,
        base_url: str,
        api_version: str,
        conditional: bool,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._base_url = base_url
        self._api_version = api_version
        self._known_version: str | None = None
        self._warned_of_sunset = False
        self._cache = EtagCache() if conditional else None
        self.counts = Counter[str]()

    async def send(self, attempt: Attempt) -> ApiResponse:
        """Make an attempt, and return its response, which may be an error of GitHub.

        Raises:
            GateClosed: The gate has closed since the call waited for it.
            RedirectRefused: A redirect is unsafe, or there are too many redirects.
            TransportError: No complete response arrived.
        """
        call, token = attempt.call, attempt.token
        cached = self._cache.get(call) if self._cache is not None else None
        headers, body = _headers_and_body(call, token, cached)
        if token is not None:
            self._transport.redactor.add(token)
        url = self._base_url + call.target
        for _ in range(redirects.MAX_HOPS + 1):
            response, sent_at = await self._send_with_fallback(attempt, url, headers, body)
            location = response.location
            if location is not None and redirects.repeats_secret(url, location, response.redact):
                raise RedirectRefused(
                    f"{call}: redirects to a host whose name contains the token; do not trust "
                    "this server"
                )
            hop = redirects.api_hop(self._base_url, url, response.status, location)
            if hop is None:
                break
            url = hop
        else:
            raise RedirectRefused(
                f"{call}: gave up after {redirects.MAX_HOPS} redirects; they may loop"
            )
        if response.status == HTTPStatus.NOT_MODIFIED and cached is not None:
            self.counts["not modified"] += 1
            return ApiResponse(evolve(cached, confirmation=response.headers), sent_at)
        if self._cache is not None and response.status == HTTPStatus.OK:
            self._cache.store(call, response)
        return ApiResponse(response, sent_at)

    async def _send_with_fallback(
        self,
        attempt: Attempt,
        url: str,
        headers: Mapping[str, str | Secret],
        body: bytes | None,
    ) -> tuple[Response, float]:
        """Send a request; if the server refuses its API version, send it with an older one."""
        version = self._api_version
        response, sent_at = await self._send_version(attempt, url, headers, body, version)
        # Another request may have found out in the meantime which version the server knows.
        known = {FALLBACK_VERSION, self._known_version}
        if response.status == HTTPStatus.BAD_REQUEST and version not in known:
            _log.info("%s: the server may not know API version %s", attempt.call, version)
            response, sent_at = await self._send_version(
                attempt, url, headers, body, FALLBACK_VERSION
            )
            if response.status in _SHOW_THE_VERSION:
                self._api_version = self._known_version = FALLBACK_VERSION
        return response, sent_at

    async def _send_version(
        self,
        attempt: Attempt,
        url: str,
        headers: Mapping[str, str | Secret],
        body: bytes | None,
        version: str,
    ) -> tuple[Response, float]:
        """Send a request with an API version; return the response and the time of sending."""
        headers = {**headers, "X-GitHub-Api-Version": version}
        response, sent_at = await self._send_admitted(attempt, url, headers, body)
        request_id = printable(response.redact(response.headers.get("x-github-request-id", "-")))
        _log.debug("%s: %d (request %s)", attempt.call, response.status, request_id)
        if response.status < HTTPStatus.MULTIPLE_CHOICES or response.status == 304:
            # A redirect does not show this: GitHub sends some before it checks the version.
            self._api_version = self._known_version = version
        self._warn_of_sunset(response, version)
        return response, sent_at

    async def _send_admitted(
        self,
        attempt: Attempt,
        url: str,
        headers: Mapping[str, str | Secret],
        body: bytes | None,
    ) -> tuple[Response, float]:
        """Send a request as soon as the rate limiter admits it."""
        loop = asyncio.get_running_loop()
        call, permit = attempt.call, attempt.permit
        async with self._limiter.admit(call, attempt.gate, permit) as sent_at:
            self.counts["calls"] += 1
            try:
                response = await self._transport.send(call.method, url, headers, body)
            finally:
                attempt.state.seconds += loop.time() - sent_at
            if attempt.counted:
                attempt.gate.observe(response.headers, sent_at)
            if response.status == HTTPStatus.FOUND:
                permit.keep()
            return response, sent_at

    def _warn_of_sunset(self, response: Response, version: str) -> None:
        if self._warned_of_sunset or not {"deprecation", "sunset"} & response.headers.keys():
            return
        self._warned_of_sunset = True
        _log.warning(
            "GitHub will stop serving API version %s (Deprecation: %s, Sunset: %s)",
            version,
            printable(response.redact(response.headers.get("deprecation", "-"))),
            printable(response.redact(response.headers.get("sunset", "-"))),
        )


def _headers_and_body(
    call: ApiCall[Any], token: Secret | None, cached: Response | None
) -> tuple[dict[str, str | Secret], bytes | None]:
    headers: dict[str, str | Secret] = {"Accept": ACCEPT}
    if token is not None:
        headers["Authorization"] = Secret(f"Bearer {token.reveal()}")
    if cached is not None:
        headers["If-None-Match"] = cached.headers["etag"]
    if call.body is None:
        return headers, None
    headers["Content-Type"] = "application/json"
    return headers, json.dumps(call.body).encode()
