"""Failed downloads raise the right error and publish nothing incomplete."""

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
from tests.download.payloads import PAYLOAD, add_artifact, blob_response, send_forever
from tests.support import QUICK, REPOSITORY, Answer, files_below, published_below, raw_server, says


async def test_a_wrong_bit_is_detected(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A wrong bit raises DigestMismatch with both digests at once, and leaves no file."""
    flipped = bytearray(PAYLOAD)
    flipped[1_500_000] ^= 1
    send, requests = blob_response(bytes(flipped)), 0

    async def count_and_send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        await send(reader, writer)

    async with raw_server(count_and_send) as url:
        added = add_artifact(fake_github, f"{url}/x.zip")
        with pytest.raises(DigestMismatch, match="GitHub records") as caught:
            await repo.download_artifact(added.id, tmp_path / "dist.zip")
    assert caught.value.expected == added.digest
    assert caught.value.actual == f"sha256:{hashlib.sha256(flipped).hexdigest()}"
    assert requests == 1
    assert files_below(tmp_path) == []


HALF = PAYLOAD[: len(PAYLOAD) // 2]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/zip\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        blob_response(HALF, length=len(PAYLOAD)),
        blob_response(HALF),
        blob_response(PAYLOAD + b"x"),
        blob_response(b""),
        says(b"HTTP/1.1 200 OK\r\n\r\n" + HALF),
        says(CHUNKED + b"%x\r\n" % len(PAYLOAD) + HALF),
        says(CHUNKED + b"%x\r\n" % len(HALF) + HALF + b"\r\nzz\r\n"),
        says(CHUNKED + b"%x\r\n" % len(HALF) + HALF + b"\r\n0\r\n\r\n"),
        says(b""),
    ],
    ids=["cut", "short", "long", "empty", "unframed", "chunk-cut", "chunk-bad", "chunk-short", "0"],
)
@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_body_of_the_wrong_length_fails(
    fake_github: FakeGitHub,
    tmp_path: Path,
    answer: Answer,
    digest: str | None,
) -> None:
    """A body with missing or extra bytes raises an error, with and without a digest."""
    async with (
        raw_server(answer) as url,
        Client(
            fake_github.token, base_url=fake_github.url, timeouts=Timeouts(stall=0.2), retry=QUICK
        ) as gh,
    ):
        add_artifact(fake_github, f"{url}/x.zip", digest=digest)
        with pytest.raises((ConnectionFailed, TimedOut, IncompleteDownload), match="6 attempts"):
            await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "dist.zip")
    assert published_below(tmp_path) == []


async def test_a_connection_reset_fails(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A connection reset in a body of undeclared length raises, and nothing is published."""

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + HALF)
        await writer.drain()
        writer.transport.abort()

    async with raw_server(reset) as url:
        add_artifact(fake_github, f"{url}/x.zip")
        with pytest.raises((ConnectionFailed, IncompleteDownload)):
            await repo.download_artifact(1, tmp_path / "dist.zip")
    assert published_below(tmp_path) == []


async def test_a_store_that_always_stalls_fails(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A store that stalls on every attempt raises TimedOut, and no file is left."""
    add_artifact(fake_github)
    fake_github.fail_blobs_when(lambda _: BlobFault.stall(after=0))
    async with Client(
        fake_github.token, base_url=fake_github.url, timeouts=Timeouts(stall=0.05), retry=QUICK
    ) as gh:
        with pytest.raises(TimedOut, match=r"no response in time.*6 attempts"):
            await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "dist.zip")
    assert files_below(tmp_path) == []


async def test_expired_and_missing_artifacts_raise_different_errors(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An expired artifact raises ArtifactExpired, a missing one raises NotFound."""
    add_artifact(fake_github, expired=True)
    with pytest.raises(ArtifactExpired, match="expired") as caught:
        await repo.download_artifact(1, f"{tmp_path}/out/")
    assert caught.value.status == 410
    with pytest.raises(NotFound):
        await repo.download_artifact(2, f"{tmp_path}/out/")
    assert not list(tmp_path.iterdir())


async def test_a_refused_signed_url_raises_store_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A signed URL that the store refuses raises StoreError with the store's error code."""
    fake_github.url_ttl = -1
    add_artifact(fake_github)
    with pytest.raises(StoreError, match="403 AuthenticationFailed") as caught:
        await repo.download_artifact(1, tmp_path)
    assert caught.value.code == "AuthenticationFailed"
    assert files_below(tmp_path) == []


async def test_a_failing_progress_callback_ends_the_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If `on_progress` raises, the download ends with a ProgressError caused by that exception."""
    add_artifact(fake_github)

    def callback(_: Progress) -> None:
        raise KeyError("mine")

    with pytest.raises(ProgressError, match="KeyError") as caught:
        await repo.download_artifact(1, tmp_path, on_progress=callback, keep_partial=False)
    assert isinstance(caught.value.__cause__, KeyError)
    assert files_below(tmp_path) == []


async def test_a_file_size_limit_raises_disk_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A file that exceeds the system's size limit raises DiskError, and no file is left."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    add_artifact(fake_github)
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


async def test_an_impossible_target_raises_disk_error(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A target that lies below a file, or is a directory, raises DiskError."""
    add_artifact(fake_github)
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
async def test_a_download_can_be_cancelled_at_any_await(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, keep: bool, connections: int
) -> None:
    """A cancelled download leaves no task or open file; its target is complete or absent."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
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


async def test_a_store_that_sends_too_much_fails(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store that sends or announces too many bytes raises IncompleteDownload."""
    async with raw_server(send_forever) as url:
        add_artifact(fake_github, f"{url}/x.zip")
        with pytest.raises(IncompleteDownload, match=r"[0-9]+ attempts"):
            await repo.download_artifact(1, tmp_path / "dist.zip")
    async with raw_server(blob_response(b"", length=5 * 10**9)) as url:
        add_artifact(fake_github, f"{url}/x.zip")
        with pytest.raises(IncompleteDownload, match="announced 5000000000 bytes"):
            await repo.download_artifact(2, tmp_path / "dist.zip")
    assert published_below(tmp_path) == []


async def test_closing_the_client_ends_its_downloads(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A download that runs when its client closes raises ClientStateError and leaves no thread."""
    async with raw_server(send_forever) as url:
        add_artifact(fake_github, f"{url}/x.zip", digest=None)
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
