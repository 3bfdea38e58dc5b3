"""Downloads, against FakeGitHub and servers that break the rules."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import threading
import zipfile
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async import (
    Artifact,
    ArtifactExpired,
    ArtifactsError,
    Client,
    ClientStateError,
    ConnectionFailed,
    DigestMismatch,
    DiskError,
    IncompleteDownload,
    NotFound,
    Progress,
    ProgressError,
    RedirectRefused,
    Repo,
    StoreError,
    TimedOut,
    Timeouts,
    TransportError,
)
from ghartifacts_async.testing import FakeArtifact, FakeGitHub
from tests.support import REPOSITORY, Answer, files_below, raw_server, says

PAYLOAD = os.urandom(3_000_000)


def blob(payload: bytes, *headers: bytes, length: int | None = None) -> Answer:
    """A store that serves the payload, promising `length` bytes."""
    promise = b"Content-Length: %d" % (len(payload) if length is None else length)
    head = b"\r\n".join((b"HTTP/1.1 200 OK", b"Content-Type: application/zip", promise, *headers))
    return says(head + b"\r\n\r\n" + payload)


def add(fake: FakeGitHub, location: str | None = None, **kwargs: object) -> FakeArtifact:
    """An artifact with PAYLOAD, served from `location`."""
    return fake.add_artifact(REPOSITORY, "dist", PAYLOAD, location=location, **kwargs)  # type: ignore[arg-type]


async def test_a_download_is_verified_and_published(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The file has the artifact's bytes and digest, and nothing else is left beside it."""
    added = add(fake_github)
    artifact = await repo.get_artifact(added.id)
    download = await repo.download_artifact(artifact, tmp_path)
    assert download.path == tmp_path / "dist.zip"
    assert download.path.read_bytes() == PAYLOAD
    assert (download.artifact, download.size, download.verified) == (artifact, len(PAYLOAD), True)
    assert str(download.digest) == added.digest
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_zip_arrives_as_the_uploader_made_it(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A zip is a zip: its members can be read."""
    fake_github.add_artifact(REPOSITORY, "report", {"a/b.txt": "hello", "ü.bin": b"\0" * 1000})
    download = await repo.download_artifact(1, tmp_path)
    with zipfile.ZipFile(io.BytesIO(download.path.read_bytes())) as archive:
        assert archive.testzip() is None
        assert archive.read("a/b.txt") == b"hello"


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("new/deep/", "new/deep/dist.zip"),
        ("there", "there/dist.zip"),
        ("file.zip", "file.zip"),
        ("new/file", "new/file"),
    ],
)
async def test_destinations(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, destination: str, expected: str
) -> None:
    """A directory gets a file of the artifact's name; a file path is taken; parents are made."""
    (tmp_path / "there").mkdir()
    add(fake_github)
    download = await repo.download_artifact(1, f"{tmp_path}/{destination}")
    assert download.path == tmp_path / expected
    assert files_below(tmp_path) == [expected]


async def test_what_was_there_is_replaced_in_one_step(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An older file stays whole until the new one takes its place."""
    add(fake_github)
    target = tmp_path / "dist.zip"
    target.write_bytes(b"old")
    seen: list[bytes] = []
    await repo.download_artifact(1, target, on_progress=lambda _: seen.append(target.read_bytes()))
    assert set(seen) == {b"old"}
    assert target.read_bytes() == PAYLOAD


@pytest.mark.parametrize("umask", [0o022, 0o077])
async def test_permissions_follow_the_umask(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, umask: int
) -> None:
    """The file has the permissions that any new file of the user has."""
    add(fake_github)
    before = os.umask(umask)
    try:
        download = await repo.download_artifact(1, tmp_path)
    finally:
        os.umask(before)
    assert download.path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize(
    ("raw", "expected"), [("report.json", "report.json"), ("../../.netrc", "_netrc")]
)
async def test_a_raw_payload_keeps_its_own_name(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, raw: str, expected: str
) -> None:
    """A payload that is no zip is named by its uploader, made safe."""
    fake_github.add_artifact(REPOSITORY, "report", b'{"passed": 3}', raw=raw)
    download = await repo.download_artifact(1, f"{tmp_path}/out/")
    assert download.path == tmp_path / "out" / expected
    assert download.path.read_bytes() == b'{"passed": 3}'


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "con", "a\nb", "x" * 300, "\0"])
async def test_an_artifact_name_is_no_path(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """Whatever an artifact is called, its file lies in the directory asked for."""
    fake_github.add_artifact(REPOSITORY, name, PAYLOAD)
    download = await repo.download_artifact(1, f"{tmp_path}/out/")
    assert files_below(tmp_path) == [f"out/{download.path.name}"]


async def test_no_digest_is_no_verification(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Where GitHub gives no digest, `verified` is False and `digest` the computed one."""
    add(fake_github, digest=None)
    download = await repo.download_artifact(1, tmp_path)
    assert not download.verified
    assert download.digest.hex == hashlib.sha256(PAYLOAD).hexdigest()


async def test_a_zip_of_before_v4_has_another_size_than_github_says(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without a digest, size_in_bytes counts the unzipped files: a complete zip is a success."""
    fake_github.add_artifact(
        REPOSITORY, "old", {"a.log": b"x" * 100_000}, digest=None, size_in_bytes=100_000
    )
    download = await repo.download_artifact(1, tmp_path)
    assert download.size < 1000


async def test_a_flipped_byte_is_caught(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """One wrong bit on the way raises DigestMismatch, and nothing is kept."""
    flipped = bytearray(PAYLOAD)
    flipped[1_500_000] ^= 1
    async with raw_server(blob(bytes(flipped))) as url:
        added = add(fake_github, f"{url}/x.zip")
        with pytest.raises(DigestMismatch, match="nothing was kept") as caught:
            await repo.download_artifact(added.id, tmp_path / "dist.zip")
    assert caught.value.expected == added.digest
    assert caught.value.actual == f"sha256:{hashlib.sha256(flipped).hexdigest()}"
    assert files_below(tmp_path) == []


HALF = PAYLOAD[: len(PAYLOAD) // 2]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/zip\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (blob(HALF, length=len(PAYLOAD)), ConnectionFailed),
        (blob(HALF), IncompleteDownload),
        (blob(PAYLOAD + b"x"), IncompleteDownload),
        (blob(b""), IncompleteDownload),
        (says(b"HTTP/1.1 200 OK\r\n\r\n" + HALF), IncompleteDownload),
        (says(CHUNKED + b"%x\r\n" % len(PAYLOAD) + HALF), ConnectionFailed),
        (says(CHUNKED + b"%x\r\n" % len(HALF) + HALF + b"\r\nzz\r\n"), TransportError),
        (says(CHUNKED + b"%x\r\n" % len(HALF) + HALF + b"\r\n0\r\n\r\n"), IncompleteDownload),
        (says(b""), ConnectionFailed),
    ],
    ids=["cut", "short", "long", "empty", "unframed", "chunk-cut", "chunk-bad", "chunk-short", "0"],
)
@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_truncated_body_is_no_success(
    fake_github: FakeGitHub,
    tmp_path: Path,
    answer: Answer,
    error: type[ArtifactsError],
    digest: str | None,
) -> None:
    """Fewer or more bytes than promised raise, however the body was framed, digest or not."""
    async with (
        raw_server(answer) as url,
        Client(fake_github.token, base_url=fake_github.url, timeouts=Timeouts(stall=1)) as gh,
    ):
        add(fake_github, f"{url}/x.zip", digest=digest)
        with pytest.raises(error):
            await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "dist.zip")
    assert files_below(tmp_path) == []


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
    assert files_below(tmp_path) == []


async def test_a_stalled_body_is_given_up(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A store that falls silent raises TimedOut after `Timeouts.stall`, and nothing is kept."""

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + HALF)
        await reader.read()

    async with (
        raw_server(stall) as url,
        Client(fake_github.token, base_url=fake_github.url, timeouts=Timeouts(stall=0.1)) as gh,
    ):
        add(fake_github, f"{url}/x.zip")
        with pytest.raises(TimedOut, match="no answer in time"):
            await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "dist.zip")
    assert files_below(tmp_path) == []


async def test_a_body_is_kept_as_it_is_encoded(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store that sets Content-Encoding gets its bytes stored, not decoded."""
    async with raw_server(blob(PAYLOAD, b"Content-Encoding: gzip")) as url:
        add(fake_github, f"{url}/x.zip")
        download = await repo.download_artifact(1, tmp_path)
    assert download.verified


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


@pytest.mark.parametrize(
    "location",
    [
        "ftp://store.example/x.zip",
        "https://user:canary@store.example/x.zip",
        "https://store.example/x y.zip?sig=canary",
        "//[::1/x.zip?sig=canary",
        "https:///x.zip?sig=canary",
    ],
)
async def test_a_location_that_is_no_web_address_is_refused(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, location: str
) -> None:
    """A redirect that cannot be right is refused by name, without showing its query."""
    add(fake_github, location)
    with pytest.raises(RedirectRefused) as caught:
        await repo.download_artifact(1, tmp_path)
    assert "canary" not in str(caught.value)
    assert len(fake_github.requests_to("blob")) == 0


async def test_a_store_may_redirect_without_credentials(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store that redirects is followed for a few hops, and no further."""
    heard: list[bytes] = []

    async def around(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with raw_server(blob(PAYLOAD)) as there:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {there}/y.zip\r\nContent-Length: 0\r\n\r\n"
        async with raw_server(says(moved.encode())) as here:
            add(fake_github, f"{here}/x.zip")
            assert (await repo.download_artifact(1, tmp_path)).verified
    async with raw_server(around) as url:
        add(fake_github, f"{url}/x.zip")
        with pytest.raises(RedirectRefused, match="loop"):
            await repo.download_artifact(2, tmp_path)
    assert len(heard) == 6


async def test_a_signed_url_is_sent_byte_for_byte(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The store sees the very bytes of Location: escapes are neither added nor resolved."""
    heard: list[bytes] = []
    target = (
        "/a%2Fb%7Ec/d%27e;f=1/./g/../h.zip?x=%2F%2B%3D%27%7E%20&y=a+b&z=~'()!*,@:/?&&=&sig=q%3D"
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        fake_github.add_artifact(
            REPOSITORY, "dist", b"abc", location=f"http://127.0.0.1:{port}{target}"
        )
        await repo.download_artifact(1, tmp_path)
    finally:
        server.close()
        await server.wait_closed()
    assert heard == [f"GET {target} HTTP/1.1\r\n".encode()]


@pytest.mark.parametrize("trust_env", [False, True])
async def test_no_credential_reaches_the_store(
    fake_github: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trust_env: bool,
) -> None:
    """Neither token, cookie nor netrc goes to the store, whatever session is borrowed."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    add(fake_github)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(trust_env=trust_env, cookie_jar=jar) as session:
        for url in (fake_github.url, fake_github.blob_url):
            jar.update_cookies({"canary": "canary"}, URL(url))
        async with Client(fake_github.token, base_url=fake_github.url, session=session) as gh:
            download = await gh.repo(REPOSITORY).download_artifact(1, f"{tmp_path}/out/")
    assert download.verified
    assert len(fake_github.requests_to("blob")) == 1
    for request in fake_github.requests_to("blob"):
        assert not {"Authorization", "Cookie"} & {name.title() for name in request.headers}
        assert fake_github.token not in str(request.headers)
    for request in fake_github.requests:
        assert "canary" not in str(request.headers)


async def test_a_borrowed_proxy_is_used_and_no_netrc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session's own proxy, or the environment's where it trusts it, carries every request."""
    heard: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    url = f"http://user:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("http_proxy", url)
    try:
        for session in (aiohttp.ClientSession(proxy=url), aiohttp.ClientSession(trust_env=True)):
            async with session, Client("t", base_url="http://ghe.example", session=session) as gh:
                with pytest.raises(NotFound):
                    await gh.repo(REPOSITORY).get_artifact(1)
    finally:
        server.close()
        await server.wait_closed()
    assert len(heard) == 2
    for request in heard:
        assert request.startswith(b"GET http://ghe.example/repos/")
        assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in request


async def test_progress_ends_at_the_whole(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Progress never goes backwards, and its last report says that all bytes are there."""
    add(fake_github)
    seen: list[Progress] = []
    await repo.download_artifact(1, tmp_path, on_progress=seen.append)
    assert [p.received for p in seen] == sorted(p.received for p in seen)
    assert (seen[-1].received, seen[-1].total) == (len(PAYLOAD), len(PAYLOAD))
    assert seen[-1].artifact.id == 1
    assert seen[-1].rate > 0


async def test_a_progress_callback_that_raises_ends_the_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A callback's exception ends the download with ProgressError, and nothing is kept."""
    add(fake_github)

    def tell(_: Progress) -> None:
        raise KeyError("mine")

    with pytest.raises(ProgressError, match="KeyError") as caught:
        await repo.download_artifact(1, tmp_path, on_progress=tell)
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


async def test_cancelled_at_any_await_nothing_is_left(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A download cancelled at each of its steps leaves no file, task or open handle."""
    artifact = await repo.get_artifact(add(fake_github).id)
    step = 0
    while True:
        step += 1
        task = asyncio.create_task(repo.download_artifact(artifact, f"{tmp_path}/out/"))
        for _ in range(step):
            await asyncio.sleep(0)
        if task.done():
            break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert files_below(tmp_path) == []
        assert [t for t in asyncio.all_tasks() if "ghartifacts_async/_" in repr(t)] == []
        assert [name for name in _open_files() if str(tmp_path) in name] == []
    assert task.result().verified
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


async def test_a_client_that_closes_ends_its_downloads(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A download still running when its client closes raises an error of the tree, cleanly."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\r\n")
        while True:
            writer.write(b"x" * 2**16)
            await writer.drain()
            await asyncio.sleep(0)

    async with raw_server(endless) as url:
        add(fake_github, f"{url}/x.zip")
        started = asyncio.Event()
        async with Client(fake_github.token, base_url=fake_github.url) as gh:
            task = asyncio.create_task(
                gh.repo(REPOSITORY).download_artifact(
                    1, f"{tmp_path}/out/", on_progress=lambda _: started.set()
                )
            )
            await started.wait()
        with pytest.raises((ClientStateError, ConnectionFailed)):
            await task
    assert files_below(tmp_path) == []
    assert not [t for t in threading.enumerate() if t.name.startswith("ghartifacts")]


async def test_downloads_side_by_side(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Many downloads share a client, even two of one artifact to one path."""
    for _ in range(20):
        add(fake_github)
    artifacts: list[Artifact] = await repo.list_artifacts().collect()
    await asyncio.gather(
        *(repo.download_artifact(a, tmp_path / f"{a.id}.zip") for a in artifacts),
        *(repo.download_artifact(artifacts[0], tmp_path / "same.zip") for _ in range(2)),
    )
    assert len(files_below(tmp_path)) == 21
    assert all(path.read_bytes() == PAYLOAD for path in tmp_path.iterdir())
