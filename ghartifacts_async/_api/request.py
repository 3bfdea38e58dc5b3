"""One try of a call: the request as GitHub wants it, and what is between it and the answer.

Renamed repositories, the version of the API, and answers that have not changed are dealt with here;
whether an answer is good, and what to do about one that is not, is the session's matter.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from attrs import define, frozen

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.endpoints import ACCEPT
from ghartifacts_async._api.etag_cache import EtagCache
from ghartifacts_async._api.rate_limiter import Limiter
from ghartifacts_async._http import redirects
from ghartifacts_async._http.connection_pool import Slot
from ghartifacts_async._http.messages import Response, printable
from ghartifacts_async._http.redaction import Secret, redacted
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.errors import ArtifactsError, RedirectRefused

FALLBACK_VERSION = "2022-11-28"
"""The API version that every supported GHES knows; 3.20 and earlier know no other."""

_SHOW_THE_VERSION = frozenset({302, 401, 403, 404, 410, 422})
"""Answers that are given only once the version has been looked at, where another was refused."""

_log = logging.getLogger("ghartifacts_async")


@define
class CallState:
    """What a call has cost so far.

    Attributes:
        slot: Its connection of the pool.
        attempts: How often it was tried.
        seconds: How long that took, without the waits at limits.
        last: Why the try before failed.
    """

    slot: Slot
    attempts: int = 0
    seconds: float = 0.0
    last: ArtifactsError | None = None


@frozen
class ApiResponse:
    """What came of a try.

    Attributes:
        reply: GitHub's.
        sent_at: When it was asked for, on the loop's clock.
    """

    reply: Response
    sent_at: float


class Exchange:
    """Exchanges requests for answers, and remembers what they teach of the server.

    Args:
        transport: Sends them.
        limiter: Says when one may go.
        base_url: Of the API, without a slash at its end.
        api_version: Sent as ``X-GitHub-Api-Version``.
        conditional: Whether answers are kept and asked after with their ``ETag``.
    """

    def __init__(
        self,
        transport: Transport,
        limiter: Limiter,
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
        self._sunset_told = False
        self._kept = EtagCache() if conditional else None
        self.counts = Counter[str]()

    async def attempt(
        self, call: ApiCall[Any], token: str | None, counted: bool, effort: CallState
    ) -> ApiResponse:
        """Ask once, and return the answer, whatever it says.

        Redirects within the API and the fallback to an older version are part of one try.

        Args:
            call: What to ask.
            token: Whose call it is.
            counted: Whether it counts on the primary limit of the client's other calls.
            effort: Takes up the time that it takes.

        Raises:
            RateLimited: It may not be sent as soon as `RateLimitPolicy.max_wait` wants it.
            RedirectRefused: GitHub sends it round in circles.
            TransportError: No answer came.
        """
        kept = self._kept.get(call) if self._kept is not None else None
        headers = {"Accept": ACCEPT}
        if token is not None:
            headers["Authorization"] = Secret(f"Bearer {token}")
        if kept is not None:
            headers["If-None-Match"] = kept.headers["etag"]
        body = None if call.body is None else json.dumps(call.body).encode()
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self._base_url + call.target
        for _ in range(redirects.MAX_HOPS + 1):
            version = self._api_version
            ask = partial(self._answer, call, url, headers, body, counted, effort)
            reply, sent_at = await ask(version)
            # What other tasks asked meanwhile may have been refused as well, or have shown more.
            known = {FALLBACK_VERSION, self._known_version}
            if reply.status == HTTPStatus.BAD_REQUEST and version not in known:
                _log.info("%s: the server may not know API version %s", call, version)
                reply, sent_at = await ask(FALLBACK_VERSION)
                if reply.status in _SHOW_THE_VERSION:
                    self._api_version = self._known_version = FALLBACK_VERSION
            hop = redirects.api_hop(self._base_url, url, reply.status, reply.headers)
            if hop is None:
                break
            url = hop
        else:
            raise RedirectRefused(f"{call}: over {redirects.MAX_HOPS} redirects; they may loop")
        if reply.status == HTTPStatus.NOT_MODIFIED and kept is not None:
            self.counts["not modified"] += 1
            return ApiResponse(kept, sent_at)
        if self._kept is not None and reply.status == HTTPStatus.OK:
            self._kept.keep(call, reply)
        return ApiResponse(reply, sent_at)

    async def _answer(
        self,
        call: ApiCall[Any],
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        counted: bool,
        effort: CallState,
        version: str,
    ) -> tuple[Response, float]:
        """What the server says when it is the call's turn, and when that was."""
        headers = {**headers, "X-GitHub-Api-Version": version}
        reply, sent_at = await self._sent(call, url, headers, body, counted, effort)
        reply = redacted(reply, headers.get("Authorization", "").removeprefix("Bearer "))
        request_id = printable(reply.headers.get("x-github-request-id", "-"))
        _log.debug("%s: %d (request %s)", call, reply.status, request_id)
        if reply.status < HTTPStatus.MULTIPLE_CHOICES or reply.status == HTTPStatus.NOT_MODIFIED:
            # A redirect shows nothing: some are answered before the version is looked at.
            self._api_version = self._known_version = version
        self._warn_of_sunset(reply, version)
        return reply, sent_at

    async def _sent(
        self,
        call: ApiCall[Any],
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        counted: bool,
        effort: CallState,
    ) -> tuple[Response, float]:
        loop = asyncio.get_running_loop()
        async with self._limiter.turn(call, effort.slot) as sent_at:
            self.counts["calls"] += 1
            try:
                reply = await self._transport.send(call.method, url, headers, body)
            finally:
                effort.seconds += loop.time() - sent_at
            if counted:
                self._limiter.learn(reply.headers, sent_at)
            if reply.status == HTTPStatus.FOUND:
                effort.slot.keep()
            return reply, sent_at

    def _warn_of_sunset(self, reply: Response, version: str) -> None:
        if self._sunset_told or not {"deprecation", "sunset"} & reply.headers.keys():
            return
        self._sunset_told = True
        _log.warning(
            "GitHub will stop serving API version %s (Deprecation: %s, Sunset: %s)",
            version,
            printable(reply.headers.get("deprecation", "-")),
            printable(reply.headers.get("sunset", "-")),
        )
