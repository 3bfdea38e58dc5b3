"""Clients: their arguments, sessions, states and errors."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import pytest

from ghartifacts_async import (
    Anonymous,
    AuthenticationError,
    CertificateRefused,
    Client,
    ClientStateError,
    ConnectionFailed,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Repo,
    RetryPolicy,
    TimedOut,
    Timeouts,
    UnexpectedReply,
)
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY, raw_server, says

ONCE = RetryPolicy(attempts=1)


async def test_get_and_delete(repo: Repo, fake_github: FakeGitHub) -> None:
    """Getting or deleting an artifact that was deleted raises NotFound."""
    added = fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    artifact = await repo.get_artifact(added.id)
    await repo.delete_artifact(artifact)
    with pytest.raises(NotFound):
        await repo.get_artifact(artifact)
    with pytest.raises(NotFound):
        await repo.delete_artifact(added.id)


async def test_calls_have_the_documented_headers(repo: Repo, fake_github: FakeGitHub) -> None:
    """A call sends User-Agent, Accept, API version and token to a path without trailing slash."""
    added = fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    await repo.get_artifact(added.id)
    (request,) = fake_github.requests
    assert request.headers["User-Agent"].startswith("ghartifacts_async/")
    assert request.headers["Accept"] == "application/vnd.github+json"
    assert request.headers["X-GitHub-Api-Version"] == "2026-03-10"
    assert request.headers["Authorization"] == f"Bearer {fake_github.token}"
    assert not request.path.endswith("/")


async def test_certificates_are_verified() -> None:
    """A certificate must be signed by a trusted authority, or else the error says what to do."""
    async with FakeGitHub(tls=True) as fake:
        async with Client(fake.token, base_url=fake.url, retry=ONCE) as gh:
            with pytest.raises(CertificateRefused, match=r"set SSL_CERT_FILE to .*, or pass ssl="):
                await gh.repo(REPOSITORY).get_artifact(1)
        assert fake.requests == []


async def test_anonymous_reads_public_repositories(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A client without a token reads public metadata; its downloads raise PermissionDenied."""
    added = fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    async with Client(Anonymous(), base_url=fake_github.url) as gh:
        artifact = await gh.repo(REPOSITORY).get_artifact(added.id)
        with pytest.raises(PermissionDenied, match="pass a token as auth"):
            await gh.repo(REPOSITORY).download_artifact(artifact, tmp_path)
    assert all("Authorization" not in request.headers for request in fake_github.requests)


async def test_a_provider_is_called_before_each_call(fake_github: FakeGitHub) -> None:
    """A token provider may return a new token for each call."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    tokens = iter(["first", "second"])

    async def provide() -> str:
        fake_github.token = next(tokens)
        return fake_github.token

    async with Client(provide, base_url=fake_github.url) as gh:
        await gh.repo(REPOSITORY).get_artifact(1)
        await gh.repo(REPOSITORY).get_artifact(1)
    sent = [request.headers["Authorization"] for request in fake_github.requests]
    assert sent == ["Bearer first", "Bearer second"]


async def test_an_unknown_token_raises(fake_github: FakeGitHub) -> None:
    """A token that GitHub rejects raises AuthenticationError, which does not show the token."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    async with Client("ghp_canary", base_url=fake_github.url) as gh:
        with pytest.raises(AuthenticationError, match="Bad credentials") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert "canary" not in repr(caught.value) + repr(gh)


async def test_a_borrowed_session_is_never_closed(fake_github: FakeGitHub) -> None:
    """A session of the caller stays open and usable after the client has closed."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    async with aiohttp.ClientSession() as session:
        async with Client(fake_github.token, base_url=fake_github.url, session=session) as gh:
            await gh.repo(REPOSITORY).get_artifact(1)
        assert not session.closed
        async with session.get(fake_github.url + "/rate_limit") as response:
            assert response.status in {200, 404}


async def test_traces_of_a_borrowed_session_see_every_call(fake_github: FakeGitHub) -> None:
    """Calls go through the connector and the trace configs of a borrowed session."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    traced_paths: list[str] = []
    trace = aiohttp.TraceConfig()

    async def on_start(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        traced_paths.append(params.url.path)

    trace.on_request_start.append(on_start)
    connector = aiohttp.TCPConnector(limit=1)
    async with (
        aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session,
        Client(fake_github.token, base_url=fake_github.url, session=session) as gh,
    ):
        await asyncio.gather(*(gh.repo(REPOSITORY).get_artifact(1) for _ in range(5)))
    assert len(traced_paths) == 5


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer ghp_canary"}, {"COOKIE": "session=canary"}]
)
async def test_a_session_with_default_credentials_is_refused(headers: dict[str, str]) -> None:
    """A session whose default headers would send credentials to the blob store is refused."""
    async with aiohttp.ClientSession(headers=headers) as session:
        with pytest.raises(InvalidArgument, match="blob store") as caught:
            Client("token", session=session)
    assert "canary" not in str(caught.value)


async def test_a_closed_session_is_refused() -> None:
    """A closed session, or a value that is not a session, is refused."""
    async with aiohttp.ClientSession() as session:
        pass
    with pytest.raises(InvalidArgument, match="closed"):
        Client("token", session=session)
    with pytest.raises(InvalidArgument, match="ClientSession"):
        Client("token", session="session")  # type: ignore[arg-type]


async def test_a_client_is_used_once(fake_github: FakeGitHub) -> None:
    """Using a client outside `async with`, or entering it again, raises an error with advice."""
    gh = Client(fake_github.token, base_url=fake_github.url)
    repo = gh.repo(REPOSITORY)
    with pytest.raises(ClientStateError, match="not open yet; use it inside 'async with"):
        repo.list_artifacts()
    async with gh:
        with pytest.raises(ClientStateError, match="open; create a new client"):
            await gh.__aenter__()
    with pytest.raises(ClientStateError, match="closed"):
        await repo.get_artifact(1)
    with pytest.raises(ClientStateError, match="create a new client"):
        await gh.__aenter__()


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: Client(),
        lambda: Client(""),
        lambda: Client(None),  # type: ignore[arg-type]
        lambda: Client("ghp_canary\n"),
        lambda: Client(42),  # type: ignore[arg-type]
        lambda: Client("t", base_url="api.github.com"),
        lambda: Client("t", user_agent="a\r\nb"),
        lambda: Client("t", api_version=""),
        lambda: Client("t").repo("octo-org"),
        lambda: Client("t").repo("octo-org/../x"),
        lambda: Client("t").repo(""),
    ],
)
def test_wrong_arguments_raise_at_once(mistake: object) -> None:
    """A wrong argument raises InvalidArgument at once, without showing a token."""
    with pytest.raises(InvalidArgument) as caught:
        mistake()  # type: ignore[operator]
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("artifact", [-1, 0, True, "1", None, 1.0])
async def test_invalid_ids_are_refused(repo: Repo, artifact: int) -> None:
    """An id that is not a positive int raises InvalidArgument."""
    with pytest.raises(InvalidArgument, match="id"):
        await repo.get_artifact(artifact)
    with pytest.raises(InvalidArgument, match="id"):
        await repo.delete_artifact(artifact)
    with pytest.raises(InvalidArgument, match="id"):
        await repo.download_artifact(artifact, "out/")


async def test_an_unreachable_server() -> None:
    """A refused connection raises ConnectionFailed, which names the host."""
    async with raw_server(says(b"")) as url:
        pass
    async with Client("t", base_url=url, retry=ONCE) as gh:
        with pytest.raises(ConnectionFailed, match="cannot connect") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert caught.value.host in url


async def test_a_silent_server_times_out() -> None:
    """A call raises TimedOut if the server accepts the connection but does not respond."""

    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        with suppress(asyncio.TimeoutError):
            async with asyncio.timeout(1):
                await reader.read()

    async with (
        raw_server(silence) as url,
        Client("t", base_url=url, timeouts=Timeouts(call=0.1), retry=ONCE) as gh,
    ):
        with pytest.raises(TimedOut, match="no response in time"):
            await gh.repo(REPOSITORY).get_artifact(1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbad\r\n",
    ],
)
async def test_a_broken_response_is_a_failed_connection(answer: bytes) -> None:
    """A broken response raises ConnectionFailed, never an exception of aiohttp."""
    async with raw_server(says(answer)) as url, Client("t", base_url=url, retry=ONCE) as gh:
        with pytest.raises(ConnectionFailed):
            await gh.repo(REPOSITORY).get_artifact(1)


@pytest.mark.skipif(
    any(map(find_spec, ("brotli", "brotlicffi"))), reason="aiohttp then asks for brotli"
)
async def test_a_compression_that_was_not_asked_for() -> None:
    """The error for a response that a proxy has compressed names the compression."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}"
    async with raw_server(says(answer)) as url, Client("t", base_url=url) as gh:
        with pytest.raises(ConnectionFailed, match="compressed with brotli") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert not caught.value.retryable


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compression_that_is_wrong(encoding: str) -> None:
    """The error for a response that is not compressed as its headers say names the problem."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 2\r\n\r\n"
    answer = says(head.encode() + b"{}")
    async with raw_server(answer) as url, Client("t", base_url=url, retry=ONCE) as gh:
        with pytest.raises(ConnectionFailed, match="body cannot be decompressed"):
            await gh.repo(REPOSITORY).get_artifact(1)


@pytest.mark.parametrize("encoding", ["x-gzip", "compress", "gzip, br"])
async def test_an_unknown_compression(encoding: str) -> None:
    """The error for a response with an unknown Content-Encoding names the encoding."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
    async with (
        raw_server(says(head.encode() + b"\x1f\x8b")) as url,
        Client("t", base_url=url, retry=ONCE) as gh,
    ):
        for call in (gh.repo(REPOSITORY).get_artifact(1), gh.request("GET", "/user")):
            with pytest.raises(UnexpectedReply, match=f"Content-Encoding: {encoding}"):
                await call


async def test_an_oversized_response_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response over the size limit raises UnexpectedReply and is not read completely."""
    # Sending more than the real limit would take long.
    monkeypatch.setattr("ghartifacts_async._http.transport.MAX_REPLY_BYTES", 1000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b" " * 100_000
    async with raw_server(says(answer)) as url, Client("t", base_url=url, retry=ONCE) as gh:
        with pytest.raises(UnexpectedReply, match="larger than 1000 bytes"):
            await gh.repo(REPOSITORY).get_artifact(1)


async def test_calls_are_logged_without_secrets(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG each call is logged with its status, without the token or the signed URL."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    with caplog.at_level(logging.DEBUG, "ghartifacts_async"):
        await repo.download_artifact(1, tmp_path)
    records = [record for record in caplog.records if record.name == "ghartifacts_async"]
    assert [record.args[1] for record in records if isinstance(record.args, tuple)] == [200, 302]
    assert fake_github.token not in caplog.text
    assert "sig=" not in "".join(record.getMessage() for record in records)


async def test_a_missing_permission_is_named() -> None:
    """PermissionDenied names the permission that GitHub would accept."""
    answer = (
        b"HTTP/1.1 403 Forbidden\r\nX-Accepted-GitHub-Permissions: actions=read\r\n"
        b"Content-Length: 53\r\n\r\n"
        b'{"message": "Resource not accessible by integration"}'
    )
    async with raw_server(says(answer)) as url, Client("t", base_url=url, retry=ONCE) as gh:
        with pytest.raises(PermissionDenied, match="actions=read") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert caught.value.accepted_permissions == "actions=read"
