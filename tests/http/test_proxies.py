"""Proxies that environment variables name, tried with a real proxy and a real TLS server."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from ghartifacts_async import (
    CertificateRefused,
    Client,
    ConnectionFailed,
    InvalidArgument,
    RetryPolicy,
    UnexpectedReply,
)
from ghartifacts_async._http.connection_pool import ConnectionPool
from ghartifacts_async.testing import FakeGitHub
from tests.support import QUICK, REPOSITORY

PASSWORD = "S3cretProxyPw"
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies of the machine that runs the tests."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def running_proxy(directory: Path, *options: str) -> AsyncIterator[str]:
    """Run proxy.py as a process of its own, and yield its host and port."""
    port_file = directory / "port"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"),
        *("--port-file", str(port_file), "--num-acceptors", "1", "--num-workers", "1"),
        *options,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while not (port_file.exists() and port_file.read_text().strip()):
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield f"127.0.0.1:{port_file.read_text().strip()}"
    finally:
        process.terminate()
        await process.wait()


def used_a_proxy(fake: FakeGitHub) -> bool:
    """Return True if requests arrived through the proxy, which adds a ``Via`` header."""
    return any("Via" in request.headers for request in fake.requests)


@pytest.mark.parametrize("credentials", ["", f"user:{PASSWORD}@"])
async def test_calls_and_downloads_use_the_proxy(
    fake_github: FakeGitHub,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    credentials: str,
) -> None:
    """With `trust_env`, calls and downloads go through the proxy, with the URL's credentials."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x" * 100_000)
    options = ("--basic-auth", f"user:{PASSWORD}") if credentials else ()
    async with running_proxy(tmp_path, *options) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{credentials}{proxy}")
        with caplog.at_level(logging.DEBUG):
            async with Client(
                fake_github.token, base_url=fake_github.url, trust_env=True, retry=QUICK
            ) as gh:
                download = await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "x.zip")
    assert download.verified
    assert used_a_proxy(fake_github)
    assert PASSWORD not in caplog.text + repr(gh)


@pytest.mark.parametrize("credentials", ["", f"user:{PASSWORD}@"])
async def test_https_goes_through_a_tunnel(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    credentials: str,
) -> None:
    """HTTPS uses `HTTPS_PROXY`, and the TLS settings that were passed to the client."""
    caplog.set_level(logging.DEBUG)
    options = ("--basic-auth", f"user:{PASSWORD}") if credentials else ()
    async with FakeGitHub(tls=True) as fake, running_proxy(tmp_path, *options) as proxy:
        fake.add_artifact(REPOSITORY, "dist", b"x" * 100_000)
        monkeypatch.setenv("HTTPS_PROXY", f"http://{credentials}{proxy}")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        async with Client(
            fake.token, base_url=fake.url, trust_env=True, ssl=fake.ssl_context, retry=QUICK
        ) as gh:
            assert (await gh.repo(REPOSITORY).download_artifact(1, tmp_path / "x.zip")).verified
        async with Client(fake.token, base_url=fake.url, trust_env=True, retry=QUICK) as gh:
            with pytest.raises(CertificateRefused) as caught:
                await gh.repo(REPOSITORY).get_artifact(1)
    assert not caught.value.retryable
    assert PASSWORD not in caplog.text + repr(caught.value)


async def test_wrong_credentials_are_named(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the proxy refuses the credentials, the error says so and shows no password."""
    async with running_proxy(tmp_path, "--basic-auth", "user:another") as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:{PASSWORD}@{proxy}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@{proxy}")
        for base_url in (fake_github.url, fake_github.url.replace("http:", "https:")):
            async with Client("token", base_url=base_url, trust_env=True) as gh:
                with pytest.raises((UnexpectedReply, ConnectionFailed), match="407") as caught:
                    await gh.repo(REPOSITORY).get_artifact(1)
            assert "credentials" in str(caught.value)
            assert caught.value.attempts == 1
            assert PASSWORD not in repr(caught.value)
    assert fake_github.requests == []


async def test_a_trace_of_a_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A trace gets the error of a request that the proxy refuses, without the proxy's password."""
    reported: list[str] = []

    async def note(_: object, __: object, params: aiohttp.TraceRequestExceptionParams) -> None:
        reported.append(f"{params.exception} {params.exception!r}")

    trace = aiohttp.TraceConfig()
    trace.on_request_exception.append(note)
    async with running_proxy(tmp_path, "--basic-auth", "user:another") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@{proxy}")
        async with (
            aiohttp.ClientSession(trust_env=True, trace_configs=[trace]) as session,
            Client("token", base_url="https://127.0.0.1:1", session=session) as gh,
        ):
            with pytest.raises(ConnectionFailed, match="407"):
                await gh.repo(REPOSITORY).get_artifact(1)
    assert "407" in str(reported)
    assert PASSWORD not in str(reported)


@pytest.mark.parametrize("exception", ["127.0.0.1", "*", "example,127.0.0.1:{port}"])
async def test_exceptions_from_the_proxy(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, exception: str
) -> None:
    """Servers that `NO_PROXY` names are called directly, and so are all without `trust_env`."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    port = fake_github.url.rpartition(":")[2]
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", exception.format(port=port))
    for trust_env in (True, False):
        async with Client(
            fake_github.token, base_url=fake_github.url, trust_env=trust_env, retry=ONCE
        ) as gh:
            assert (await gh.repo(REPOSITORY).get_artifact(1)).name == "dist"
        monkeypatch.delenv("NO_PROXY", raising=False)
    assert [request.status for request in fake_github.requests] == [200, 200]


async def test_netrc_is_never_read(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With `trust_env`, neither the API nor the proxy gets credentials from netrc."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login user password {PASSWORD}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with running_proxy(tmp_path, "--basic-auth", f"user:{PASSWORD}") as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy}")
        async with Client(fake_github.token, base_url=fake_github.url, trust_env=True) as gh:
            with pytest.raises(UnexpectedReply, match="407"):
                await gh.repo(REPOSITORY).get_artifact(1)


async def test_from_env_uses_the_proxy(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Client.from_env` uses the proxy of the environment unless `trust_env` is false."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    monkeypatch.setenv("GH_TOKEN", fake_github.token)
    monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
    monkeypatch.delenv("GH_HOST", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "127.0.0.1:1")
    async with Client.from_env(retry=ONCE) as gh:
        with pytest.raises(ConnectionFailed, match="cannot connect to the proxy"):
            await gh.repo(REPOSITORY).get_artifact(1)
    async with Client.from_env(retry=ONCE, trust_env=False) as gh:
        await gh.repo(REPOSITORY).get_artifact(1)
    async with aiohttp.ClientSession() as session, Client.from_env(session=session) as gh:
        await gh.repo(REPOSITORY).get_artifact(1)


@pytest.mark.parametrize("proxy", [f"socks5://user:{PASSWORD}@h:1", f"http://u:{PASSWORD}@h:port"])
async def test_a_proxy_of_another_kind_is_refused(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """A variable that names no HTTP proxy is named in the error, without its value."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    async with Client("token", base_url=fake_github.url, trust_env=True) as gh:
        with pytest.raises(InvalidArgument, match="HTTP_PROXY is not the URL") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert PASSWORD not in repr(caught.value)


async def test_settings_of_a_borrowed_session() -> None:
    """`trust_env` and `ssl` are refused together with a session, which has its own."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(InvalidArgument, match="set them in the session"):
            Client("token", session=session, trust_env=True)
    with pytest.raises(InvalidArgument, match="SSLContext"):
        Client("token", ssl=False)  # type: ignore[arg-type]


async def test_few_proxies_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that redirects to ever more hosts does not make the client's memory grow."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    pool = ConnectionPool(None, trust_env=True)

    async def memory_after(first: int, last: int) -> int:
        for number in range(first, last):
            assert await pool.proxy_for(f"https://host{number}.{'x' * 200}.test/") is not None
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        start = await memory_after(0, 200)
        assert await memory_after(200, 1000) < start + 100_000
    finally:
        tracemalloc.stop()
