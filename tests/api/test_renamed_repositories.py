"""Redirects to renamed repositories are followed with the token, within the API only."""

from __future__ import annotations

from typing import Any

import pytest

from ghartifacts_async import NotFound, RedirectRefused
from ghartifacts_async.testing import Fault
from tests.api.support import open_world
from tests.clock import fast
from tests.support import REPOSITORY


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("url", ["url", "ghes_url"])
@fast
async def test_a_rename_is_followed_by_every_call(url: str, status: Any) -> None:
    """Each call to a renamed repository follows GitHub's redirect, and both requests count."""
    async with open_world(url=url, conditional=False) as world:
        second = world.fake.add_artifact(REPOSITORY, "other", b"x").id
        world.fake.rename_repository(REPOSITORY, "octo-org/new", status=status)
        assert (await world.repo.get_artifact(world.artifact)).id == world.artifact
        assert (await world.repo.get_artifact(world.artifact)).id == world.artifact
        assert [listed.id async for listed in world.repo.list_artifacts()] == [
            second,
            world.artifact,
        ]
        await world.repo.delete_artifact(second)
        sent = world.fake.requests
        assert [request.status for request in sent] == [status, 200] * 3 + [status, 204]
        assert ["/repositories/" in request.path for request in sent] == [False, True] * 4
        authorizations = {request.headers["Authorization"] for request in sent}
        assert authorizations == {f"Bearer {world.fake.token}"}
        assert world.gh.stats.calls == len(sent)


@fast
async def test_a_missing_artifact_of_a_renamed_repository_costs_two_requests() -> None:
    """A missing artifact of a renamed repository raises NotFound after one redirect."""
    async with open_world() as world:
        world.fake.rename_repository(REPOSITORY, "octo-org/new")
        for _ in range(3):
            with pytest.raises(NotFound):
                await world.repo.get_artifact(99999)
        assert [request.status for request in world.fake.requests] == [301, 404] * 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@fast
async def test_redirect_loops_are_bounded(status: Any) -> None:
    """A redirect loop raises RedirectRefused after a few requests."""
    async with open_world() as world:
        loop = f"{world.fake.url}/repos/{REPOSITORY}/actions/artifacts/{world.artifact}"
        world.fake.fail_when(lambda _: Fault(status, headers={"Location": loop}))
        with pytest.raises(RedirectRefused, match="loop"):
            await world.repo.get_artifact(world.artifact)
        assert len(world.fake.requests) <= 10


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/repos/a/b",
        "http://127.0.0.2:1/repos/a/b",
        "http://127.0.0.1:1/repositories/1/actions/artifacts/1",
        "/login",
        "",
    ],
)
@fast
async def test_a_foreign_redirect_is_refused(location: str) -> None:
    """A redirect to a URL outside the API is refused, and no request is sent there."""
    async with open_world() as world:
        world.fake.fail_next(Fault(302, headers={"Location": location}))
        with pytest.raises(RedirectRefused):
            await world.repo.get_artifact(world.artifact)
        assert len(world.fake.requests) == 1


@fast
async def test_a_rename_may_be_undone() -> None:
    """A repository that gets its old name back is found at once."""
    async with open_world() as world:
        world.fake.rename_repository(REPOSITORY, "octo-org/new")
        await world.repo.get_artifact(world.artifact)
        world.fake.rename_repository("octo-org/new", REPOSITORY)
        world.fake.clear_requests()
        await world.repo.get_artifact(world.artifact)
        assert len(world.fake.requests) == 1


@fast
async def test_five_redirects_are_followed() -> None:
    """A call follows up to five redirects, one after another."""
    async with open_world() as world:
        target = f"{world.fake.url}/repos/{REPOSITORY}/actions/artifacts/{world.artifact}"
        world.fake.fail_next(*[Fault(301, headers={"Location": target})] * 5)
        assert (await world.repo.get_artifact(world.artifact)).id == world.artifact
        assert [request.status for request in world.fake.requests] == [301] * 5 + [200]
