"""Signed URLs are renewed when they expire or are refused, but not endlessly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ghartifacts_async import Repo, RetryPolicy, StoreError
from ghartifacts_async.testing import BlobFault, FakeGitHub, LoggedRequest
from tests.api.support import now, open_world
from tests.archive.artifacts import FILES
from tests.archive.artifacts import LARGE as MEMBER
from tests.clock import fast
from tests.download.range_store import StoreRequest, StoreResponse, range_store, serve
from tests.download.test_store_faults import LARGE
from tests.support import REPOSITORY


@fast
async def test_an_expired_url_is_renewed() -> None:
    """A download that outlasts its signed URL requests a new URL only when it needs one."""
    async with open_world(fake={"url_ttl": 60}) as world:
        large = world.fake.add_artifact(REPOSITORY, "large", LARGE)
        # Each response lasts for more than a minute and then breaks off.
        pace = BlobFault.throttle(50_000)
        world.fake.fail_blobs_when(lambda _: pace & BlobFault.truncate(after=4_000_000))
        with TemporaryDirectory() as directory:
            done = await world.repo.download_artifact(large.id, f"{directory}/")
            assert done.path.read_bytes() == LARGE
        assert now() > 400
        assert done.url_refreshes == len(world.fake.requests_to("blob")) - 1
        assert {request.status for request in world.fake.requests_to("blob")} == {200, 206}


@fast
async def test_a_refused_url_is_renewed_once_for_all_connections() -> None:
    """When the store refuses a URL, all connections share a new one."""
    async with open_world() as world:
        large = world.fake.add_artifact(REPOSITORY, "large", LARGE)
        seen = 0

        def fail(_: LoggedRequest) -> BlobFault | None:
            nonlocal seen
            seen += 1
            return BlobFault.expire() if 2 <= seen <= 5 else None

        world.fake.fail_blobs_when(fail)
        with TemporaryDirectory() as directory:
            done = await world.repo.download_artifact(large.id, f"{directory}/", connections=8)
            assert done.path.read_bytes() == LARGE
        assert 1 <= done.url_refreshes <= 4


async def download(repo: Repo, artifact: int) -> bool:
    """Download the artifact; return True if it was verified."""
    with TemporaryDirectory() as directory:
        return (await repo.download_artifact(artifact, f"{directory}/")).verified


async def stream(repo: Repo, artifact: int) -> bool:
    """Stream the artifact; return True if it was verified."""
    async with repo.stream_artifact(artifact) as opened:
        async for _ in opened:
            pass
    return opened.verified


async def read_member(repo: Repo, artifact: int) -> bool:
    """Read a member of the artifact's archive; return True if its bytes are right."""
    async with repo.open_artifact(artifact) as archive:
        return await archive.read("bin/tool") == MEMBER


READERS = pytest.mark.parametrize("read", [download, stream, read_member])
Read = Callable[[Repo, int], Awaitable[bool]]


@READERS
@fast
async def test_a_refused_url_is_renewed_without_a_wait(read: Read) -> None:
    """A refused URL is renewed at once and does not count as a failed attempt."""
    async with open_world(fake={"url_ttl": 1}, retry=RetryPolicy(attempts=2)) as world:
        artifact = world.fake.add_artifact(REPOSITORY, "dist", FILES)
        times: list[float] = []

        def fail(_: LoggedRequest) -> BlobFault:
            times.append(now())
            return BlobFault.throttle(100_000) & BlobFault.truncate(after=150_000)

        world.fake.fail_blobs_when(fail)
        assert await read(world.repo, artifact.id)
        statuses = [request.status for request in world.fake.requests_to("blob")]
        assert statuses.count(403) >= 4
        for status, (sent, next_sent) in zip(statuses, pairwise(times), strict=False):
            assert status != 403 or next_sent - sent < 0.1


@READERS
@fast
async def test_a_store_that_refuses_every_url_fails(read: Read) -> None:
    """If a store refuses each new URL, StoreError is raised after the last allowed attempt."""
    async with open_world() as world:
        artifact = world.fake.add_artifact(REPOSITORY, "dist", FILES)
        world.fake.fail_blobs_when(lambda _: BlobFault.expire())
        with pytest.raises(StoreError, match=r"403.*6 attempts"):
            await read(world.repo, artifact.id)
        assert len(world.fake.requests_to("blob")) == 6
        assert len([r for r in world.fake.requests_to("api") if r.path.endswith("/zip")]) == 6
        assert now() > 1


@READERS
@fast
async def test_a_store_that_starts_to_refuse_urls_fails(read: Read) -> None:
    """If a store starts to refuse every URL, StoreError is raised after six more requests."""
    async with open_world() as world:
        artifact = world.fake.add_artifact(REPOSITORY, "dist", FILES)
        breaks = BlobFault.throttle(100_000) & BlobFault.truncate(after=400_000)
        world.fake.fail_blobs_when(lambda _: breaks if now() < 3 else BlobFault.expire())
        with pytest.raises(StoreError, match=r"403.*6 attempts"):
            await read(world.repo, artifact.id)
        statuses = [request.status for request in world.fake.requests_to("blob")]
        assert statuses[-7] in {200, 206}
        assert statuses[-6:] == [403] * 6


async def test_urls_that_work_only_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If each signed URL works only once, a download makes one API call for each request."""
    served: list[str] = []

    def respond(request: StoreRequest) -> StoreResponse:
        url = request.target
        if url in served:
            return StoreResponse("403 Forbidden")
        served.append(url)
        return serve(LARGE, request, limit=2**20)

    async with range_store(respond) as store:
        issued = count()
        made = fake_github.add_artifact(
            REPOSITORY, "x", LARGE, raw="x", location=lambda _: f"{store.url}{next(issued)}"
        )
        done = await repo.download_artifact(made.id, tmp_path / "x")
    assert done.path.read_bytes() == LARGE
    calls = next(issued)
    assert done.url_refreshes == calls - 1
    assert calls <= len(served) + 1
