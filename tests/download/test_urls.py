"""Requests to the store: redirects, exact URLs, proxies and no credentials."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async import (
    Client,
    NotFound,
    RedirectRefused,
    Repo,
)
from ghartifacts_async.testing import FakeGitHub
from tests.download.payloads import PAYLOAD, add_artifact, blob_response
from tests.support import REPOSITORY, raw_server, says


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
async def test_an_invalid_redirect_is_refused(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, location: str
) -> None:
    """An invalid redirect raises RedirectRefused without revealing its credentials or query."""
    add_artifact(fake_github, location)
    with pytest.raises(RedirectRefused) as caught:
        await repo.download_artifact(1, tmp_path)
    assert "canary" not in str(caught.value)
    assert len(fake_github.requests_to("blob")) == 0


async def test_store_redirects_are_followed_up_to_a_limit(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Redirects of the store are followed, but not more than five in a row."""
    heard: list[bytes] = []

    async def redirect_to_itself(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with raw_server(blob_response(PAYLOAD)) as store:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {store}/y.zip\r\nContent-Length: 0\r\n\r\n"
        async with raw_server(says(moved.encode())) as redirecting:
            add_artifact(fake_github, f"{redirecting}/x.zip")
            assert (await repo.download_artifact(1, tmp_path)).verified
    async with raw_server(redirect_to_itself) as url:
        add_artifact(fake_github, f"{url}/x.zip")
        with pytest.raises(RedirectRefused, match="loop"):
            await repo.download_artifact(2, tmp_path / "2")
    assert len(heard) == 6


async def test_a_signed_url_is_sent_byte_for_byte(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The store receives the exact bytes of Location; percent-escapes are left as they are."""
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
    """No token, cookie or netrc login is sent to the store, even with a borrowed session."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    add_artifact(fake_github)
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


async def test_the_proxy_of_a_borrowed_session_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Requests use a borrowed session's proxy, or the environment's if it has `trust_env`."""
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
