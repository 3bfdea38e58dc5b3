"""Proxies, certificates, hosts and time limits of the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import run
from tests.support import REPOSITORY, raw_server


async def test_a_proxy_is_used(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """`HTTP_PROXY` is used for the API and the store, and `NO_PROXY` makes an exception."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    seen: list[bytes] = []

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(b"asked")
        writer.write(b"HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with raw_server(refuse) as proxy:
        done = await run(fake_github, "list", REPOSITORY, HTTP_PROXY=proxy, http_proxy=proxy)
        assert (done.status, bool(seen)) == (1, True), done.err
        assert fake_github.requests == []
        arguments = ("download", REPOSITORY, "1", "-D", tmp_path)
        done = await run(fake_github, *arguments, HTTP_PROXY=proxy, NO_PROXY="127.0.0.1,127.0.0.2")
    assert done.status == 0, done.err


async def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    """`SSL_CERT_FILE` names the certificates that are trusted; without it, the error is clear."""
    async with FakeGitHub(tls=True) as fake:
        fake.add_artifact(REPOSITORY, "dist", b"x")
        arguments = ("download", REPOSITORY, "1", "-D", tmp_path)
        done = await run(fake, *arguments, SSL_CERT_FILE=str(fake.ca_file))
        assert done.status == 0, done.err
        done = await run(fake, "list", REPOSITORY)
        assert (done.status, done.err.count("\n")) == (1, 1)
        assert "certificate" in done.err


async def test_a_server_that_does_not_answer(fake_github: FakeGitHub) -> None:
    """`--timeout` limits the wait for an answer, and `-v` logs the attempts."""

    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(silence) as url:
        done = await run(
            fake_github, "list", REPOSITORY, "--timeout", "0.2s", "-v", GITHUB_API_URL=url
        )
    assert done.status == 1
    assert "retrying" in done.err
    assert done.err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense"])
async def test_a_wrong_host(fake_github: FakeGitHub, url: str) -> None:
    """The error for an unreachable server or an invalid URL is one line that names the address."""
    done = await run(fake_github, "list", REPOSITORY, "--timeout", "1s", GITHUB_API_URL=url)
    assert done.status in {1, 2}
    assert url.removeprefix("http://") in done.err
    assert done.err.splitlines()[-1].startswith("error: ")
