"""GitHub Apps: all tasks share one token, which is created only when it is needed."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ghartifacts_async import (
    ArtifactsError,
    AuthenticationError,
    GitHubApp,
    InstallationTokenError,
    InvalidArgument,
    PermissionDenied,
    ServerError,
)
from ghartifacts_async._api.endpoints import IssuedToken
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async.testing import FakeLimits, Fault
from tests.api.support import World, now, open_world
from tests.clock import FastLoop, fast, wall
from tests.support import REPOSITORY, rsa_keys


@asynccontextmanager
async def app_world(
    app: dict[str, Any] | None = None, *, known: bool = True, ttl: float = 3600.0, **client: Any
) -> AsyncIterator[World]:
    """Open a `World` whose client authenticates as an installation of a GitHub App.

    Args:
        app: Arguments of the GitHubApp.
        known: Whether the FakeGitHub knows the app.
        ttl: Seconds until a token expires.
        client: Arguments of `open_world`.
    """
    private, public = rsa_keys()
    arguments: dict[str, Any] = {"installation_id": 42, "wall_clock": wall} | (app or {})
    auth = GitHubApp(7, private, **arguments)
    async with open_world(auth=auth, **client) as world:
        if known:
            world.fake.add_app(7, public, 42, [REPOSITORY], token_ttl=ttl)
        yield world


async def get(world: World, times: int) -> None:
    """Get the artifact `times` times concurrently."""
    await asyncio.gather(*(world.repo.get_artifact(world.artifact) for _ in range(times)))


def token_requests(world: World) -> int:
    """Return the number of requests for a token."""
    return sum(request.method == "POST" for request in world.fake.requests)


@fast
async def test_a_thousand_tasks_create_one_token() -> None:
    """A thousand tasks share one installation token, and one new token after each expiry."""
    async with app_world(fake={"limits": FakeLimits(primary=10**6)}) as world:
        await get(world, 1000)
        assert world.fake.tokens_created == token_requests(world) == 1
        for expiry in (2, 3):
            await asyncio.sleep(3600)
            await get(world, 1000)
            assert world.fake.tokens_created == token_requests(world) == expiry
        assert {request.status for request in world.fake.requests} <= {200, 201, 304}


@fast
async def test_a_token_is_renewed_a_minute_before_it_expires() -> None:
    """A token is used until a minute before it expires; then a new one is created."""
    async with app_world() as world:
        await get(world, 1)
        await asyncio.sleep(3600 - 60 - 3)
        await get(world, 1)
        assert world.fake.tokens_created == 1
        await asyncio.sleep(4)
        await get(world, 1)
        assert world.fake.tokens_created == 2


@fast
async def test_the_moment_of_renewal() -> None:
    """A token is renewed exactly a minute before it expires, and not earlier."""
    tokens = (IssuedToken(Secret(f"token-{number}"), 3600.0, 0.0, None) for number in (1, 2))

    async def create_token(*_: object) -> Any:
        return next(tokens)

    loop, app = asyncio.get_running_loop(), GitHubApp(7, rsa_keys()[0], installation_id=42)
    assert isinstance(loop, FastLoop)
    began = loop.time()
    for moment, expected in ((0, "token-1"), (3539.9, "token-1"), (3540, "token-2")):
        loop.now = began + moment
        assert await app.token(create_token, None) == expected


@fast
async def test_a_revoked_token_is_renewed_once() -> None:
    """A revoked token is renewed once for all tasks, and their calls succeed."""
    async with app_world() as world:
        await get(world, 1)
        token = world.fake.requests[-1].headers["Authorization"].removeprefix("Bearer ")
        world.fake.revoke(token)
        await get(world, 200)
        assert world.fake.tokens_created == 2


@fast
async def test_a_rejected_new_token_raises() -> None:
    """If GitHub keeps rejecting a new token and then its replacement, the call fails."""
    async with app_world() as world:
        world.fake.fail_next(*[401] * 5, method="GET")
        with pytest.raises(AuthenticationError) as caught:
            await get(world, 1)
        assert caught.value.attempts == 5
        assert world.fake.tokens_created == 2


@fast
async def test_a_provider_is_called_again_after_a_401() -> None:
    """After a 401 the token provider is called once more, and its new token is used."""
    provided: list[str] = []

    async def provide() -> str:
        provided.append("wrong-token" if not provided else "fake-token")
        return provided[-1]

    async with open_world(auth=provide) as world:
        await get(world, 1)
    assert provided == ["wrong-token", "fake-token"]
    assert world.gh.stats.retries == 1


@fast
async def test_a_cancelled_token_request_blocks_no_other_task() -> None:
    """If the task that requests the token is cancelled, another waiting task requests it."""
    async with app_world() as world:
        with world.fake.holding(method="POST"):
            tasks = [
                asyncio.ensure_future(world.repo.get_artifact(world.artifact)) for _ in range(20)
            ]
            await asyncio.sleep(1)
            tasks[0].cancel()
            await asyncio.sleep(1)
            tasks[1].cancel()
            await asyncio.sleep(1)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, BaseException) for result in done] == [True] * 2 + [False] * 18
        assert now() < 10


@fast
async def test_token_requests_are_retried() -> None:
    """A failed request for an installation token is retried like any other call."""
    async with app_world() as world:
        world.fake.fail_next(503, Fault.dropped(), Fault.secondary_limit(9), method="POST")
        await get(world, 20)
        assert (world.fake.tokens_created, token_requests(world)) == (1, 4)


@fast
async def test_a_failed_token_request_fails_all_waiting_calls() -> None:
    """A failed token request fails all calls that wait for it, and the next call tries again."""
    async with app_world() as world:
        world.fake.fail_next(*[500] * 6, method="POST")
        done = await asyncio.gather(
            *(world.repo.get_artifact(world.artifact) for _ in range(40)), return_exceptions=True
        )
        assert {type(error) for error in done} == {ServerError}
        assert len({id(error) for error in done}) == 40
        assert token_requests(world) == 6
        await get(world, 1)


@fast
async def test_an_installation_is_looked_up_once() -> None:
    """An app looks up its installation on a repository once, not again for each new token."""
    app = {"installation_id": None, "repository": REPOSITORY}
    async with app_world(app, ttl=100) as world:
        await get(world, 10)
        await asyncio.sleep(100)
        await get(world, 10)
        paths = [request.path for request in world.fake.requests]
        assert paths.count(f"/repos/{REPOSITORY}/installation") == 1
        assert world.fake.tokens_created == 2


@fast
async def test_permissions_are_narrowed() -> None:
    """A token with read permission cannot delete; the error names the missing permission."""
    async with app_world({"permissions": {"actions": "read"}}) as world:
        await get(world, 1)
        with pytest.raises(PermissionDenied, match="actions=write"):
            await world.repo.delete_artifact(world.artifact)


@fast
async def test_an_unknown_app_raises() -> None:
    """If GitHub does not know the app or the installation, the error names the failed call."""
    async with app_world(known=False) as world:
        with pytest.raises(ArtifactsError, match=r"access_tokens: 40[14]") as caught:
            await get(world, 1)
        assert "BEGIN" not in "".join(traceback.format_exception(caught.value))
    async with app_world({"installation_id": 43}) as world:
        with pytest.raises(InstallationTokenError, match="installations/43"):
            await get(world, 1)


@pytest.mark.parametrize("key", ["-----BEGIN canary", b"canary", ""])
def test_an_invalid_key_is_not_shown(key: str | bytes) -> None:
    """An invalid private key raises InvalidArgument, and no stack frame of the error holds it."""
    with pytest.raises(InvalidArgument, match="not the PEM") as caught:
        GitHubApp(7, key, installation_id=42)
    assert caught.value.__cause__ is caught.value.__context__ is None
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = "".join(str(frame.locals) for frame in frames if "tests" not in frame.filename)
    assert "canary" not in shown


@fast
async def test_an_apps_own_rate_limit_is_separate() -> None:
    """The rate limit of an app's token requests does not delay the calls made with its tokens."""
    limits = FakeLimits(primary=3, window=1000)
    async with app_world({"wall_clock": wall}, fake={"limits": limits}, ttl=200.0) as world:
        for _ in range(4):
            await asyncio.sleep(141)
            await world.repo.delete_artifact(world.fake.add_artifact(REPOSITORY, "x", b"").id)
        assert world.gh.rate_limit is not None
        assert world.fake.wait_violations == 0
        refused = [request for request in world.fake.requests if request.status == 403]
        assert not refused


@fast
async def test_a_short_lived_token_is_shared() -> None:
    """A token that expires within a minute is not renewed for each call."""
    async with app_world() as world:
        soon = "2027-01-15T08:00:50Z"
        body = {"token": world.fake.token, "expires_at": soon}
        world.fake.fail_next(Fault(201, body=body), method="POST")
        await get(world, 30)
        assert token_requests(world) == 1


@fast
async def test_a_renewed_token_waits_as_its_predecessor() -> None:
    """All tokens of an app belong to one account: a renewed one waits for the limit of the last."""
    async with app_world(ttl=100) as world:
        await get(world, 1)
        world.fake.fail_next(Fault.secondary_limit(600), method="GET")
        await get(world, 5)
        assert now() >= 600
        assert token_requests(world) > 1
        assert world.fake.wait_violations == 0
