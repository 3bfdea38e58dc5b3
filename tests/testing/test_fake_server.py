"""FakeGitHub's start, close and request log, and its rejection of wrong arguments."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ghartifacts_async.testing import FakeArtifact, FakeGitHub, LoggedRequest
from ghartifacts_async.testing._shared.messages import Request
from ghartifacts_async.testing._shared.request_log import RequestLog
from tests.testing.support import LIST, REPOSITORY, Send, Signed


async def test_the_log_has_requests_and_responses(
    send: Send, fake: FakeGitHub, signed: Signed
) -> None:
    """The log has each request as sent and the state of its response, in order of arrival."""
    artifact = fake.add_artifact(REPOSITORY, "dist", b"0123456789")
    await send(f"{LIST}?name=a%20b&page=1", X_Test="yes")
    location = await signed(artifact.id)
    await send(location, Range="bytes=2-")
    await send(location, "HEAD")
    await send(LIST, "HEAD")
    await fake.wait_until_idle()
    listed, redirected, ranged, head, head_of_list = fake.requests
    assert isinstance(listed, LoggedRequest)
    assert (listed.origin, listed.method, listed.status) == ("api", "GET", 200)
    assert listed.target == f"{LIST}?name=a%20b&page=1"
    assert (listed.path, listed.query) == (LIST, {"name": "a b", "page": "1"})
    assert listed.headers["x-test"] == "yes"
    assert (redirected.status, redirected.bytes_sent) == (302, 0)
    assert (ranged.origin, ranged.status, ranged.bytes_sent) == ("blob", 206, 8)
    assert fake.blob_url + ranged.target == location
    assert (head.method, head.status, head.bytes_sent) == ("HEAD", 200, 0)
    assert (head_of_list.status, head_of_list.bytes_sent) == (200, 0)
    assert fake.requests_to("api") == [listed, redirected, head_of_list]
    assert fake.requests_to("blob") == [ranged, head]
    fake.clear_requests()
    assert fake.requests == []


async def test_the_log_of_a_client_that_disconnects(
    fake: FakeGitHub, signed: Signed, tmp_path: Path
) -> None:
    """If the client disconnects half-way, the log has the number of bytes sent until then."""
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    target = urlsplit(await signed(fake.add_artifact(REPOSITORY, "big", path, digest=None).id))
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    writer.write(f"GET {target.path}?{target.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readexactly(1 << 20)
    assert fake.requests[-1].status == 200
    assert fake.requests[-1].bytes_sent is None
    writer.transport.abort()
    async with asyncio.timeout(5):
        await fake.wait_until_idle()
    sent = fake.requests[-1].bytes_sent
    assert sent is not None
    assert 1 << 19 < sent < 64 << 20


async def test_the_log_of_a_failing_location_function(
    send: Send, fake: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    """If a `location` function raises, the client gets status 500, and the log shows it."""

    def fail(_: FakeArtifact) -> str:
        raise LookupError("a mistake in the test")

    artifact = fake.add_artifact(REPOSITORY, "dist", b"", location=fail)
    assert (await send(f"{LIST}/{artifact.id}/zip")).status == 500
    assert fake.requests[-1].status == 500
    assert "a mistake in the test" in caplog.text


async def test_a_file_truncated_while_it_is_sent(
    fake: FakeGitHub, http: aiohttp.ClientSession, signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a file is truncated while it is sent, the connection is closed and does not hang."""
    location = URL(await signed(fake.add_artifact(REPOSITORY, "a", b"12").id), encoded=True)

    async def cut(*_: object) -> int:
        return 1

    monkeypatch.setattr(asyncio.get_running_loop(), "sendfile", cut)
    with pytest.raises(aiohttp.ClientPayloadError):
        async with asyncio.timeout(5), http.get(location) as response:
            await response.read()


async def test_two_origins(fake: FakeGitHub) -> None:
    """The API and the blob store are different origins."""
    api, blob = urlsplit(fake.url), urlsplit(fake.blob_url)
    assert (api.hostname, api.path) == ("127.0.0.1", "")
    assert api.netloc != blob.netloc
    assert fake.ghes_url == f"{fake.url}/api/v3"


async def test_a_single_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system with one loopback address the blob store uses another port."""
    from ghartifacts_async.testing import server

    # Like 127.0.0.2 on macOS, this address (for documentation) belongs to no interface.
    monkeypatch.setattr(server, "_BLOB_ADDRESS", "192.0.2.1")
    async with FakeGitHub() as fake:
        assert urlsplit(fake.blob_url).hostname == "127.0.0.1"
        assert fake.blob_url != fake.url


async def test_ports_can_be_chosen() -> None:
    """Ports can be chosen; a port in use raises OSError."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with FakeGitHub(port=port) as fake:
        assert urlsplit(fake.url).port == port
        with pytest.raises(OSError, match="address already in use"):
            await FakeGitHub(port=port).start()
        blob_port = urlsplit(fake.blob_url).port
        assert blob_port is not None
        with pytest.raises(OSError, match="address already in use"):
            await FakeGitHub(blob_port=blob_port).start()


async def test_a_server_is_started_once() -> None:
    """A server has no URL before it is started, and cannot be started twice."""
    fake = FakeGitHub()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = fake.url
    async with fake:
        with pytest.raises(RuntimeError, match="only once"):
            await fake.start()
    with pytest.raises(RuntimeError, match="only once"):
        await fake.start()
    await fake.close()


async def test_closing_removes_files(tmp_path: Path) -> None:
    """Closing removes the files that the server created, and keeps the test's own files."""
    given = tmp_path / "given.zip"
    given.write_bytes(b"mine")
    fake = FakeGitHub()
    made = fake.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    own = fake.add_artifact(REPOSITORY, "own", given)
    assert made.path.exists()
    assert own.path == given
    async with fake:
        fake.delete_artifact(own)
        deleted = fake.add_artifact(REPOSITORY, "dist", b"")
        fake.delete_artifact(deleted.id)
        assert not deleted.path.exists()
    assert not made.path.parent.exists()
    assert given.read_bytes() == b"mine"


async def test_closing_does_not_wait_for_clients(tmp_path: Path) -> None:
    """Closing waits neither for idle clients nor for one that has stopped reading."""
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(256 << 20)
    asyncio.get_running_loop().set_debug(True)
    async with aiohttp.ClientSession() as http, FakeGitHub() as fake:
        fake.add_artifact(REPOSITORY, "big", path, id=1, digest=None)
        _, silent = await asyncio.open_connection(*fake.url.removeprefix("http://").split(":"))
        auth = {"Authorization": f"token {fake.token}"}
        async with http.get(f"{fake.url}{LIST}/1/zip", headers=auth, allow_redirects=False) as got:
            location = urlsplit(got.headers["Location"])
        reader, stalled = await asyncio.open_connection(location.hostname, location.port)
        request = f"GET {location.path}?{location.query} HTTP/1.1\r\nHost: x\r\n\r\n"
        stalled.write(request.encode())
        await reader.readline()
        async with asyncio.timeout(30):
            await fake.close()
        assert fake.requests[-1].bytes_sent is None
        for writer in (silent, stalled):
            writer.transport.abort()
    del reader, writer, silent, stalled
    await asyncio.sleep(0)
    gc.collect()
    current = asyncio.current_task()
    assert asyncio.all_tasks() == {current}


def test_a_server_needs_no_event_loop_before_its_start() -> None:
    """A server can be created, and artifacts added to it, before an event loop exists."""
    fake = FakeGitHub()
    fake.add_artifact(REPOSITORY, "dist", {"a": b"b"})

    async def count() -> int:
        async with fake, aiohttp.ClientSession() as http, http.get(fake.url + LIST) as response:
            total: int = (await response.json())["total_count"]
            return total

    assert asyncio.run(count()) == 1


async def test_wrong_arguments(fake: FakeGitHub, tmp_path: Path) -> None:
    """Wrong arguments raise an error at once."""
    for name in ["octo-org", "a/b/c", "/b", "a/"]:
        with pytest.raises(ValueError, match="owner/name"):
            fake.add_repository(name)
    with pytest.raises(TypeError, match="single file"):
        fake.add_artifact(REPOSITORY, "a", {"a": b""}, raw="a")
    with pytest.raises(TypeError, match="not str"):
        fake.add_artifact(REPOSITORY, "a", "content")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="missing"):
        fake.add_artifact(REPOSITORY, "a", tmp_path / "missing")
    with pytest.raises(ValueError, match="time zone"):
        fake.add_artifact(REPOSITORY, "a", b"", created_at=datetime(2020, 1, 1))  # noqa: DTZ001
    fake.add_artifact(REPOSITORY, "a", b"", id=3)
    with pytest.raises(ValueError, match="artifact 3"):
        fake.add_artifact(REPOSITORY, "a", b"", id=3)
    for missing in (fake.delete_artifact, fake.expire_artifact):
        with pytest.raises(KeyError):
            missing(4)
    with pytest.raises(KeyError):
        fake.artifacts("no/body")
    with pytest.raises(ValueError, match="token"):
        FakeGitHub(token="")


async def test_ids_are_unique(fake: FakeGitHub) -> None:
    """Artifact ids are unique, and each artifact gets a new run unless a run is given."""
    forced = fake.add_artifact(REPOSITORY, "a", b"", id=2, run_id=2332938)
    others = [fake.add_artifact(REPOSITORY, "a", b"") for _ in range(2)]
    assert [artifact.id for artifact in (forced, *others)] == [2, 1, 3]
    assert [artifact.run_id for artifact in (forced, *others)] == [2332938, 2332939, 2332940]
    expired = fake.add_artifact(
        REPOSITORY, "a", b"", expired=True, created_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    assert expired.expires_at == expired.created_at


def test_the_log_of_an_unanswered_request() -> None:
    """The log has a request as soon as it arrives."""
    log = RequestLog()
    log.start_request("api", Request("GET", "/x?a=1&a=2", CIMultiDictProxy(CIMultiDict())))
    (request,) = log.requests()
    assert (request.status, request.bytes_sent, request.query) == (None, None, {"a": "2"})


async def test_latency_delays_every_response(send: Send, fake: FakeGitHub, signed: Signed) -> None:
    """Every response is delayed by `latency`."""
    artifact = fake.add_artifact(REPOSITORY, "dist", b"0123456789")
    location = await signed(artifact.id)
    loop = asyncio.get_running_loop()
    fake.latency = 0.2
    started = loop.time()
    await asyncio.gather(send(LIST), send(LIST), send(location))
    elapsed = loop.time() - started
    fake.latency = 0.0
    assert elapsed >= 0.2


async def test_changes_in_other_threads_wait_for_requests(fake: FakeGitHub) -> None:
    """While the server handles a request, changes to its data in other threads wait."""
    artifact = fake.add_artifact(REPOSITORY, "dist", b"")
    run, commit = fake.add_run(REPOSITORY), fake.add_commit(REPOSITORY)
    database = fake._database
    repository = database.add_repository(REPOSITORY)
    changes: dict[Callable[..., object], tuple[object, ...]] = {
        database.add_repository: ("octo-org/other",),
        database.add_organization: ("octo-org",),
        database.add_workflow: (repository, "ci.yml"),
        database.save_commit: (repository, "main", commit),
        database.save_run: (run,),
        database.save_artifact: (artifact,),
        database.delete_artifact: (artifact.id,),
        database.delete_run: (run.id,),
        database.rename_repository: ("octo-org/other", "octo-org/new", 301),
    }
    with ThreadPoolExecutor(1) as pool:
        for method, arguments in changes.items():
            with database.lock:
                change = pool.submit(method, *arguments)
                with pytest.raises(TimeoutError):
                    change.result(timeout=0.05)
            change.result(timeout=20)
