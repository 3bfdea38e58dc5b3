"""The client of GitHub's REST API: it authorizes, paces, sends and retries calls."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, cast

from ghartifacts_async import _arguments
from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.call import ApiCall, ApiCaller
from ghartifacts_async._api.limits.gate import Gate, GateClosed
from ghartifacts_async._api.limits.wait_reporter import WaitReporter
from ghartifacts_async._api.rate_limiter import RateLimiter
from ghartifacts_async._api.request import Attempt, RequestSender
from ghartifacts_async._api.responses.errors import error_of
from ghartifacts_async._api.retry import (
    AttemptOutcome,
    CallState,
    Raise,
    RenewToken,
    RepeatToken,
    RetryAfter,
    Return,
    WaitForGate,
    may_have_worked,
    next_step,
    record_attempts,
)
from ghartifacts_async._http.connection_pool import ConnectionPermit
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Secret, hidden
from ghartifacts_async._http.transport import Transport
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.errors import ArtifactsError, NotFound, RateLimited
from ghartifacts_async.models import RateLimit, RetryPolicy, Stats

_T = TypeVar("_T")

TokenSource: TypeAlias = Callable[[ApiCaller, str | None], Awaitable[str | None]]
"""A function that returns the token for the next attempt, or None for none; see `Auth.token`."""

_log = logging.getLogger("ghartifacts_async")


class ApiClient:
    """The part of a client that makes API calls.

    Args:
        transport: Sends the requests.
        token_source: Function that returns the token for an attempt.
        limiter: Delays each request until the rate limits allow it.
        policy: The retry policy of every call.
        lifetime: The client's lifetime. Closing it interrupts the running calls.
        base_url: Base URL of the API, without a trailing slash.
        api_version: Value of the header ``X-GitHub-Api-Version``.
        conditional: Whether to cache responses and revalidate them with their ``ETag``.
        one_account: Whether all tokens of the source belong to one account. If not, each token is
            taken for that of an account of its own, with its own rate limits.
        token_is_new: Function that returns whether GitHub may have refused a token with an error
            because the token is so new.
        wall_clock: Function that returns seconds since the epoch. It is used if a response has no
            ``Date``.
        chance: Function that returns a random number from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        token_source: TokenSource,
        limiter: RateLimiter,
        policy: RetryPolicy,
        lifetime: Lifetime,
        *,
        base_url: str,
        api_version: str,
        conditional: bool = True,
        one_account: bool = False,
        token_is_new: Callable[[Secret, ArtifactsError], bool] = lambda _, __: False,
        wall_clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._token_source = token_source
        self._limiter = limiter
        self._policy = policy
        self._lifetime = lifetime
        self._sender = RequestSender(
            transport,
            limiter,
            base_url=base_url,
            api_version=api_version,
            conditional=conditional,
        )
        self._one_account = one_account
        self._token_is_new = token_is_new
        self._wall_clock = wall_clock
        self._chance = chance
        self._retries = 0

    @property
    def waits(self) -> WaitReporter:
        """The reporter of long waits, also of those that are not for the API."""
        return self._limiter.waits

    @property
    def rate_limit(self) -> RateLimit | None:
        """The primary rate limit that GitHub last reported, or None if it has reported none."""
        return self._limiter.rate_limit

    @property
    def stats(self) -> Stats:
        """Counters of this client's work so far."""
        return Stats(
            calls=self._sender.counts["calls"],
            not_modified=self._sender.counts["not modified"],
            retries=self._retries,
            waited=self._limiter.waited,
            bytes_received=self._transport.bytes_received,
            waiting=self.waits.current,
        )

    async def call(self, call: ApiCall[_T], permit: ConnectionPermit | None = None) -> _T:
        """Make a call, and return its decoded result.

        Args:
            call: The call to make.
            permit: Permit for the connection to use; None to take a new one.

        Raises:
            GitHubError: GitHub refused the call, or failed to carry it out.
            RedirectRefused: The response is a redirect that must not be followed.
            TransportError: No complete response arrived.
        """
        return call.decode(call, await self.fetch(call, permit))

    async def fetch(self, call: ApiCall[Any], permit: ConnectionPermit | None = None) -> Response:
        """Make a call, as `call` does, and return its response without decoding it."""
        permit = permit or self._transport.pool.permit()
        async with self._lifetime.scope(), self._limiter.concurrency_slot(call):
            return await self._call_with_retries(call, None, permit)

    def redact(self, text: str) -> str:
        """Shorten a text that quotes responses, and remove the secrets that were sent last."""
        return self._transport.redactor.redact(text)

    async def _call_with_retries(
        self,
        call: ApiCall[Any],
        token_factory: Callable[[], str] | None,
        permit: ConnectionPermit,
    ) -> Response:
        """Make attempts until one succeeds or the policy allows no more; return the response."""
        state = CallState(call.method, call.repeatable, call.divisible)
        rejected: Secret | None = None
        renewed: Secret | None = None

        async def get_token() -> Secret | None:
            nonlocal renewed
            if token_factory is not None:
                return cast("Secret", hidden(token_factory()))
            token, renewed = renewed or await self._token(rejected), None
            return token

        try:
            while True:
                state.attempts += 1
                issued_at, token, gate = await self._wait_for_token(call, get_token)
                counted = token_factory is None
                attempt = Attempt(call, state, permit, counted, token, gate)
                try:
                    outcome = await self._attempt(attempt, issued_at)
                except GateClosed:
                    state.attempts -= 1
                    continue
                match next_step(self._policy, state, outcome, self._chance()):
                    case Return(response):
                        return response
                    case Raise(failure):
                        raise failure
                    case RenewToken(failure):
                        rejected, renewed = token, await self._token(token)
                        if renewed == token:
                            raise failure
                        self._retries += 1
                        state.token_renewed = True
                    case RepeatToken(seconds):
                        self._retries += 1
                        state.early_refusals += 1
                        _log.info(
                            "%s; the token is new: retrying in %.0f s", outcome.error, seconds
                        )
                        await asyncio.sleep(seconds)
                        state.seconds += seconds
                    case WaitForGate():
                        self._retries += 1
                    case RetryAfter(seconds):
                        self._retries += 1
                        _log.info("%s; retrying in %.1f s", outcome.error, seconds)
                        reason = f"{outcome.error}; then a retry"
                        self.waits.report(seconds, reason, type(outcome.error))
                        state.may_be_done = state.may_be_done or may_have_worked(outcome)
                        await asyncio.sleep(seconds)
                        state.seconds += seconds
                state.previous = outcome.error
        except ArtifactsError as error:
            if isinstance(error, NotFound):
                error.may_have_worked = state.may_be_done
            record_attempts(error, state.attempts, state.seconds, state.previous)
            raise

    async def _wait_for_token(
        self, call: ApiCall[Any], get_token: Callable[[], Awaitable[Secret | None]]
    ) -> tuple[float, Secret | None, Gate]:
        """Wait until the rate limits of the token's account allow the next attempt.

        Returns:
            The time at which the token was requested, the token, and the gate of its account.
        """
        loop = asyncio.get_running_loop()
        if self._one_account:
            # A token may expire during a wait, so it is requested afterwards.
            gate = self._limiter.gate(None)
            await self._limiter.wait_until_open(call, gate)
            return loop.time(), await get_token(), gate
        closed: Gate | None = None
        while True:
            issued_at, token = loop.time(), await get_token()
            gate = self._limiter.gate(token)
            if closed is not None and gate is not closed:
                closed.departures += 1
            if gate.closed_for() is None:
                return issued_at, token, gate
            closed = gate
            await self._limiter.wait_until_open(call, gate, gate.patience())

    async def _attempt(self, attempt: Attempt, issued_at: float) -> AttemptOutcome:
        """Make an attempt, and report its outcome to the gate of its account."""
        call, token, gate = attempt.call, attempt.token, attempt.gate
        try:
            sent = await self._sender.send(attempt)
        except ArtifactsError as failure:
            return AttemptOutcome(None, failure)
        response = sent.response
        error = error_of(call, response, anonymous=token is None)
        allowed = False
        if isinstance(error, RateLimited):
            wait = gate.note_limit(response.headers, sent.sent_at)
            allowed = not self._limiter.exceeds_max_wait(wait)
            _log.info("%s: rate limit reached; GitHub accepts calls again in %.0f s", call, wait)
        else:
            gate.note_success(sent.sent_at)
        own_token = token if attempt.counted else None
        is_new = (
            own_token is not None and error is not None and self._token_is_new(own_token, error)
        )
        return AttemptOutcome(
            response,
            error,
            retry_after=rate_limit_headers.retry_after(response.headers, self._wall_clock()),
            limit_allows_retry=allowed,
            token_age=sent.sent_at - issued_at if own_token is not None else None,
            token_is_new=is_new,
        )

    async def _token(self, rejected: Secret | None) -> Secret | None:
        """Return the token for the next attempt, if possible a different one from `rejected`."""

        async def call_with_token(call: ApiCall[_T], token_factory: Callable[[], str]) -> _T:
            # This call takes no concurrency slot: the call that needs the token already holds one.
            permit = self._transport.pool.permit()
            return call.decode(call, await self._call_with_retries(call, token_factory, permit))

        token = hidden(
            await self._token_source(
                call_with_token, None if rejected is None else rejected.reveal()
            )
        )
        return None if token is None else _arguments.token(token)
