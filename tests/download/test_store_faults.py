"""Whatever the store does, what arrives is what was uploaded, and no byte comes twice."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ghartifacts_async import (
    Client,
    DigestMismatch,
    Progress,
    Repo,
    StoreError,
    Timeouts,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub, LoggedRequest
from tests.api.support import now, world
from tests.clock import fast
from tests.download.payloads import PAYLOAD, add
from tests.support import QUICK, REPOSITORY, files_below

LARGE = os.urandom(20 * 2**20 + 12345)

PASSING = [
    BlobFault.truncate(after=1_000_000),
    BlobFault.truncate(after=0),
    BlobFault.reset(after=1_000_001),
    BlobFault.dropped(),
    BlobFault.status(500),
    BlobFault.status(503, retry_after=0.01),
    BlobFault.status(429),
    BlobFault.expire(),
    BlobFault.status(400),
    BlobFault.status(401),
    BlobFault.status(412),
    BlobFault.status(416),
    BlobFault.length(1_000_000),
    BlobFault.length(5_000_000),
    BlobFault.length(None) & BlobFault.truncate(after=1_000_000),
    BlobFault.chunked(),
    BlobFault.chunked() & BlobFault.truncate(after=70_000),
    BlobFault.stall(after=70_000),
]


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("fault", PASSING, ids=str)
async def test_what_passes_is_healed(
    fake_github: FakeGitHub, tmp_path: Path, fault: BlobFault, connections: int
) -> None:
    """One fault of any kind, and the download ends as if there had been none."""
    add(fake_github)
    fake_github.fail_blobs_next(fault)
    async with Client(
        fake_github.token, base_url=fake_github.url, retry=QUICK, timeouts=Timeouts(stall=0.2)
    ) as gh:
        done = await gh.repo(REPOSITORY).download_artifact(1, tmp_path, connections=connections)
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD
    assert files_below(tmp_path) == ["dist.zip"]


def ranges_of(fake: FakeGitHub) -> list[tuple[int, int]]:
    """What was sent of the blob, as spans."""
    spans = []
    for request in fake.requests_to("blob"):
        text = request.headers.get("Range", "bytes=0-")
        start = int(text.removeprefix("bytes=").split("-")[0])
        spans.append((start, start + (request.bytes_sent or 0)))
    return spans


async def test_a_drop_is_gone_on_from_where_it_struck(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """After each of many drops the rest is asked for, under the payload's ETag, and no more."""
    add(fake_github)
    fake_github.fail_blobs_next(*[BlobFault.truncate(after=700_000)] * 4)
    assert (await repo.download_artifact(1, tmp_path)).verified
    await fake_github.settled()
    spans = ranges_of(fake_github)
    assert [start for start, _ in spans] == [0, 700_000, 1_400_000, 2_100_000, 2_800_000]
    assert sum(stop - start for start, stop in spans) == len(PAYLOAD)
    first, *rest = fake_github.requests_to("blob")
    assert "If-Match" not in first.headers
    assert len({request.headers["If-Match"] for request in rest}) == 1


async def test_progress_gives_new_tries(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store that drops every connection after a few bytes is followed to the end."""
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD[:200_000])
    fake_github.fail_blobs_when(lambda _: BlobFault.truncate(after=5_000))
    assert (await repo.download_artifact(1, tmp_path)).size == 200_000
    assert 40 <= len(fake_github.requests_to("blob")) <= 42


async def test_no_progress_is_given_up(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A store that never sends a byte is given up after the tries of the policy, by its error."""
    add(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(503))
    with pytest.raises(StoreError, match=r"503 ServerBusy.*6 attempts") as caught:
        await repo.download_artifact(1, tmp_path)
    assert caught.value.attempts == 6
    assert len(fake_github.requests_to("blob")) == 6
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("status", [404, 405, 410, 451])
async def test_what_will_not_change_is_told_at_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, status: int
) -> None:
    """A store that has no such payload is asked once."""
    add(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(status))
    with pytest.raises(StoreError, match=str(status)):
        await repo.download_artifact(1, tmp_path)
    assert len(fake_github.requests_to("blob")) == 1


async def test_many_connections_fetch_each_byte_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Eight connections share a payload without fetching any of it twice, in single ranges."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    done = await repo.download_artifact(1, tmp_path, connections=8)
    assert done.path.read_bytes() == LARGE
    await fake_github.settled()
    assert sum(stop - start for start, stop in ranges_of(fake_github)) == len(LARGE)
    for request in fake_github.requests_to("blob"):
        first, _, last = request.headers["Range"].removeprefix("bytes=").partition("-")
        assert int(first) <= int(last)
    assert len(fake_github.requests_to("api")) == 2
    assert done.url_refreshes == 0


@pytest.mark.parametrize("connections", [1, 3])
async def test_a_store_without_ranges_gets_one_stream(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, connections: int
) -> None:
    """Where ranges are ignored everything comes over one connection, drops included."""
    add(fake_github)
    faults = iter([BlobFault.truncate(after=1_000_000), BlobFault.reset(after=2_000_000)])
    fake_github.fail_blobs_when(
        lambda _: BlobFault.ignore_range() & next(faults, BlobFault.ignore_range())
    )
    done = await repo.download_artifact(1, tmp_path, connections=connections)
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


async def test_an_unknown_size_at_a_store_without_ranges_is_streamed_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where neither GitHub nor the store tells of ranges or a digest, one answer brings it all."""
    add(fake_github, digest=None)
    # Slow enough for another connection to want to relieve it.
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range() & BlobFault.throttle(800_000))
    done = await repo.download_artifact(1, tmp_path, connections=3)
    assert done.path.read_bytes() == PAYLOAD
    assert len(fake_github.requests_to("blob")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        BlobFault.ignore_range(),
        BlobFault.content_range("bytes 0-5/3000000"),
        BlobFault.content_range(None),
        BlobFault.etag('"another"'),
    ],
    ids=str,
)
async def test_an_answer_to_another_question_is_not_trusted(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, fault: BlobFault
) -> None:
    """An answer that does not hold the part that was asked for is asked for again."""
    add(fake_github)
    seen = 0

    def fail(_: LoggedRequest) -> BlobFault | None:
        nonlocal seen
        seen += 1
        return fault if seen == 2 else BlobFault.truncate(after=1_000_000) if seen == 1 else None

    fake_github.fail_blobs_when(fail)
    done = await repo.download_artifact(1, tmp_path)
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


async def test_a_payload_that_changed_is_fetched_anew(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where the blob is another after a drop, nothing of the old one stays."""
    added = fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD, digest=None)
    artifact = await repo.get_artifact(added.id)
    other = bytes(reversed(PAYLOAD))
    seen = 0

    def fail(_: LoggedRequest) -> BlobFault | None:
        nonlocal seen
        seen += 1
        if seen > 1:
            return None
        asyncio.get_running_loop().call_later(0.05, added.path.write_bytes, other)
        return BlobFault.stall(after=1_000_000)

    fake_github.fail_blobs_when(fail)
    async with Client(
        fake_github.token, base_url=fake_github.url, retry=QUICK, timeouts=Timeouts(stall=0.2)
    ) as gh:
        done = await gh.repo(REPOSITORY).download_artifact(artifact, tmp_path)
    assert not done.verified
    assert done.path.read_bytes() == other


async def test_a_flipped_bit_is_caught_with_any_number_of_connections(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """One wrong bit raises DigestMismatch, and the next call fetches all of it anew."""
    add(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.flip(at=2_999_999))
    for connections in (1, 4):
        with pytest.raises(DigestMismatch):
            await repo.download_artifact(1, tmp_path, connections=connections)
        assert files_below(tmp_path) == []
    fake_github.clear_faults()
    assert (await repo.download_artifact(1, tmp_path)).verified


@fast
async def test_a_drip_is_given_up() -> None:
    """A connection over which less than a KiB a second comes for a minute is replaced."""
    async with world() as made:
        large = made.fake.add_artifact(REPOSITORY, "large", LARGE[: 2**20])
        made.fake.fail_blobs_next(BlobFault.throttle(500))
        async with made.gh.repo(REPOSITORY).stream_artifact(large.id) as stream:
            got = b"".join([chunk async for chunk in stream])
        assert got == LARGE[: 2**20]
        assert 60 <= now() < 75
        assert len(made.fake.requests_to("blob")) == 2


async def test_progress_never_goes_backwards(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Also when the download starts over, what was told stays; the last report is the whole."""
    add(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    fake_github.fail_blobs_next(
        BlobFault.truncate(after=2_500_000) & BlobFault.throttle(10_000_000),
        BlobFault.ignore_range(),
        BlobFault.throttle(10_000_000) & BlobFault.ignore_range(),
    )
    told: list[Progress] = []
    await repo.download_artifact(1, tmp_path, on_progress=told.append)
    received = [one.received for one in told]
    assert received == sorted(received)
    assert (told[-1].received, told[-1].total) == (len(PAYLOAD), len(PAYLOAD))
