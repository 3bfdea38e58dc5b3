"""Downloads that go wrong: whatever happens, nothing is lost or left behind."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import threading
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArtifactExpired,
    Client,
    ClientStateError,
    ConnectionFailed,
    DigestMismatch,
    DiskError,
    IncompleteDownload,
    NotFound,
    Progress,
    ProgressError,
    Repo,
    StoreError,
    TimedOut,
    Timeouts,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.download.payloads import PAYLOAD, add, blob, endless
from tests.support import QUICK, REPOSITORY, Answer, files_below, published_below, raw_server, says


async def test_a_flipped_byte_is_caught(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """One wrong bit on the way raises DigestMismatch, and nothing is kept."""
    flipped = bytearray(PAYLOAD)
    flipped[1_500_000] ^= 1
    async with raw_server(blob(bytes(flipped))) as url:
        added = add(fake_github, f"{url}/x.zip")
        with pytest.raises(DigestMismatch, match="GitHub recorded") as caught:
            await repo.download_artifact(added.id, tmp_path / "dist.zip")
    assert caught.value.expected == added.digest
    assert caught.value.actual == f"sha256:{hashlib.sha256(flipped).hexdigest()}"
    assert files_below(tmp_path) == []


HALF = PAYLOAD[: len(PAYLOAD) // 2]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/zip\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        blob(HALF, length=len(PAYLOAD)),
        blob(HALF),
        blob(PAYLOAD + b"x"),
        blob(b""),
        says(b"HTTP/1.1 200 OK\r\n\r\n" + HALF),
        says(CHUNKED + b"%x\r\n" % len(PAYLOAD) + HALF),
        says(CHUNKED + b"%x\r\n" % len(HALF) + HALF + b"\r\nzz\r\n"),
        says(CHUNKED + b"%x\r\n" % len(HALF) + HALF + b"\r\n0\r\n\r\n"),
        says(b""),
    ],
    ids=["cut", "short", "long", "empty", "unframed", "chunk-cut", "chunk-bad", "chunk-short", "0"],
)
@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_truncated_body_is_no_success(
    fake_github: FakeGitHub,
    tmp_path: Path,
    answer: Answer,
    digest: str | None,
) -> None:
    """Fewer or more bytes than promised raise, however the body was framed, digest or not."""
    async with (
        raw_server(answer) as url,
        Client(
            fake_github.token, base_url=fake_github.url, timeouts=Timeouts(stall=0.2), retry=QUICK
        ) as gh,
    ):
        add(fake_github, f"{url}/x.zip", digest=digest)
        with pytest.raises((ConnectionFailed, TimedOut, IncompleteDownload), match="6 attempts"):
            await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "dist.zip")
    assert published_below(tmp_path) == []


async def test_a_reset_is_no_success(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A connection that is reset in the middle of an unframed body raises."""

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + HALF)
        await writer.drain()
        writer.transport.abort()

    async with raw_server(reset) as url:
        add(fake_github, f"{url}/x.zip")
        with pytest.raises((ConnectionFailed, IncompleteDownload)):
            await repo.download_artifact(1, tmp_path / "dist.zip")
    assert published_below(tmp_path) == []


async def test_a_stalled_body_is_given_up(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A store that falls silent again and again raises TimedOut, and nothing is published."""
    add(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.stall(after=0))
    async with Client(
        fake_github.token, base_url=fake_github.url, timeouts=Timeouts(stall=0.05), retry=QUICK
    ) as gh:
        with pytest.raises(TimedOut, match=r"no response in time.*6 attempts"):
            await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "dist.zip")
    assert files_below(tmp_path) == []


async def test_expired_and_missing_artifacts_are_told_apart(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An expired artifact raises ArtifactExpired, one that does not exist NotFound."""
    add(fake_github, expired=True)
    with pytest.raises(ArtifactExpired, match="expired") as caught:
        await repo.download_artifact(1, f"{tmp_path}/out/")
    assert caught.value.status == 410
    with pytest.raises(NotFound):
        await repo.download_artifact(2, f"{tmp_path}/out/")
    assert not list(tmp_path.iterdir())


async def test_an_expired_url_is_told(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A signed URL that the store refuses raises StoreError with the store's own code."""
    fake_github.url_ttl = -1
    add(fake_github)
    with pytest.raises(StoreError, match="403 AuthenticationFailed") as caught:
        await repo.download_artifact(1, tmp_path)
    assert caught.value.code == "AuthenticationFailed"
    assert files_below(tmp_path) == []


async def test_a_progress_callback_that_raises_ends_the_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A callback's exception ends the download with ProgressError, and nothing is kept."""
    add(fake_github)

    def tell(_: Progress) -> None:
        raise KeyError("mine")

    with pytest.raises(ProgressError, match="KeyError") as caught:
        await repo.download_artifact(1, tmp_path, on_progress=tell, keep_partial=False)
    assert isinstance(caught.value.__cause__, KeyError)
    assert files_below(tmp_path) == []


async def test_a_full_disk_is_told(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A disk that is full raises DiskError with its errno, and nothing is kept."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    add(fake_github)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(DiskError, match="too large") as caught:
            await repo.download_artifact(1, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.errno == errno.EFBIG
    assert files_below(tmp_path) == []


async def test_a_directory_that_cannot_be_made_is_told(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A destination below a file, or a directory in a file's place, raises DiskError."""
    add(fake_github)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DiskError) as caught:
        await repo.download_artifact(1, tmp_path / "file" / "dist.zip")
    assert caught.value.path == tmp_path / "file"
    (tmp_path / "out" / "dist.zip").mkdir(parents=True)
    with pytest.raises(DiskError, match="directory"):
        await repo.download_artifact(1, tmp_path / "out")
    assert files_below(tmp_path) == ["file"]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("connections", [1, 3])
async def test_cancelled_at_any_await_nothing_is_open(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, keep: bool, connections: int
) -> None:
    """Cancelled at each of its steps, a download leaves its target absent or complete."""
    artifact = await repo.get_artifact(add(fake_github).id)
    target = tmp_path / "out" / "dist.zip"
    step = 0
    while True:
        step += 1
        task = asyncio.create_task(
            repo.download_artifact(
                artifact, target, keep_partial=keep, connections=connections, if_exists="replace"
            )
        )
        for _ in range(step):
            await asyncio.sleep(0)
        if task.done():
            break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if target.exists():
            assert target.read_bytes() == PAYLOAD
            target.unlink()
        if not keep:
            assert files_below(tmp_path) == []
        assert [t for t in asyncio.all_tasks() if "ghartifacts_async/_" in repr(t)] == []
        assert [name for name in _open_files() if str(tmp_path) in name] == []
    assert task.result().verified
    assert files_below(tmp_path) == ["out/dist.zip"]
    assert step > 10


def _open_files() -> list[str]:
    directory = Path("/proc/self/fd")
    if not directory.is_dir():
        return []
    names = []
    for entry in directory.iterdir():
        try:
            names.append(str(entry.readlink()))
        except OSError:
            continue
    return names


async def test_a_store_that_does_not_stop_is_stopped(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store that sends on and on is left as soon as it has sent too much."""
    async with raw_server(endless) as url:
        add(fake_github, f"{url}/x.zip")
        with pytest.raises(IncompleteDownload, match=r"[0-9]+ attempts"):
            await repo.download_artifact(1, tmp_path / "dist.zip")
    async with raw_server(blob(b"", length=5 * 10**9)) as url:
        add(fake_github, f"{url}/x.zip")
        with pytest.raises(IncompleteDownload, match="promises 5000000000 bytes"):
            await repo.download_artifact(2, tmp_path / "dist.zip")
    assert published_below(tmp_path) == []


async def test_a_client_that_closes_ends_its_downloads(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A download still running when its client closes raises an error of the tree, cleanly."""
    async with raw_server(endless) as url:
        add(fake_github, f"{url}/x.zip", digest=None)
        started = asyncio.Event()
        async with Client(fake_github.token, base_url=fake_github.url) as gh:
            task = asyncio.create_task(
                gh.repo(REPOSITORY).download_artifact(
                    1, f"{tmp_path}/out/", on_progress=lambda _: started.set()
                )
            )
            await started.wait()
        with pytest.raises(ClientStateError, match="closed"):
            await task
    assert published_below(tmp_path) == []
    assert not [t for t in threading.enumerate() if t.name.startswith("ghartifacts")]
