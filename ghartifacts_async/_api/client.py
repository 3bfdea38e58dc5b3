"""The one loop between a method call and GitHub's answer: authorise, wait, send, judge, again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from attrs import evolve

from ghartifacts_async import _arguments
from ghartifacts_async._api import rate_limit_headers, retry
from ghartifacts_async._api.call import ApiCall, ApiCaller
from ghartifacts_async._api.endpoints import error_of
from ghartifacts_async._api.rate_limiter import Limiter
from ghartifacts_async._api.request import ApiResponse, CallState, Exchange
from ghartifacts_async._http.connection_pool import Slot
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.transport import Transport
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.errors import (
    ArtifactsError,
    AuthenticationError,
    CertificateRefused,
    NotFound,
    RateLimited,
    TransportError,
)
from ghartifacts_async.models import RateLimit, RetryPolicy, Stats

_AGED = 60.0
"""Seconds after which a token may have ended before it was sent."""

_T = TypeVar("_T")

TokenSource: TypeAlias = Callable[[ApiCaller, str | None], Awaitable[str | None]]
"""Returns the token for the next call, or None for none; see `Auth.token`."""

_log = logging.getLogger("ghartifacts_async")


class ApiClient:
    """API calls of one client.

    Args:
        transport: Sends them.
        token_source: Returns the token of a call.
        limiter: Says when one may go.
        policy: How often one is tried.
        lifetime: Of the client.
        base_url: Of the API, without a slash at its end.
        api_version: Sent as ``X-GitHub-Api-Version``.
        conditional: Whether answers are kept and asked after with their ``ETag``.
        wall_clock: Seconds since the epoch, for answers without ``Date``.
        chance: Random numbers from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        token_source: TokenSource,
        limiter: Limiter,
        policy: RetryPolicy,
        lifetime: Lifetime,
        *,
        base_url: str,
        api_version: str,
        conditional: bool = True,
        wall_clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._token_source = token_source
        self._limiter = limiter
        self._policy = policy
        self._lifetime = lifetime
        self._exchange = Exchange(
            transport,
            limiter,
            base_url=base_url,
            api_version=api_version,
            conditional=conditional,
        )
        self._wall_clock = wall_clock
        self._chance = chance
        self._retries = 0

    @property
    def rate_limit(self) -> RateLimit | None:
        """The primary limit as last told."""
        return self._limiter.rate_limit

    @property
    def stats(self) -> Stats:
        """What was done so far."""
        return Stats(
            calls=self._exchange.counts["calls"],
            not_modified=self._exchange.counts["not modified"],
            retries=self._retries,
            waited=self._limiter.waited,
            bytes_received=self._transport.bytes_received,
        )

    async def call(self, call: ApiCall[_T], slot: Slot | None = None) -> _T:
        """Make a call, and return its decoded result.

        Args:
            call: The call to make.
            slot: A connection of the pool to make it on; by default the next one that is free.

        Raises:
            GitHubError: GitHub refused the call, or could not answer it.
            RedirectRefused: The response is a redirect that must not be followed.
            TransportError: No complete response arrived.
        """
        response = await self._send(call, slot or self._transport.pool.slot())
        return call.decode(call, response.reply)

    async def _send(self, call: ApiCall[Any], slot: Slot) -> ApiResponse:
        """An answer that is no error, with a place of its own."""
        async with self._lifetime.scope(), self._limiter.place(call):
            return await self._told(call, None, slot)

    async def _told(
        self,
        call: ApiCall[Any],
        own_token: Callable[[], str] | None,
        slot: Slot,
    ) -> ApiResponse:
        """An answer that is no error; an error tells what was done about it."""
        effort = CallState(slot)
        try:
            return await self._try(call, own_token, effort)
        except ArtifactsError as failed:
            error = failed
        if effort.attempts > 1:
            error.attempts, error.seconds = effort.attempts, effort.seconds
            error.summary += f" (tried {effort.attempts} times in {effort.seconds:.1f} s"
            if effort.last is not None and not isinstance(error, type(effort.last)):
                error.summary += f"; the time before: {effort.last.summary}"
            error.summary += ")"
        raise error

    async def _try(
        self, call: ApiCall[Any], own_token: Callable[[], str] | None, effort: CallState
    ) -> ApiResponse:
        loop = asyncio.get_running_loop()
        rejected: str | None = None
        renewed: str | None = None
        error: ArtifactsError | None = None
        lost = False
        while True:
            effort.attempts += 1
            effort.last = error
            await self._limiter.opened(call)
            had_at = loop.time()
            if own_token is not None:
                token: str | None = own_token()
            else:
                token = renewed or await self._token(rejected)
            renewed = None
            answer: ApiResponse | None = None
            try:
                answer = await self._exchange.attempt(call, token, own_token is None, effort)
            except ArtifactsError as failed:
                error = failed
                passing = isinstance(failed, TransportError)
                failure = retry.Failure(
                    permanent=not passing or isinstance(failed, CertificateRefused)
                )
            else:
                reply = answer.reply
                error = error_of(call, reply)
                if not isinstance(error, RateLimited):
                    self._limiter.accepted(answer.sent_at)
                if error is None:
                    return answer
                after = rate_limit_headers.retry_after(reply.headers, self._wall_clock())
                failure = retry.Failure(reply.status, after)
            match error:
                case AuthenticationError() if (
                    answer is not None
                    and token is not None
                    and own_token is None
                    # One that waited long for a connection may have ended meanwhile.
                    and (rejected is None or answer.sent_at - had_at > _AGED)
                ):
                    rejected, renewed = token, await self._token(token)
                    if renewed != token:
                        self._retries += 1
                        continue
                case NotFound() if answer is not None and lost and call.method == "DELETE":
                    # The answer that got lost was the one that said so.
                    return evolve(answer, reply=Response(HTTPStatus.NO_CONTENT))
                case RateLimited() if answer is not None:
                    wait = self._limiter.refused(answer.reply.headers, answer.sent_at)
                    if effort.attempts < self._policy.attempts and not self._limiter.too_long(wait):
                        self._retries += 1
                        _log.info("%s: refused at a limit, all calls wait %.0f s", call, wait)
                        continue
                case _:
                    pass
            attempt = retry.Attempt(effort.attempts, effort.seconds, self._chance())
            decision = retry.decide(self._policy, attempt, failure)
            if isinstance(decision, retry.GiveUp) or isinstance(error, RateLimited):
                break
            if isinstance(error, TransportError):
                lost = lost or error.may_have_arrived
            elif answer is not None:
                lost = lost or answer.reply.status in retry.MAY_HAVE_WORKED
            self._retries += 1
            _log.info("%s; trying again in %.1f s", error, decision.seconds)
            await asyncio.sleep(decision.seconds)
            effort.seconds += decision.seconds
        raise error

    async def _token(self, rejected: str | None) -> Secret | None:
        async def ask(call: ApiCall[_T], token_factory: Callable[[], str]) -> _T:
            # Not counted as a concurrent call: the call that needs the token is counted already.
            response = await self._told(call, token_factory, self._transport.pool.slot())
            return call.decode(call, response.reply)

        token = await self._token_source(ask, rejected)
        return None if token is None else _arguments.token(token)
