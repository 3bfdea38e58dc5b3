"""A signed URL ends when it likes: it is renewed, and never without end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from tempfile import TemporaryDirectory

import pytest

from ghartifacts_async import Repo, RetryPolicy, StoreError
from ghartifacts_async.testing import BlobFault, LoggedRequest
from tests.api.support import now, world
from tests.archive.artifacts import FILES
from tests.archive.artifacts import LARGE as MEMBER
from tests.clock import fast
from tests.download.test_store_faults import LARGE
from tests.support import REPOSITORY


@fast
async def test_a_url_that_has_ended_is_renewed() -> None:
    """A download that outlasts its URL asks for another when it needs one, and only then."""
    async with world(fake={"url_ttl": 60}) as made:
        large = made.fake.add_artifact(REPOSITORY, "large", LARGE)
        # Each answer flows for over a minute, and then ends.
        pace = BlobFault.throttle(50_000)
        made.fake.fail_blobs_when(lambda _: pace & BlobFault.truncate(after=4_000_000))
        with TemporaryDirectory() as directory:
            done = await made.repo.download_artifact(large.id, f"{directory}/")
            assert done.path.read_bytes() == LARGE
        assert now() > 400
        assert done.url_refreshes == len(made.fake.requests_to("blob")) - 1
        assert {request.status for request in made.fake.requests_to("blob")} == {200, 206}


@fast
async def test_a_url_that_is_refused_is_renewed_once_for_all() -> None:
    """Where the store refuses a URL early, all connections share one that is new."""
    async with world() as made:
        large = made.fake.add_artifact(REPOSITORY, "large", LARGE)
        seen = 0

        def fail(_: LoggedRequest) -> BlobFault | None:
            nonlocal seen
            seen += 1
            return BlobFault.expire() if 2 <= seen <= 5 else None

        made.fake.fail_blobs_when(fail)
        with TemporaryDirectory() as directory:
            done = await made.repo.download_artifact(large.id, f"{directory}/", connections=8)
            assert done.path.read_bytes() == LARGE
        assert 1 <= done.url_refreshes <= 4


async def downloaded(repo: Repo, artifact: int) -> bool:
    """Whether a download brings the right bytes."""
    with TemporaryDirectory() as directory:
        return (await repo.download_artifact(artifact, f"{directory}/")).verified


async def streamed(repo: Repo, artifact: int) -> bool:
    """Whether a stream does."""
    async with repo.stream_artifact(artifact) as stream:
        async for _ in stream:
            pass
    return stream.verified


async def looked_into(repo: Repo, artifact: int) -> bool:
    """Whether a member of the archive does."""
    async with repo.open_artifact(artifact) as archive:
        return await archive.read("bin/tool") == MEMBER


READERS = pytest.mark.parametrize("read", [downloaded, streamed, looked_into])
Read = Callable[[Repo, int], Awaitable[bool]]


@READERS
@fast
async def test_a_url_that_ends_early_is_renewed_at_once(read: Read) -> None:
    """Where the store takes a URL no more, another is taken without a wait, and no try is lost."""
    async with world(fake={"url_ttl": 1}, retry=RetryPolicy(attempts=2)) as made:
        artifact = made.fake.add_artifact(REPOSITORY, "dist", FILES)
        times: list[float] = []

        def fail(_: LoggedRequest) -> BlobFault:
            times.append(now())
            return BlobFault.throttle(100_000) & BlobFault.truncate(after=150_000)

        made.fake.fail_blobs_when(fail)
        assert await read(made.repo, artifact.id)
        statuses = [request.status for request in made.fake.requests_to("blob")]
        assert statuses.count(403) >= 4
        for status, (asked, next_asked) in zip(statuses, pairwise(times), strict=False):
            assert status != 403 or next_asked - asked < 0.1


@READERS
@fast
async def test_a_store_that_refuses_new_urls_is_given_up(read: Read) -> None:
    """After the tries of the policy and their waits, each with a URL of its own."""
    async with world() as made:
        artifact = made.fake.add_artifact(REPOSITORY, "dist", FILES)
        made.fake.fail_blobs_when(lambda _: BlobFault.expire())
        with pytest.raises(StoreError, match=r"403.*6 attempts"):
            await read(made.repo, artifact.id)
        assert len(made.fake.requests_to("blob")) == 6
        assert len([r for r in made.fake.requests_to("api") if r.path.endswith("/zip")]) == 6
        assert now() > 1


@READERS
@fast
async def test_a_store_that_takes_no_more_urls_is_given_up(read: Read) -> None:
    """The URL that had worked is one request more, and no more than one."""
    async with world() as made:
        artifact = made.fake.add_artifact(REPOSITORY, "dist", FILES)
        breaks = BlobFault.throttle(100_000) & BlobFault.truncate(after=400_000)
        made.fake.fail_blobs_when(lambda _: breaks if now() < 3 else BlobFault.expire())
        with pytest.raises(StoreError, match=r"403.*6 attempts"):
            await read(made.repo, artifact.id)
        statuses = [request.status for request in made.fake.requests_to("blob")]
        assert statuses[-7] in {200, 206}
        assert statuses[-6:] == [403] * 6
