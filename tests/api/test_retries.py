"""Which failures are retried, when, and what the final error says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ghartifacts_async import (
    ArtifactsError,
    Client,
    ConnectionFailed,
    GitHubError,
    NotFound,
    RateLimited,
    RateLimitPolicy,
    RetryPolicy,
    ServerError,
    TimedOut,
    Timeouts,
)
from ghartifacts_async._http.transport import Transport
from ghartifacts_async.errors import CertificateRefused
from ghartifacts_async.testing import Fault
from tests.api.support import now, open_world
from tests.clock import fast
from tests.support import REPOSITORY, raw_server, says

NO_WAIT = RetryPolicy(wait_initial=0)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, retry_after=7),
        408,
        425,
        500,
        501,
        502,
        503,
        504,
        520,
        529,
        599,
        Fault.html(502),
        Fault.dropped(),
        Fault.dropped(after=True),
        Fault.cut(),
        Fault.secondary_limit(7),
    ],
)
@fast
async def test_transient_failures_are_retried(fault: Fault | int) -> None:
    """A call succeeds after two server errors, rate limits or broken connections."""
    async with open_world() as world:
        world.fake.fail_next(fault, fault)
        assert (await world.repo.get_artifact(world.artifact)).id == world.artifact
        assert len(world.fake.requests) == 3
        assert world.gh.stats.retries == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418, 422, 423, 451])
@fast
async def test_permanent_failures_are_not_retried(status: int) -> None:
    """An error that a retry cannot fix is raised after one request."""
    async with open_world(api_version="2022-11-28") as world:
        world.fake.fail_next(*[status] * 3)
        with pytest.raises(GitHubError) as caught:
            await world.repo.get_artifact(world.artifact)
        assert caught.value.status == status
        assert caught.value.attempts == len(world.fake.requests) == 1
        assert now() < 1


@pytest.mark.parametrize("by_date", [False, True])
@pytest.mark.parametrize("status", [429, 500, 503])
@fast
async def test_retry_after_is_kept(status: int, by_date: bool) -> None:
    """The next attempt starts at the time in Retry-After, as a number or a date, and not before."""
    async with open_world(retry=NO_WAIT) as world:
        await asyncio.sleep(0.9)  # the server's dates are in whole seconds
        world.fake.fail_next(Fault(status, retry_after=40, retry_after_date=by_date))
        began = now()
        await world.repo.get_artifact(world.artifact)
        assert 40 <= now() - began + (0.9 if by_date else 0) < 42


@fast
async def test_the_servers_clock_may_be_wrong() -> None:
    """A date in Retry-After is relative to the server's Date header, however wrong its clock is."""
    async with open_world(retry=NO_WAIT) as world:
        past = {"Date": "Wed, 01 Jan 2020 00:00:00 GMT"}
        later = past | {"Retry-After": "Wed, 01 Jan 2020 00:00:30 GMT"}
        world.fake.fail_next(Fault(503, headers=later))
        await world.repo.get_artifact(world.artifact)
        assert 30 <= now() < 31


@pytest.mark.parametrize("attempts", [1, 2, 4])
@fast
async def test_attempts_are_bounded(attempts: int) -> None:
    """A call makes at most `attempts` attempts; the error gives cause, attempts and seconds."""
    async with open_world(retry=RetryPolicy(attempts=attempts, wait_initial=0.5)) as world:
        world.fake.fail_next(*[502] * 10)
        with pytest.raises(ServerError) as caught:
            await world.repo.get_artifact(world.artifact)
        error = caught.value
        assert error.attempts == len(world.fake.requests) == attempts
        assert "502 Bad Gateway" in str(error)
        assert (f"{attempts} attempts in {error.seconds:.1f} s" in str(error)) is (attempts > 1)


@fast
async def test_time_is_bounded() -> None:
    """No attempt starts after the policy's timeout; a Retry-After beyond it raises at once."""
    async with open_world(retry=RetryPolicy(attempts=1000, timeout=60)) as world:
        world.fake.fail_when(lambda _: 500)
        with pytest.raises(ServerError) as caught:
            await world.repo.get_artifact(world.artifact)
        assert now() <= 60
        assert 5 < caught.value.attempts < 1000
        world.fake.clear_faults()
        world.fake.fail_next(Fault(503, retry_after=61))
        began = now()
        with pytest.raises(ServerError):
            await world.repo.get_artifact(world.artifact)
        assert now() - began < 1


@fast
async def test_a_permanent_failure_reports_earlier_attempts() -> None:
    """The error of a permanent failure after a transient one includes the number of attempts."""
    async with open_world() as world:
        world.fake.fail_next(500, Fault(302, headers={"Location": "ftp://x/"}))
        with pytest.raises(ArtifactsError, match="2 attempts") as caught:
            await world.repo.get_artifact(world.artifact)
        assert caught.value.attempts == 2


@pytest.mark.parametrize(
    "fault", [Fault.dropped(after=True), *(Fault(status, after=True) for status in (500, 502, 504))]
)
@fast
async def test_a_delete_with_a_lost_response_succeeds(fault: Fault) -> None:
    """A DELETE whose response was lost succeeds, although its next attempt gets a 404."""
    async with open_world() as world:
        world.fake.fail_next(fault)
        await world.repo.delete_artifact(world.artifact)
        # GitHub also answers 404 if the token cannot see the repository, so that is checked.
        statuses = [(request.method, request.status) for request in world.fake.requests]
        assert statuses[1:] == [("DELETE", 404), ("GET", 404), ("GET", 200)]
        with pytest.raises(NotFound):
            await world.repo.delete_artifact(world.artifact)


@fast
async def test_a_refused_delete_has_not_deleted() -> None:
    """A DELETE that a rate limit refuses and that then gets a 404 raises NotFound."""
    async with open_world() as world:
        world.fake.fail_next(Fault.secondary_limit(5), method="DELETE")
        with pytest.raises(NotFound):
            await world.repo.delete_artifact(4711)


@fast
async def test_refused_connections_are_retried() -> None:
    """Refused connections are retried; the error includes the number of attempts."""
    async with raw_server(says(b"")) as url:
        pass
    async with Client("t", base_url=url) as gh:
        with pytest.raises(ConnectionFailed, match=r"cannot connect .*6 attempts") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert caught.value.attempts == 6


@fast
async def test_a_timeout_is_retried() -> None:
    """A call without a response within `Timeouts.call` is sent again."""
    async with open_world(timeouts=Timeouts(call=10), retry=NO_WAIT) as world:
        with world.fake.holding():
            call = asyncio.ensure_future(world.repo.get_artifact(world.artifact))
            await asyncio.sleep(25)
        await call
        assert len(world.fake.requests) == 3
        with world.fake.holding(), pytest.raises(TimedOut, match="6 attempts in 6"):
            await world.repo.get_artifact(world.artifact)


@fast
async def test_a_refused_certificate_is_not_retried() -> None:
    """An untrusted certificate raises CertificateRefused after one request."""
    async with open_world() as world:
        sent = 0

        async def refuse(*_: object, **__: object) -> None:
            nonlocal sent
            sent += 1
            raise CertificateRefused("api: its certificate was refused", host="api")

        # A refused handshake is not in the fake's log of requests, so this counts the attempts.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Transport, "send", refuse)
            with pytest.raises(CertificateRefused):
                await world.repo.get_artifact(world.artifact)
        assert sent == 1


@fast
async def test_cancelling_a_retry_wait_ends_it_at_once() -> None:
    """Cancelling a call that waits for its next attempt ends it at once and lets others proceed."""
    async with open_world(rate_limits=RateLimitPolicy(concurrent_requests=1)) as world:
        world.fake.fail_next(Fault(503, retry_after=100))
        waiting = asyncio.ensure_future(world.repo.get_artifact(world.artifact))
        await asyncio.sleep(10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await world.repo.get_artifact(world.artifact)
        assert now() < 11


@pytest.mark.parametrize("max_wait", [3700.0, 0.0])
@fast
async def test_refusals_at_a_limit_are_bounded(max_wait: float) -> None:
    """Repeated rate limits raise RateLimited after all attempts, or at once with `max_wait=0`."""
    async with open_world(
        retry=RetryPolicy(attempts=3), rate_limits=RateLimitPolicy(max_wait=max_wait)
    ) as world:
        world.fake.fail_next(*[Fault.secondary_limit(30)] * 5)
        with pytest.raises(RateLimited, match="secondary rate limit") as caught:
            await world.repo.get_artifact(world.artifact)
        assert caught.value.attempts == (3 if max_wait else 1)
        assert isinstance(caught.value.retry_at, datetime)
        assert caught.value.retry_at.tzinfo is UTC
        assert world.fake.wait_violations == 0


@fast
async def test_an_error_at_a_limit_includes_the_previous_failure() -> None:
    """If a rate limit prevents the retry of a failed call, the error names limit and failure."""
    async with open_world(rate_limits=RateLimitPolicy(max_wait=10)) as world:
        world.fake.fail_next(Fault(502, retry_after=5), method="DELETE")
        deletion = asyncio.ensure_future(world.repo.delete_artifact(world.artifact))
        await asyncio.sleep(1)
        world.fake.fail_next(Fault.secondary_limit(1000), method="GET")
        with pytest.raises(RateLimited):
            await world.repo.get_artifact(world.artifact)
        with pytest.raises(
            RateLimited, match=r"not sent.*2 attempts in .*; the previous attempt: .*502"
        ):
            await deletion
