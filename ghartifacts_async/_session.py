"""The one loop between a method call and GitHub's answer: authorise, wait, send, judge, again."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

from attrs import define, evolve

from ghartifacts_async._limiter import Limiter
from ghartifacts_async._sansio import arguments, limits, redirects, retry
from ghartifacts_async._sansio.calls import ACCEPT, ApiCall, Reply, error_of, printable
from ghartifacts_async._sansio.etags import EtagCache
from ghartifacts_async._sansio.secret import Secret, redacted
from ghartifacts_async._transport import Transport
from ghartifacts_async.auth import Auth
from ghartifacts_async.errors import (
    ArtifactsError,
    AuthenticationError,
    CertificateRefused,
    NotFound,
    RateLimited,
    RedirectRefused,
    TransportError,
)
from ghartifacts_async.models import RateLimit, RetryPolicy, Stats

FALLBACK_VERSION = "2022-11-28"
"""The API version that every supported GHES knows; 3.20 and earlier know no other."""

_log = logging.getLogger("ghartifacts_async")


class Session:
    """API calls of one client.

    Args:
        transport: Sends them.
        auth: Whose calls they are.
        limiter: Says when one may go.
        policy: How often one is tried.
        base_url: Of the API, without a slash at its end.
        api_version: Sent as ``X-GitHub-Api-Version``.
        conditional: Whether answers are kept and asked after with their ``ETag``.
        wall_clock: Seconds since the epoch, for answers without ``Date``.
        chance: Random numbers from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        auth: Auth,
        limiter: Limiter,
        policy: RetryPolicy,
        *,
        base_url: str,
        api_version: str,
        conditional: bool = True,
        wall_clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._auth = auth
        self._limiter = limiter
        self._policy = policy
        self._base_url = base_url
        self._api_version = api_version
        self._known_version: str | None = None
        self._sunset_told = False
        self._moved: dict[str, str] = {}
        self._kept = EtagCache() if conditional else None
        self._wall_clock = wall_clock
        self._chance = chance
        self._stats = Stats()

    @property
    def rate_limit(self) -> RateLimit | None:
        """The primary limit as last told."""
        return self._limiter.rate_limit

    @property
    def stats(self) -> Stats:
        """What was done so far."""
        return evolve(
            self._stats,
            waited=self._limiter.waited,
            bytes_received=self._transport.bytes_received,
        )

    async def call(self, call: ApiCall) -> Reply:
        """Make a call, and return its answer: a success.

        Raises:
            GitHubError: GitHub says no.
            RedirectRefused: The answer is a redirect out of the API.
            TransportError: No answer came.
        """
        url, reply = await self._send(call)
        away = redirects.store_hop(url, reply.status, reply.headers)
        if away is not None:
            raise RedirectRefused(
                f"{call}: redirected from the API to {away.host}; the token does not go there"
            )
        return reply

    async def locate(self, call: ApiCall) -> redirects.SignedUrl:
        """Make a call whose answer is a redirect out of the API, and return its target.

        Raises:
            GitHubError: GitHub says no.
            RedirectRefused: There is no target, or an insecure one.
            TransportError: No answer came.
        """
        url, reply = await self._send(call)
        target = redirects.store_hop(url, reply.status, reply.headers)
        if target is None:
            raise RedirectRefused(
                f"{call}: expected a redirect to the payload, got status {reply.status}"
            )
        return target

    async def _send(self, call: ApiCall) -> tuple[str, Reply]:
        """An answer that is no error, and the URL that gave it, with a place of its own."""
        async with self._limiter.place(call):
            return await self._try(call, None)

    async def _ask(self, call: ApiCall, token: Callable[[], str]) -> Reply:
        """A call with another token. It takes no place: whoever needs a token has one."""
        return (await self._try(call, token))[1]

    async def _try(self, call: ApiCall, own_token: Callable[[], str] | None) -> tuple[str, Reply]:
        loop = asyncio.get_running_loop()
        effort = _Effort()
        url, sent_at = "", loop.time()
        rejected: str | None = None
        renewed: str | None = None
        lost = False
        while True:
            effort.tries += 1
            await self._limiter.opened(call)
            if own_token is not None:
                token: str | None = own_token()
            else:
                token = renewed or await self._token(rejected)
            renewed = None
            error: ArtifactsError
            answer: Reply | None = None
            try:
                url, reply, sent_at = await self._attempt(call, token, own_token is None, effort)
            except ArtifactsError as failed:
                error = failed
                passing = isinstance(failed, TransportError)
                failure = retry.Failure(
                    permanent=not passing or isinstance(failed, CertificateRefused)
                )
            else:
                refused = error_of(call, reply)
                if refused is None:
                    self._limiter.accepted(sent_at)
                    return url, reply
                answer, error = reply, refused
                if not isinstance(refused, RateLimited):
                    self._limiter.accepted(sent_at)
                after = limits.retry_after(reply.headers, self._wall_clock())
                failure = retry.Failure(reply.status, after)
            match error:
                case AuthenticationError() if token and not own_token and rejected is None:
                    rejected, renewed = token, await self._token(token)
                    if renewed != token:
                        self._stats = evolve(self._stats, retries=self._stats.retries + 1)
                        continue
                case NotFound() if lost and call.method == "DELETE":
                    # The answer that got lost was the one that said so.
                    return url, Reply(HTTPStatus.NO_CONTENT)
                case RateLimited() if answer is not None:
                    wait = self._limiter.refused(answer.headers, sent_at)
                    if effort.tries < self._policy.tries and not self._limiter.too_long(wait):
                        self._stats = evolve(self._stats, retries=self._stats.retries + 1)
                        _log.info("%s: refused at a limit, all calls wait %.0f s", call, wait)
                        continue
                case _:
                    pass
            attempt = retry.Attempt(effort.tries, effort.seconds, self._chance())
            decision = retry.decide(self._policy, attempt, failure)
            if isinstance(decision, retry.GiveUp) or isinstance(error, RateLimited):
                break
            if isinstance(error, TransportError):
                lost = lost or error.may_have_arrived
            elif answer is not None:
                lost = lost or answer.status in retry.MAY_HAVE_WORKED
            self._stats = evolve(self._stats, retries=self._stats.retries + 1)
            _log.info("%s; trying again in %.1f s", error, decision.seconds)
            await asyncio.sleep(decision.seconds)
            effort.seconds += decision.seconds
        raise _told(error, effort)

    async def _token(self, rejected: str | None) -> Secret | None:
        token = await self._auth.token(self._ask, rejected)
        return None if token is None else arguments.token(token)

    async def _attempt(
        self, call: ApiCall, token: str | None, counted: bool, effort: _Effort
    ) -> tuple[str, Reply, float]:
        """An answer, the URL that gave it, and when it was asked.

        Redirects within the API and the fallback to an older version are part of one try.

        Args:
            call: What to ask.
            token: Whose call it is.
            counted: Whether it counts on the primary limit of the client's other calls.
            effort: Takes up the time that it takes.
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
        first = url = self._base_url + redirects.relocated(call.target, self._moved)
        for _ in range(redirects.MAX_HOPS + 1):
            version = self._api_version
            ask = partial(self._answer, call, url, headers, body, counted, effort)
            reply, sent_at = await ask(version)
            # What other tasks asked meanwhile may have been refused as well, or have shown more.
            known = {FALLBACK_VERSION, self._known_version}
            if reply.status == HTTPStatus.BAD_REQUEST and version not in known:
                _log.info("%s: the server may not know API version %s", call, version)
                reply, sent_at = await ask(FALLBACK_VERSION)
            hop = redirects.api_hop(self._base_url, url, reply.status, reply.headers)
            if hop is None:
                break
            if reply.status == HTTPStatus.MOVED_PERMANENTLY and url == first:
                self._moved |= redirects.relocation(self._base_url, call.target, hop)
            url = hop
        else:
            raise RedirectRefused(f"{call}: over {redirects.MAX_HOPS} redirects; they may loop")
        if reply.status == HTTPStatus.NOT_MODIFIED and kept is not None:
            self._stats = evolve(self._stats, not_modified=self._stats.not_modified + 1)
            return url, kept, sent_at
        if self._kept is not None and reply.status == HTTPStatus.OK:
            self._kept.keep(call, reply)
        return url, reply, sent_at

    async def _answer(
        self,
        call: ApiCall,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        counted: bool,
        effort: _Effort,
        version: str,
    ) -> tuple[Reply, float]:
        """What the server says when it is the call's turn, and when that was."""
        headers = {**headers, "X-GitHub-Api-Version": version}
        loop = asyncio.get_running_loop()
        async with self._connection(call), self._limiter.turn(call) as sent_at:
            self._stats = evolve(self._stats, calls=self._stats.calls + 1)
            try:
                reply = await self._transport.send(call.method, url, headers, body)
            finally:
                effort.seconds += loop.time() - sent_at
            if counted:
                self._limiter.learn(reply.headers)
        reply = redacted(reply, headers.get("Authorization", "").removeprefix("Bearer "))
        request_id = printable(reply.headers.get("x-github-request-id", "-"))
        _log.debug("%s: %d (request %s)", call, reply.status, request_id)
        if reply.status < HTTPStatus.MULTIPLE_CHOICES or reply.status == HTTPStatus.NOT_MODIFIED:
            # A redirect shows nothing: some are answered before the version is looked at.
            self._api_version = self._known_version = version
        self._warn_of_sunset(reply, version)
        return reply, sent_at

    @asynccontextmanager
    async def _connection(self, call: ApiCall) -> AsyncIterator[None]:
        """A connection of the pool, which may be small and is left to others at a closed gate."""
        while True:
            async with self._transport.slots:
                if self._limiter.is_open():
                    yield
                    return
            await self._limiter.opened(call)

    def _warn_of_sunset(self, reply: Reply, version: str) -> None:
        if self._sunset_told or not {"deprecation", "sunset"} & reply.headers.keys():
            return
        self._sunset_told = True
        _log.warning(
            "GitHub will stop serving API version %s (Deprecation: %s, Sunset: %s)",
            version,
            printable(reply.headers.get("deprecation", "-")),
            printable(reply.headers.get("sunset", "-")),
        )


@define
class _Effort:
    """What a call has cost so far: its tries, and seconds without the waits at limits."""

    tries: int = 0
    seconds: float = 0.0


def _told(error: ArtifactsError, effort: _Effort) -> ArtifactsError:
    """The error with what was done about it."""
    if effort.tries > 1:
        error.tries, error.seconds = effort.tries, effort.seconds
        error.summary += f" (tried {effort.tries} times in {effort.seconds:.1f} s)"
    return error
