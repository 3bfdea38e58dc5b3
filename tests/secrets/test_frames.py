"""No variable in a traceback shows a secret, however the traceback is rendered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType

import aiohttp
import pytest
from rich.pretty import traverse

import ghartifacts_async
from ghartifacts_async import Client, NotFound, Repo, RetryPolicy
from ghartifacts_async.testing import FakeGitHub
from tests.secrets import canaries
from tests.support import REPOSITORY, raw_server

LONG_TOKEN = "github_pat_" + "A1b2C3d4E5" * 8
QUERIES = [canaries.QUERY, canaries.QUERY + "&x=" + "y" * 400]
ONCE = RetryPolicy(attempts=1)


def frames(error: BaseException | None) -> Iterator[FrameType]:
    """Yield the frames of an exception and of its chain, except those of this file."""
    while error is not None:
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename != __file__:
                yield traceback.tb_frame
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__


def assert_hidden(error: BaseException, *secrets: str) -> None:
    """Check that no variable of a frame shows a secret, as ``repr`` or as rich renders it."""
    count = 0
    for frame in frames(error):
        for name, value in frame.f_locals.items():
            count += 1
            limited = traverse(value, max_length=10, max_string=80)
            for shown in (repr(value), traverse(value).render(10**6), limited.render(10**6)):
                where = f"{frame.f_code.co_qualname}: {name}"
                assert not any(secret in shown for secret in secrets), where
    assert count > 5


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Accept a request and never respond."""
    await reader.read()


async def stalled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the start of a body, and then nothing."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\nhello")
    await writer.drain()
    await reader.read()


async def download(repo: Repo, to: Path) -> None:
    """Download the artifact."""
    await repo.download_artifact(1, to)


async def stream(repo: Repo, _: Path) -> None:
    """Stream the artifact."""
    async with repo.stream_artifact(1) as chunks:
        async for _chunk in chunks:
            pass


async def read_member(repo: Repo, _: Path) -> None:
    """Open the artifact as an archive."""
    async with repo.open_artifact(1) as archive:
        archive.names()


@pytest.mark.parametrize("query", QUERIES, ids=["short", "long"])
@pytest.mark.parametrize(
    ("work", "answer"),
    [
        (download, silent),
        (download, stalled),
        (stream, silent),
        (stream, stalled),
        (read_member, silent),
    ],
)
async def test_a_timeout_of_the_caller_shows_no_signed_url(
    tmp_path: Path,
    work: Callable[[Repo, Path], Awaitable[None]],
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    query: str,
) -> None:
    """If `asyncio.timeout` of the caller ends a request to the store, no frame shows its URL."""
    async with raw_server(answer) as url, FakeGitHub(token=LONG_TOKEN) as fake:
        fake.add_artifact(REPOSITORY, "dist", bytes(2000), location=f"{url}/b?{query}")
        async with Client(LONG_TOKEN, base_url=fake.url, retry=ONCE) as gh:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.5):
                    await work(gh.repo(REPOSITORY), tmp_path)
    assert_hidden(caught.value, canaries.SIGNATURE, LONG_TOKEN[20:60])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("from_environment", [False, True])
async def test_a_timeout_of_the_caller_shows_no_proxy_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str, from_environment: bool
) -> None:
    """If `asyncio.timeout` of the caller ends a request to a proxy, no frame shows its password."""
    async with raw_server(silent) as url:
        proxy = url.replace("://", f"://user:{canaries.PROXY}@")
        monkeypatch.setenv(f"{scheme}_proxy", proxy)
        options = {"trust_env": True} if from_environment else {"proxy": proxy}
        async with (
            aiohttp.ClientSession(**options) as session,
            Client(LONG_TOKEN, base_url=f"{scheme}://api.test", session=session) as gh,
        ):
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.5):
                    await gh.repo(REPOSITORY).get_artifact(1)
    assert_hidden(caught.value, canaries.PROXY, LONG_TOKEN[20:60])


async def test_a_long_token_is_not_shown() -> None:
    """A pretty-printer such as rich shows slices of long strings; a token is not a string."""
    async with FakeGitHub(token=LONG_TOKEN) as fake, Client(LONG_TOKEN, base_url=fake.url) as gh:
        with pytest.raises(NotFound) as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert_hidden(caught.value, LONG_TOKEN[20:60])


async def test_no_environment_variable_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no variable holds a token for the server, the error's frames show none of the others."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", LONG_TOKEN)
    with pytest.raises(ghartifacts_async.InvalidArgument) as caught:
        Client.from_env()
    assert_hidden(caught.value, LONG_TOKEN[20:60])
    with pytest.raises(ghartifacts_async.InvalidArgument) as caught:
        Client.from_env(LONG_TOKEN, base_url="ftp://x")
    assert_hidden(caught.value, LONG_TOKEN[20:60])
