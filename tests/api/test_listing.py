"""Listings of the artifacts of a repository and of a workflow run."""

from __future__ import annotations

from datetime import datetime

import pytest

from ghartifacts_async import Artifact, Client, InvalidArgument, NotFound, Repo, UnexpectedReply
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.support import REPOSITORY
from tests.values import artifact_json


def add_artifacts(
    fake: FakeGitHub, count: int, *, name: str = "dist", run_id: int | None = None
) -> None:
    """Add `count` artifacts of a few bytes."""
    for number in range(count):
        fake.add_artifact(REPOSITORY, name, b"%d" % number, run_id=run_id)


def ids(artifacts: list[Artifact]) -> list[int]:
    """Return the ids of artifacts, in order."""
    return [artifact.id for artifact in artifacts]


@pytest.mark.parametrize("count", [0, 1, 100, 101, 1234])
@pytest.mark.parametrize("base", ["url", "ghes_url"])
async def test_a_listing_is_complete(fake_github: FakeGitHub, count: int, base: str) -> None:
    """A listing yields every artifact once, newest first, from github.com and from a GHES."""
    fake_github.add_repository(REPOSITORY)
    add_artifacts(fake_github, count)
    async with Client(fake_github.token, base_url=getattr(fake_github, base)) as gh:
        listing = gh.repo(REPOSITORY).list_artifacts()
        assert ids([artifact async for artifact in listing]) == list(range(count, 0, -1))
        assert await listing.total_count() == count
    # Pages overlap, so a listing takes about a seventh more requests than it has pages.
    assert len(fake_github.requests) <= max(1, -(-count // 100) * 8 // 7) + 2


async def test_the_path_in_links_is_not_used(repo: Repo, fake_github: FakeGitHub) -> None:
    """All pages are requested on the same path, although GitHub's Link header names another one."""
    add_artifacts(fake_github, 7)
    assert ids(await repo.list_artifacts(per_page=3).collect()) == [7, 6, 5, 4, 3, 2, 1]
    assert {request.path for request in fake_github.requests} == {
        f"/repos/{REPOSITORY}/actions/artifacts"
    }


def page(ids: list[int], link: str) -> Fault:
    """Return a page of a server that names the next page with an opaque cursor."""
    artifacts = [artifact_json(id=number) for number in ids]
    body = {"total_count": 5, "artifacts": artifacts}
    return Fault(200, body=body, headers={"Link": link} if link else {})


async def test_cursors_are_followed(repo: Repo, fake_github: FakeGitHub) -> None:
    """If the next page has a cursor instead of a number, it is requested from the same server."""
    url = "https://elsewhere.example/repositories/1/actions/artifacts"
    fake_github.fail_next(
        page([5, 4], f'<{url}?per_page=2&after=Y3Vyc29y%3D>; rel="next"'),
        page([4, 3, 2], '</x?after=b>; rel="next", </x?before=c>; rel="prev"'),
        page([], '<?after=c>; rel="next"'),
        page([1], ""),
    )
    assert ids(await repo.list_artifacts(per_page=2).collect()) == [5, 4, 3, 2, 1]
    assert [request.query.get("after") for request in fake_github.requests] == [
        None,
        "Y3Vyc29y=",
        "b",
        "c",
    ]
    assert {request.path for request in fake_github.requests} == {
        f"/repos/{REPOSITORY}/actions/artifacts"
    }


async def test_a_repeated_cursor_ends_the_listing(repo: Repo, fake_github: FakeGitHub) -> None:
    """If a server's cursors lead to the same page forever, the listing ends with an error."""
    fake_github.fail_when(lambda _: page([2, 1], '<?after=b>; rel="next"'))
    with pytest.raises(UnexpectedReply, match="the listing does not end"):
        await repo.list_artifacts().collect()
    assert len(fake_github.requests) == 4


async def test_name_matches_exactly(repo: Repo, fake_github: FakeGitHub) -> None:
    """A listing by name yields artifacts of exactly this name, even with special characters."""
    name = "wheels & more/ü+%20?#"
    add_artifacts(fake_github, 3, name=name)
    add_artifacts(fake_github, 2, name="wheels")
    assert ids(await repo.list_artifacts(name, per_page=1).collect()) == [3, 2, 1]
    assert await repo.list_artifacts(name).total_count() == 3


@pytest.mark.parametrize(("direction", "expected"), [("desc", [3, 2, 1]), ("asc", [1, 2, 3])])
async def test_a_run_is_listed_in_either_direction(
    repo: Repo, fake_github: FakeGitHub, direction: str, expected: list[int]
) -> None:
    """A run's listing yields only artifacts of that run, in the requested direction."""
    add_artifacts(fake_github, 3, run_id=10)
    add_artifacts(fake_github, 2, run_id=11)
    listing = repo.list_run_artifacts(10, direction=direction, per_page=2)  # type: ignore[arg-type]
    assert ids(await listing.collect()) == expected
    assert ids(await repo.list_run_artifacts(10, name="other").collect()) == []


async def test_pages_collect_and_first(repo: Repo, fake_github: FakeGitHub) -> None:
    """`pages`, `collect(limit)` and `first` return the right artifacts with the fewest requests."""
    add_artifacts(fake_github, 150)
    listing = repo.list_artifacts()
    pages = [page async for page in listing.pages()]
    assert [(page.total_count, len(page.artifacts)) for page in pages] == [(150, 100), (150, 50)]
    fake_github.clear_requests()
    assert ids(await listing.collect(limit=2)) == [150, 149]
    assert await listing.collect(limit=0) == []
    first = await listing.first()
    assert first is not None
    assert first.id == 150
    assert len(fake_github.requests) == 2
    assert await repo.list_artifacts("none").first() is None


async def test_a_listed_artifact_is_complete(repo: Repo, fake_github: FakeGitHub) -> None:
    """An artifact from a listing equals the one from `get_artifact`, including digest and run."""
    added = fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"}, run_id=10)
    listed = await repo.list_artifacts().first()
    assert listed == await repo.get_artifact(added.id)
    assert listed is not None
    assert listed.created_at is not None
    assert listed.created_at.tzinfo is not None
    assert str(listed.digest) == added.digest
    assert listed.workflow_run is not None
    assert listed.workflow_run.id == 10


async def test_an_unknown_repository_is_not_found(gh: Client) -> None:
    """Iterating the listing of an unknown repository raises NotFound with GitHub's message."""
    with pytest.raises(NotFound, match="actions=read") as caught:
        await gh.repo("octo-org/none").list_artifacts().collect()
    assert caught.value.status == 404
    assert caught.value.message == "Not Found"
    assert caught.value.request_id


async def test_wrong_arguments_send_nothing(repo: Repo, fake_github: FakeGitHub) -> None:
    """Wrong arguments raise InvalidArgument before anything is sent."""
    with pytest.raises(InvalidArgument, match="per_page"):
        repo.list_artifacts(per_page=0)
    with pytest.raises(InvalidArgument, match="per_page"):
        repo.list_artifacts(per_page=101)
    with pytest.raises(InvalidArgument, match="name"):
        repo.list_artifacts("")
    for wrong in (0, -1, True, 2.0):
        with pytest.raises(InvalidArgument, match="concurrency"):
            repo.list_artifacts(concurrency=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="time zone"):
        repo.list_run_artifacts(1, created_after=datetime(2026, 11, 1))  # noqa: DTZ001
    with pytest.raises(InvalidArgument, match="run"):
        repo.list_run_artifacts(-1)
    with pytest.raises(InvalidArgument, match="direction"):
        repo.list_run_artifacts(1, direction="up")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument):
        await repo.list_artifacts().collect(limit=-1)
    assert fake_github.requests == []
