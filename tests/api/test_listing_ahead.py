"""Pages are fetched ahead: as the consumer goes on, in order, and none of them is left over."""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Callable, Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from ghartifacts_async import Artifact, Client, ClientStateError, NotFound, Repo, ServerError
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.support import REPOSITORY

START = datetime(2026, 11, 1, tzinfo=UTC)
LISTING = "/actions/artifacts$"


def fill(fake: FakeGitHub, count: int) -> None:
    """Add artifacts, one an hour."""
    for number in range(count):
        fake.add_artifact(
            REPOSITORY,
            f"dist-{number}",
            b"x" * number,
            head_branch="main" if number % 2 else "next",
            created_at=START + timedelta(hours=number),
        )


def names(artifacts: Iterable[Artifact]) -> list[str]:
    """Their names, in order."""
    return [artifact.name for artifact in artifacts]


def under_way() -> list[str]:
    """What tasks of the library are at work, by the names of their coroutines."""
    names = [str(task.get_coro()) for task in asyncio.all_tasks()]
    return [name for name in names if "_Reading" in name or "ArtifactListing" in name]


def has_asked(fake: FakeGitHub, times: int) -> bool:
    """Whether so many calls have come."""
    return len(fake.requests) >= times


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_the_window_grows_with_the_consumer(repo: Repo, fake_github: FakeGitHub) -> None:
    """One page is asked for, then two, four and eight at once, and no more than were wanted."""
    fill(fake_github, 2000)
    for ceiling, expected in [(8, [1, 2, 4, 8]), (3, [1, 2, 3, 3]), (1, [1, 1, 1, 1])]:
        pages = repo.list_artifacts(concurrency=ceiling).pages()
        most = []
        async with aclosing(pages):
            for wanted in expected:
                fake_github.clear_requests()
                with fake_github.holding(path=LISTING):
                    asked = asyncio.ensure_future(anext(pages))
                    await until(functools.partial(has_asked, fake_github, wanted))
                    await asyncio.sleep(0.02)
                    most.append(len(fake_github.requests))
                await asked
                # What is there already is used up before more is waited for.
                for _ in range(wanted - 1):
                    if fake_github.requests:
                        await fake_github.settled()
                    with fake_github.holding(path=LISTING):
                        await anext(pages)
                await fake_github.settled()
        assert most == expected
        # What was on its way when the listing was left arrives.
        await asyncio.sleep(0.02)


async def test_nothing_is_asked_before_the_first_item(repo: Repo, fake_github: FakeGitHub) -> None:
    """A listing asks nothing until it is iterated, and for one page until that is used up."""
    fill(fake_github, 300)
    listing = repo.list_artifacts()
    assert fake_github.requests == []
    seen = 0
    async with aclosing(aiter(listing)) as artifacts:
        async for _ in artifacts:
            seen += 1
            await asyncio.sleep(0)
            if seen == 100:
                break
            assert len(fake_github.requests) == 1
    await fake_github.settled()
    assert len(fake_github.requests) == 1


async def test_a_break_leaves_no_task(repo: Repo, fake_github: FakeGitHub) -> None:
    """Whoever stops in the middle gives up the pages under way: no task is left, none asks on."""
    fill(fake_github, 1000)
    seen = 0
    async for _ in repo.list_artifacts():
        seen += 1
        if seen == 350:
            break
    assert under_way()
    await until(lambda: not under_way())
    await fake_github.settled()
    asked = len(fake_github.requests)
    await asyncio.sleep(0.05)
    assert len(fake_github.requests) == asked


async def test_an_abandoned_listing_is_collected_quietly(
    repo: Repo, fake_github: FakeGitHub
) -> None:
    """A reader in a cycle of references that the collector finds leaves no task, and no error."""
    fill(fake_github, 1000)
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    holder: list[object] = [aiter(repo.list_artifacts())]
    holder.append(holder)
    seen = 0
    async for _ in holder[0]:  # type: ignore[attr-defined]
        seen += 1
        if seen == 350:
            break
    del holder
    gc.collect()
    await until(lambda: not under_way())
    gc.collect()
    assert told == []


async def test_cancelled_while_it_waits(repo: Repo, fake_github: FakeGitHub) -> None:
    """A reader that is cancelled in the middle ends at once, and its pages with it."""
    fill(fake_github, 1000)
    pages = repo.list_artifacts().pages()
    await anext(pages)
    with fake_github.holding(path=LISTING):
        reader = asyncio.ensure_future(anext(pages))
        await until(lambda: len(fake_github.requests) == 3)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert not under_way()


async def test_closing_the_client_ends_a_listing(fake_github: FakeGitHub) -> None:
    """A page that is waited for when the client closes is a ClientStateError."""
    fill(fake_github, 1000)
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        pages = gh.repo(REPOSITORY).list_artifacts().pages()
        await anext(pages)
        with fake_github.holding(path=LISTING):
            reader = asyncio.ensure_future(anext(pages))
            await until(lambda: len(fake_github.requests) == 3)
            await gh.__aexit__(None, None, None)
            with pytest.raises(ClientStateError):
                await reader


async def test_a_page_that_fails_comes_in_its_turn(repo: Repo, fake_github: FakeGitHub) -> None:
    """What came before a page that cannot be had is yielded, and then its error, once."""
    fill(fake_github, 1000)
    fake_github.fail_when(
        lambda request: Fault(500) if int(request.query.get("page", "1")) > 4 else None
    )
    found: list[Artifact] = []

    async def read() -> None:
        async for artifact in repo.list_artifacts():
            found.append(artifact)  # noqa: PERF401 - up to the error

    with pytest.raises(ServerError):
        await read()
    assert names(found) == [f"dist-{999 - number}" for number in range(len(found))]
    assert len(found) >= 300


async def test_a_repository_that_is_deleted_meanwhile_is_told(
    repo: Repo, fake_github: FakeGitHub
) -> None:
    """A 404 in the middle of a listing is an error, and not its end."""
    fill(fake_github, 250)
    pages = repo.list_artifacts().pages()
    await anext(pages)
    fake_github.fail_when(lambda _: Fault(404))
    with pytest.raises(NotFound):
        await anext(pages)


async def test_filters_of_this_side(repo: Repo, fake_github: FakeGitHub) -> None:
    """What GitHub cannot filter is filtered here, on both listings."""
    fill(fake_github, 50)
    fake_github.add_artifact(REPOSITORY, "in-run", b"x", run_id=77, head_branch="main")
    listing = repo.list_artifacts(pattern="dist-?", branch="main", min_size=3)
    assert names(await listing.collect()) == ["dist-9", "dist-7", "dist-5", "dist-3"]
    assert await listing.total_count() == 51
    assert names(await repo.list_run_artifacts(77, branch="main").collect()) == ["in-run"]
    assert await repo.list_run_artifacts(77, branch="next").collect() == []


async def test_what_is_too_old_is_not_asked_for(repo: Repo, fake_github: FakeGitHub) -> None:
    """With a bound on the time a listing ends soon after it: pages beyond are not read."""
    fill(fake_github, 1000)
    after = START + timedelta(hours=990)
    found = await repo.list_artifacts(created_after=after).collect()
    assert names(found) == [f"dist-{number}" for number in range(999, 989, -1)]
    assert len(fake_github.requests) <= 4
    before = START + timedelta(hours=10)
    found = await repo.list_artifacts(created_before=before).collect()
    assert names(found) == [f"dist-{number}" for number in range(9, -1, -1)]
