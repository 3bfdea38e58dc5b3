"""Problems with GitHub Apps: reinstallation, new tokens, wrong clocks and refusals."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    AuthenticationError,
    GitHubApp,
    InstallationTokenError,
    PermissionDenied,
    RetryPolicy,
)
from ghartifacts_async.testing import Fault, LoggedRequest
from tests.api.support import World, now, open_world
from tests.api.test_apps import app_world, get, token_requests
from tests.clock import fast, wall
from tests.support import REPOSITORY, rsa_keys

BY_REPOSITORY = {"installation_id": None, "repository": REPOSITORY}


def refuse_young_tokens(world: World, seconds: float, status: int) -> None:
    """Refuse every installation token for some seconds after it was first sent."""
    first_seen: dict[str, float] = {}

    def choose(request: LoggedRequest) -> Fault | None:
        token = request.headers["Authorization"]
        if request.method == "POST" or request.path.endswith("/installation"):
            return None
        if now() - first_seen.setdefault(token, now()) < seconds:
            message = {401: "Bad credentials", 403: "Resource not accessible by integration"}
            return Fault(status, body={"message": message[status]})
        return None

    world.fake.fail_when(choose)


@pytest.mark.parametrize("status", [401, 403])
@fast
async def test_a_new_token_is_tried_again(status: int) -> None:
    """A new token that some servers do not know yet is sent again, and no other is created."""
    async with app_world() as world:
        refuse_young_tokens(world, 5, status)
        await asyncio.sleep(60)
        began = now()
        await get(world, 5)
        assert 7 <= now() - began < 8
        assert world.fake.tokens_created == 1
        refused = [request for request in world.fake.requests if request.status == status]
        assert world.gh.stats.retries == len(refused)


@pytest.mark.parametrize(
    ("accepted", "attempts"),
    [
        (None, 4),
        ("actions=read", 4),
        ("actions=write", 1),
        ("contents=read; actions=read", 4),
        ("actions=read,contents=read", 1),
    ],
)
@fast
async def test_a_refusal_that_stays(accepted: str | None, attempts: int) -> None:
    """A 403 for a permission that the new token has is retried; any other 403 is raised."""
    headers = {} if accepted is None else {"X-Accepted-GitHub-Permissions": accepted}
    async with app_world({"permissions": {"actions": "read"}}) as world:
        world.fake.fail_next(*[Fault(403, headers=headers)] * 5, method="GET")
        with pytest.raises(PermissionDenied) as caught:
            await get(world, 1)
        assert caught.value.attempts == attempts
        await asyncio.sleep(30)
        world.fake.fail_next(Fault(403, headers=headers), method="GET")
        with pytest.raises(PermissionDenied) as caught:
            await get(world, 1)
        assert caught.value.attempts == 1


@fast
async def test_single_sign_on_is_not_waited_for() -> None:
    """A 403 for SAML single sign-on is raised at once, also if the token is new."""
    async with app_world() as world:
        fault = Fault(403, headers={"X-GitHub-SSO": "required; url=https://github.com/sso"})
        world.fake.fail_next(fault, method="GET")
        with pytest.raises(PermissionDenied) as caught:
            await get(world, 1)
        assert caught.value.attempts == 1


@fast
async def test_a_policy_without_retries_waits_for_no_token() -> None:
    """With `RetryPolicy(attempts=1)`, a new token that is refused is not sent again."""
    async with app_world(retry=RetryPolicy(attempts=1)) as world:
        refuse_young_tokens(world, 5, 403)
        with pytest.raises(PermissionDenied):
            await get(world, 1)
        assert now() < 1


@fast
async def test_a_reinstalled_app_is_found_again() -> None:
    """After an app was removed and installed again, its new installation is looked up once."""
    _, public = rsa_keys()
    async with app_world(BY_REPOSITORY) as world:
        await get(world, 1)
        token = world.fake.requests[-1].headers["Authorization"].removeprefix("Bearer ")
        world.fake.revoke(token)
        world.fake.add_app(7, public, 43, [REPOSITORY])
        world.fake.fail_when(
            lambda request: Fault(404) if "/installations/42/" in request.path else None
        )
        world.fake.fail_next(Fault(200, body={"id": 43}), path="/installation$")
        await get(world, 10)
        paths = Counter(request.path for request in world.fake.requests)
        assert paths[f"/repos/{REPOSITORY}/installation"] == 2
        assert paths["/app/installations/42/access_tokens"] == 2
        assert paths["/app/installations/43/access_tokens"] == 1


@fast
async def test_an_app_that_was_removed_for_good() -> None:
    """If an app is removed after its installation was found, the error says to install it."""
    async with app_world(BY_REPOSITORY) as world:
        await get(world, 1)
        token = world.fake.requests[-1].headers["Authorization"].removeprefix("Bearer ")
        world.fake.revoke(token)
        world.fake.fail_when(lambda request: 404 if "/installation" in request.path else None)
        with pytest.raises(InstallationTokenError, match="install the app on this") as caught:
            await get(world, 1)
        assert caught.value.installation_id is None


@fast
async def test_an_installation_that_stays_unknown_is_looked_up_twice() -> None:
    """If the same installation is found again, the refusal is raised without another attempt."""
    async with app_world(BY_REPOSITORY) as world:
        world.fake.fail_next(404, method="POST")
        with pytest.raises(InstallationTokenError, match="installations/42") as caught:
            await get(world, 1)
        assert caught.value.installation_id == 42
        assert caught.value.repository == REPOSITORY
        assert [request.method for request in world.fake.requests] == ["GET", "POST", "GET"]


@pytest.mark.parametrize("off", [-3600, -600, -500, -61, 0, 59, 61, 120, 600, 3600])
@fast
async def test_a_wrong_clock_is_corrected(off: int, caplog: pytest.LogCaptureFixture) -> None:
    """The clock of this machine may be wrong: GitHub's time is used, and a warning names it."""
    with caplog.at_level(logging.WARNING, "ghartifacts_async"):
        async with app_world({"wall_clock": lambda: wall() + off}) as world:
            await get(world, 1)
            assert token_requests(world) == (1 if -540 < off <= 60 else 2)
    direction = "ahead of" if off > 0 else "behind"
    assert (f"clock is {abs(off)} s {direction} GitHub's" in caplog.text) is (not -540 < off <= 60)


@fast
async def test_a_wrong_clock_is_named_in_the_error() -> None:
    """If a token is refused and the clock is wrong, the error gives both reasons."""
    async with app_world({"wall_clock": lambda: wall() + 600}) as world:
        world.fake.fail_next(401, 401, 401, method="POST")
        with pytest.raises(InstallationTokenError, match="clock is 600 s ahead of GitHub's"):
            await get(world, 1)
        assert token_requests(world) == 2


@fast
async def test_a_server_without_a_date_teaches_no_time() -> None:
    """Without a `Date` in the answer, a refused JWT is not sent again."""
    async with app_world({"wall_clock": lambda: wall() + 600}) as world:
        world.fake.fail_next(Fault(401, headers={"Date": ""}), method="POST")
        with pytest.raises(InstallationTokenError):
            await get(world, 1)
        assert token_requests(world) == 1


@pytest.mark.parametrize(
    ("app", "fault", "words"),
    [
        ({}, Fault(401, body={"message": "A JSON web token could not be decoded"}), "private_key"),
        ({}, Fault(404, body={"message": "Integration not found"}), "check app_id"),
        ({}, 404, "pass repository instead"),
        (BY_REPOSITORY, Fault(404, body={"message": "Not Found"}), "install the app on this"),
        ({}, Fault(403, body={"message": "This installation has been suspended"}), "suspended"),
        ({}, Fault(422, body={"message": "Unprocessable"}), "does not have all of these"),
    ],
)
@fast
async def test_refusals_say_what_to_do(app: dict[str, Any], fault: Fault | int, words: str) -> None:
    """The error of a refused token names the app, the installation and what to do."""
    async with app_world(app) as world:
        path = "installation$" if app else "access_tokens"
        world.fake.fail_next(fault, fault, path=path)
        with pytest.raises(AuthenticationError) as caught:
            await get(world, 1)
    error = caught.value
    assert isinstance(error, InstallationTokenError)
    assert words in str(error)
    where = REPOSITORY if app else "installation 42"
    assert str(error).startswith(f"GitHubApp 7, {where}: cannot create a token: ")
    assert error.app_id == "7"
    assert error.installation_id == (None if app else 42)


@pytest.mark.parametrize("status", [403, 404])
@fast
async def test_a_mirror_ends_if_the_app_is_removed(status: int, tmp_path: Path) -> None:
    """A mirror ends with the error of the app after a few calls, not one for each artifact."""
    private, _ = rsa_keys()
    app = GitHubApp(7, private, installation_id=42, wall_clock=wall)
    async with open_world(auth=app) as world:
        world.fake.add_app(7, rsa_keys()[1], 42)
        for _ in range(100):
            world.fake.add_artifact(REPOSITORY, "dist", b"x")
        await world.repo.list_artifacts().collect()
        removed = Fault(status, body={"message": "gone"})
        world.fake.fail_when(
            lambda request: (
                removed
                if request.method == "POST"
                else Fault(401)
                if request.path.endswith("/zip")
                else None
            )
        )
        world.fake.clear_requests()
        with pytest.raises(InstallationTokenError, match="gone"):
            await world.repo.mirror(tmp_path)
        assert len(world.fake.requests) < 60
