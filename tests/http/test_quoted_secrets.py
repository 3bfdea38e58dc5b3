"""A server that repeats the token of a request brings it into no error and no log record."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ghartifacts_async import Client, RedirectRefused
from tests.support import REPOSITORY


@asynccontextmanager
async def server(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Run a server that answers each request with this function, and yield its URL."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_tokens_of_many_concurrent_requests() -> None:
    """However many tokens are in use, an error that quotes its request shows none of them."""
    tokens = [f"ghs_{random.Random(seed).randbytes(18).hex()}" for seed in range(20)]
    unused, waiting, all_wait = iter(tokens), 0, asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        if waiting == len(tokens):
            all_wait.set()
        await all_wait.wait()
        message = f"cannot forward {request.headers['Authorization']}"
        return web.json_response({"message": message}, status=400)

    async def next_token() -> str:
        return next(unused)

    async with (
        server(answer) as url,
        Client(next_token, base_url=url, api_version="2022-11-28") as gh,
    ):
        repo = gh.repo(REPOSITORY)
        calls = [repo.get_artifact(number) for number in range(1, len(tokens) + 1)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all("cannot forward" in str(error) for error in errors)
    assert not any(token in str(error) for token in tokens for error in errors)


@pytest.mark.parametrize("prefix", ["https://", "//", "//a."])
async def test_a_token_in_the_host_of_a_redirect(
    prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A redirect to a host whose name contains the token is refused without naming the host."""
    token = "ghp_AbCdEf0123456789ghijKLMN"

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{prefix}{token}.example/a"})

    caplog.set_level(logging.DEBUG)
    async with server(answer) as url, Client(token, base_url=url) as gh:
        with pytest.raises(RedirectRefused, match="contains the token") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert token.lower() not in f"{caught.value}{caplog.text}".lower()
