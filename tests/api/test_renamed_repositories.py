"""Redirects to renamed repositories are followed with the token, within the API only."""

from __future__ import annotations

from typing import Any

import pytest

from ghartifacts_async import NotFound, RedirectRefused
from ghartifacts_async.testing import Fault
from tests.api.support import world
from tests.clock import fast
from tests.support import REPOSITORY


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("url", ["url", "ghes_url"])
@fast
async def test_a_rename_is_followed_by_every_call(url: str, status: Any) -> None:
    """Each call to a renamed repository follows GitHub's redirect, and both requests count."""
    async with world(url=url, conditional=False) as made:
        second = made.fake.add_artifact(REPOSITORY, "other", b"x").id
        made.fake.rename_repository(REPOSITORY, "octo-org/new", status=status)
        assert (await made.repo.get_artifact(made.artifact)).id == made.artifact
        assert (await made.repo.get_artifact(made.artifact)).id == made.artifact
        assert [one.id async for one in made.repo.list_artifacts()] == [second, made.artifact]
        await made.repo.delete_artifact(second)
        sent = made.fake.requests
        assert [one.status for one in sent] == [status, 200] * 3 + [status, 204]
        assert ["/repositories/" in one.path for one in sent] == [False, True] * 4
        assert {one.headers["Authorization"] for one in sent} == {f"Bearer {made.fake.token}"}
        assert made.gh.stats.calls == len(sent)


@fast
async def test_a_missing_artifact_of_a_renamed_repository_costs_two_requests() -> None:
    """An artifact that a renamed repository lacks is NotFound after one redirect."""
    async with world() as made:
        made.fake.rename_repository(REPOSITORY, "octo-org/new")
        for _ in range(3):
            with pytest.raises(NotFound):
                await made.repo.get_artifact(99999)
        assert [one.status for one in made.fake.requests] == [301, 404] * 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@fast
async def test_redirect_loops_are_bounded(status: Any) -> None:
    """A redirect loop raises RedirectRefused after a few requests."""
    async with world() as made:
        loop = f"{made.fake.url}/repos/{REPOSITORY}/actions/artifacts/{made.artifact}"
        made.fake.fail_when(lambda _: Fault(status, headers={"Location": loop}))
        with pytest.raises(RedirectRefused, match="loop"):
            await made.repo.get_artifact(made.artifact)
        assert len(made.fake.requests) <= 10


@pytest.mark.parametrize(
    "location", ["https://evil.example/repos/a/b", "http://127.0.0.2:1/repos/a/b", "/login", ""]
)
@fast
async def test_a_foreign_redirect_is_refused(location: str) -> None:
    """A redirect that leads outside of the API is refused and gets no request."""
    async with world() as made:
        made.fake.fail_next(Fault(302, headers={"Location": location}))
        with pytest.raises(RedirectRefused):
            await made.repo.get_artifact(made.artifact)
        assert len(made.fake.requests) == 1


@fast
async def test_a_rename_may_be_undone() -> None:
    """A repository that gets its old name back is found at once."""
    async with world() as made:
        made.fake.rename_repository(REPOSITORY, "octo-org/new")
        await made.repo.get_artifact(made.artifact)
        made.fake.rename_repository("octo-org/new", REPOSITORY)
        made.fake.clear_requests()
        await made.repo.get_artifact(made.artifact)
        assert len(made.fake.requests) == 1
