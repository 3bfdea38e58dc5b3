"""Downloads recover from the faults of a blob store."""

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
from tests.api.support import now, open_world
from tests.clock import fast
from tests.download.payloads import PAYLOAD, add_artifact
from tests.support import QUICK, REPOSITORY, files_below

LARGE = os.urandom(20 * 2**20 + 12345)

TRANSIENT_FAULTS = [
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
@pytest.mark.parametrize("fault", TRANSIENT_FAULTS, ids=str)
async def test_a_download_recovers_from_one_fault(
    fake_github: FakeGitHub, tmp_path: Path, fault: BlobFault, connections: int
) -> None:
    """A download recovers from a transient fault and leaves only the verified file."""
    add_artifact(fake_github)
    fake_github.fail_blobs_next(fault)
    async with Client(
        fake_github.token, base_url=fake_github.url, retry=QUICK, timeouts=Timeouts(stall=0.2)
    ) as gh:
        done = await gh.repo(REPOSITORY).download_artifact(1, tmp_path, connections=connections)
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD
    assert files_below(tmp_path) == ["dist.zip"]


def served_ranges(fake: FakeGitHub) -> list[tuple[int, int]]:
    """Return the byte range that the store sent in answer to each request."""
    ranges = []
    for request in fake.requests_to("blob"):
        text = request.headers.get("Range", "bytes=0-")
        start = int(text.removeprefix("bytes=").split("-")[0])
        ranges.append((start, start + (request.bytes_sent or 0)))
    return ranges


@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_dropped_connection_is_resumed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, digest: str | None
) -> None:
    """After a dropped connection only the missing bytes are requested; If-Match replaces a digest.

    With a digest the ETag is not sent, because replicas of a store may differ in it.
    """
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD, digest=digest)
    fake_github.fail_blobs_next(*[BlobFault.truncate(after=700_000)] * 4)
    assert (await repo.download_artifact(1, tmp_path)).verified is (digest is not None)
    await fake_github.wait_until_idle()
    ranges = served_ranges(fake_github)
    assert [start for start, _ in ranges] == [0, 700_000, 1_400_000, 2_100_000, 2_800_000]
    assert sum(stop - start for start, stop in ranges) == len(PAYLOAD)
    first, *rest = fake_github.requests_to("blob")
    assert "If-Match" not in first.headers
    sent = {request.headers.get("If-Match") for request in rest}
    assert len(sent) == 1
    assert (None in sent) is (digest is not None)


async def test_progress_resets_the_attempt_counter(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A download continues as long as each attempt receives new bytes."""
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD[:200_000])
    fake_github.fail_blobs_when(lambda _: BlobFault.truncate(after=5_000))
    assert (await repo.download_artifact(1, tmp_path)).size == 200_000
    assert 40 <= len(fake_github.requests_to("blob")) <= 42


async def test_a_download_without_progress_fails(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a store never sends a byte, its error is raised after the last allowed attempt."""
    add_artifact(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(503))
    with pytest.raises(StoreError, match=r"503 ServerBusy.*6 attempts") as caught:
        await repo.download_artifact(1, tmp_path)
    assert caught.value.attempts == 6
    assert len(fake_github.requests_to("blob")) == 6
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("status", [404, 405, 410, 451])
async def test_permanent_statuses_are_not_retried(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, status: int
) -> None:
    """A permanent error status of the store is not retried."""
    add_artifact(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(status))
    with pytest.raises(StoreError, match=str(status)):
        await repo.download_artifact(1, tmp_path)
    assert len(fake_github.requests_to("blob")) == 1


async def test_many_connections_fetch_each_byte_once(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Eight connections share one signed URL and fetch each byte once, one range per request."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    done = await repo.download_artifact(1, tmp_path, connections=8)
    assert done.path.read_bytes() == LARGE
    await fake_github.wait_until_idle()
    assert sum(stop - start for start, stop in served_ranges(fake_github)) == len(LARGE)
    for request in fake_github.requests_to("blob"):
        first, _, last = request.headers["Range"].removeprefix("bytes=").partition("-")
        assert int(first) <= int(last)
    assert len(fake_github.requests_to("api")) == 2
    assert done.url_refreshes == 0


@pytest.mark.parametrize("connections", [1, 3])
async def test_a_store_that_ignores_range_still_works(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, connections: int
) -> None:
    """A download from a store that ignores Range succeeds, even after dropped connections."""
    add_artifact(fake_github)
    faults = iter([BlobFault.truncate(after=1_000_000), BlobFault.reset(after=2_000_000)])
    fake_github.fail_blobs_when(
        lambda _: BlobFault.ignore_range() & next(faults, BlobFault.ignore_range())
    )
    done = await repo.download_artifact(1, tmp_path, connections=connections)
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("stream", [False, True])
async def test_a_store_that_stops_serving_ranges(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, stream: bool
) -> None:
    """If a store serves ranges and then no more, two refusals lead to requests for the whole."""
    add_artifact(fake_github)
    no_ranges = BlobFault.ignore_range()
    faults = iter(
        [
            BlobFault.truncate(after=1_000_000),
            BlobFault.truncate(after=500_000),
            no_ranges,
            no_ranges,
            no_ranges & BlobFault.truncate(after=2_000_000),
        ]
    )
    fake_github.fail_blobs_when(lambda _: next(faults, no_ranges))
    if stream:
        async with repo.stream_artifact(1) as chunks:
            assert b"".join([chunk async for chunk in chunks]) == PAYLOAD
    else:
        done = await repo.download_artifact(1, tmp_path, connections=1)
        assert done.path.read_bytes() == PAYLOAD
    sent = [request.headers.get("Range") for request in fake_github.requests_to("blob")]
    rest = "bytes=1500000-2999999"
    assert sent == [None, "bytes=1000000-2999999", rest, rest, None, None]


async def test_an_unknown_size_without_ranges_takes_one_request(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If the size is unknown and the store ignores Range, only one request is sent."""
    add_artifact(fake_github, digest=None)
    # The response is so slow that an idle connection would take over a part of it if it could.
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
async def test_a_mismatched_response_is_requested_again(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, fault: BlobFault
) -> None:
    """A response that does not match the requested range is discarded and requested again."""
    # With a digest, the ETag is not checked.
    add_artifact(fake_github, digest=None)
    seen = 0

    def fail(_: LoggedRequest) -> BlobFault | None:
        nonlocal seen
        seen += 1
        return fault if seen == 2 else BlobFault.truncate(after=1_000_000) if seen == 1 else None

    fake_github.fail_blobs_when(fail)
    done = await repo.download_artifact(1, tmp_path)
    assert done.path.read_bytes() == PAYLOAD
    assert seen == 3


async def test_a_changed_payload_is_fetched_from_the_start(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If the payload changes during a download, the file holds only the new payload."""
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


async def test_a_wrong_bit_is_detected_with_any_number_of_connections(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A wrong bit raises DigestMismatch and leaves no file, and the next call succeeds."""
    add_artifact(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.flip(at=2_999_999))
    for connections in (1, 4):
        with pytest.raises(DigestMismatch):
            await repo.download_artifact(1, tmp_path, connections=connections)
        assert files_below(tmp_path) == []
    fake_github.clear_faults()
    assert (await repo.download_artifact(1, tmp_path)).verified


@fast
async def test_a_very_slow_connection_is_replaced() -> None:
    """A connection that receives less than 1 KiB per second for a minute is replaced."""
    async with open_world() as world:
        large = world.fake.add_artifact(REPOSITORY, "large", LARGE[: 2**20])
        world.fake.fail_blobs_next(BlobFault.throttle(500))
        async with world.gh.repo(REPOSITORY).stream_artifact(large.id) as stream:
            got = b"".join([chunk async for chunk in stream])
        assert got == LARGE[: 2**20]
        assert 60 <= now() < 75
        assert len(world.fake.requests_to("blob")) == 2


async def test_progress_never_decreases(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Reported progress never decreases, even if the download restarts, and ends at the total."""
    add_artifact(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    fake_github.fail_blobs_next(
        BlobFault.truncate(after=2_500_000) & BlobFault.throttle(10_000_000),
        BlobFault.ignore_range(),
        BlobFault.throttle(10_000_000) & BlobFault.ignore_range(),
    )
    reports: list[Progress] = []
    await repo.download_artifact(1, tmp_path, on_progress=reports.append)
    received = [report.received for report in reports]
    assert received == sorted(received)
    assert (reports[-1].received, reports[-1].total) == (len(PAYLOAD), len(PAYLOAD))
