"""Redirects to renamed repositories are followed with the token, within the API only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ghartifacts_async import NotFound, RedirectRefused
from ghartifacts_async.testing import Fault
from tests.api.support import world
from tests.clock import fast
from tests.support import REPOSITORY


@pytest.mark.parametrize("url", ["url", "ghes_url"])
@fast
async def test_a_rename_is_followed_and_remembered(url: str) -> None:
    """After one 301 every call for the repository goes straight to its new place."""
    async with world(url=url) as made:
        second = made.fake.add_artifact(REPOSITORY, "other", b"x").id
        made.fake.rename_repository(REPOSITORY, "octo-org/new")
        assert (await made.repo.get_artifact(made.artifact)).id == made.artifact
        assert [request.status for request in made.fake.requests] == [301, 200]
        made.fake.clear_requests()
        await made.repo.get_artifact(second)
        assert [one.id async for one in made.repo.list_artifacts()] == [second, made.artifact]
        await made.repo.delete_artifact(second)
        assert [request.status for request in made.fake.requests] == [200, 200, 204]
        for request in made.fake.requests:
            assert "/repositories/" in request.path
            assert request.headers["Authorization"] == f"Bearer {made.fake.token}"


@fast
async def test_what_is_missing_is_asked_for_once() -> None:
    """What a renamed repository does not have costs a call each time, and no way back and forth."""
    async with world() as made:
        made.fake.rename_repository(REPOSITORY, "octo-org/new")
        for _ in range(3):
            with pytest.raises(NotFound):
                await made.repo.get_artifact(99999)
        assert len(made.fake.requests) <= 3 + 2


@pytest.mark.parametrize("status", [302, 307])
@fast
async def test_a_passing_redirect_is_not_remembered(status: Any) -> None:
    """A 302 or 307 is followed each time anew."""
    async with world() as made:
        made.fake.rename_repository(REPOSITORY, "octo-org/new", status=status)
        for _ in range(2):
            await made.repo.get_artifact(made.artifact)
        asked = [request.path for request in made.fake.requests]
        assert len(asked) == 4
        assert asked[0] == asked[2]


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
    """A repository that is not found where it had moved is asked for by its name, once an hour."""
    async with world() as made:
        made.fake.rename_repository(REPOSITORY, "octo-org/new")
        await made.repo.get_artifact(made.artifact)
        made.fake.fail_when(
            lambda request: Fault(404) if request.path.startswith("/repositories/") else None
        )
        made.fake.rename_repository("octo-org/new", REPOSITORY)
        with pytest.raises(NotFound):
            await made.repo.get_artifact(made.artifact)
        await asyncio.sleep(3601)
        made.fake.clear_requests()
        assert (await made.repo.get_artifact(made.artifact)).id == made.artifact
        await made.repo.get_artifact(made.artifact)
        assert [request.status for request in made.fake.requests] == [404, 200, 304]
