"""Pages are fetched ahead of the consumer, in order, and no page request outlives the listing."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
from collections.abc import Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from ghartifacts_async import Artifact, Client, ClientStateError, NotFound, Repo, ServerError
from ghartifacts_async._api import listing as listing_module
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.support import REPOSITORY, wait_until

START = datetime(2026, 11, 1, tzinfo=UTC)
LISTING = "/actions/artifacts$"


def add_artifacts(fake: FakeGitHub, count: int) -> None:
    """Add `count` artifacts, created one hour apart."""
    for number in range(count):
        fake.add_artifact(
            REPOSITORY,
            f"dist-{number}",
            b"x" * number,
            head_branch="main" if number % 2 else "next",
            created_at=START + timedelta(hours=number),
        )


def names(artifacts: Iterable[Artifact]) -> list[str]:
    """Return the names of artifacts, in order."""
    return [artifact.name for artifact in artifacts]


def running_tasks() -> list[str]:
    """Return the coroutines of the listing module that run as tasks."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return [
        str(coroutine)
        for coroutine in coroutines
        if inspect.iscoroutine(coroutine)
        and coroutine.cr_code.co_filename == listing_module.__file__
    ]


def has_received(fake: FakeGitHub, times: int) -> bool:
    """Return True if the fake has received at least `times` requests."""
    return len(fake.requests) >= times


async def test_read_ahead_doubles_up_to_concurrency(repo: Repo, fake_github: FakeGitHub) -> None:
    """The number of concurrent page requests doubles from one up to `concurrency`."""
    add_artifacts(fake_github, 2000)
    for ceiling, expected in [(8, [1, 2, 4, 8]), (3, [1, 2, 3, 3]), (1, [1, 1, 1, 1])]:
        pages = repo.list_artifacts(concurrency=ceiling).pages()
        counts = []
        async with aclosing(pages):
            for count in expected:
                fake_github.clear_requests()
                with fake_github.holding(path=LISTING):
                    page = asyncio.ensure_future(anext(pages))
                    await wait_until(functools.partial(has_received, fake_github, count))
                    await asyncio.sleep(0.02)
                    counts.append(len(fake_github.requests))
                await page
                # Pages that were already received are yielded without another response.
                for _ in range(count - 1):
                    if fake_github.requests:
                        await fake_github.wait_until_idle()
                    with fake_github.holding(path=LISTING):
                        await anext(pages)
                await fake_github.wait_until_idle()
        assert counts == expected
        # Let the requests arrive that were in flight when the listing was closed.
        await asyncio.sleep(0.02)


async def test_nothing_is_requested_before_iteration(repo: Repo, fake_github: FakeGitHub) -> None:
    """A listing requests its first page on iteration, and no other until that one is consumed."""
    add_artifacts(fake_github, 300)
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
    await fake_github.wait_until_idle()
    assert len(fake_github.requests) == 1


async def test_a_break_leaves_no_task(repo: Repo, fake_github: FakeGitHub) -> None:
    """Breaking out of a listing cancels its page requests and leaves no task."""
    add_artifacts(fake_github, 1000)
    seen = 0
    async for _ in repo.list_artifacts():
        seen += 1
        if seen == 350:
            break
    assert running_tasks()
    await wait_until(lambda: not running_tasks())
    await fake_github.wait_until_idle()
    request_count = len(fake_github.requests)
    await asyncio.sleep(0.05)
    assert len(fake_github.requests) == request_count


async def test_a_garbage_collected_listing_leaves_no_task(
    repo: Repo, fake_github: FakeGitHub
) -> None:
    """A listing in a reference cycle that the garbage collector frees leaves no task or error."""
    add_artifacts(fake_github, 1000)
    loop_errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: loop_errors.append(context))
    holder: list[object] = [aiter(repo.list_artifacts())]
    holder.append(holder)
    seen = 0
    async for _ in holder[0]:  # type: ignore[attr-defined]
        seen += 1
        if seen == 350:
            break
    del holder
    gc.collect()
    await wait_until(lambda: not running_tasks())
    gc.collect()
    assert loop_errors == []


async def test_cancelling_a_reader_cancels_its_pages(repo: Repo, fake_github: FakeGitHub) -> None:
    """Cancelling a task that waits for a page also cancels all page requests of its listing."""
    add_artifacts(fake_github, 1000)
    pages = repo.list_artifacts().pages()
    await anext(pages)
    with fake_github.holding(path=LISTING):
        reader = asyncio.ensure_future(anext(pages))
        await wait_until(lambda: len(fake_github.requests) == 3)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert not running_tasks()


async def test_closing_the_client_ends_a_listing(fake_github: FakeGitHub) -> None:
    """If the client is closed while a task waits for a page, the task gets ClientStateError."""
    add_artifacts(fake_github, 1000)
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        pages = gh.repo(REPOSITORY).list_artifacts().pages()
        await anext(pages)
        with fake_github.holding(path=LISTING):
            reader = asyncio.ensure_future(anext(pages))
            await wait_until(lambda: len(fake_github.requests) == 3)
            await gh.__aexit__(None, None, None)
            with pytest.raises(ClientStateError):
                await reader


async def test_a_failed_page_raises_after_the_pages_before_it(
    repo: Repo, fake_github: FakeGitHub
) -> None:
    """A listing yields the artifacts of all pages before a failed page, then raises the error."""
    add_artifacts(fake_github, 1000)
    fake_github.fail_when(
        lambda request: Fault(500) if int(request.query.get("page", "1")) > 4 else None
    )
    found: list[Artifact] = []

    async def read() -> None:
        async for artifact in repo.list_artifacts():
            found.append(artifact)  # noqa: PERF401 - keeps those before the error

    with pytest.raises(ServerError):
        await read()
    assert names(found) == [f"dist-{999 - number}" for number in range(len(found))]
    assert len(found) >= 300


async def test_a_404_in_the_middle_raises(repo: Repo, fake_github: FakeGitHub) -> None:
    """A 404 in the middle of a listing raises NotFound instead of ending the listing."""
    add_artifacts(fake_github, 250)
    pages = repo.list_artifacts().pages()
    await anext(pages)
    fake_github.fail_when(lambda _: Fault(404))
    with pytest.raises(NotFound):
        await anext(pages)


async def test_filters_of_the_client(repo: Repo, fake_github: FakeGitHub) -> None:
    """Listings of repositories and of runs apply the filters that GitHub does not support."""
    add_artifacts(fake_github, 50)
    fake_github.add_artifact(REPOSITORY, "in-run", b"x", run_id=77, head_branch="main")
    listing = repo.list_artifacts(pattern="dist-?", branch="main", min_size=3)
    assert names(await listing.collect()) == ["dist-9", "dist-7", "dist-5", "dist-3"]
    assert await listing.total_count() == 51
    assert names(await repo.list_run_artifacts(77, branch="main").collect()) == ["in-run"]
    assert await repo.list_run_artifacts(77, branch="next").collect() == []


async def test_pages_beyond_a_time_bound_are_not_requested(
    repo: Repo, fake_github: FakeGitHub
) -> None:
    """A listing with `created_after` stops requesting pages soon after it passes that time."""
    add_artifacts(fake_github, 1000)
    after = START + timedelta(hours=990)
    found = await repo.list_artifacts(created_after=after).collect()
    assert names(found) == [f"dist-{number}" for number in range(999, 989, -1)]
    assert len(fake_github.requests) <= 4
    before = START + timedelta(hours=10)
    found = await repo.list_artifacts(created_before=before).collect()
    assert names(found) == [f"dist-{number}" for number in range(9, -1, -1)]
