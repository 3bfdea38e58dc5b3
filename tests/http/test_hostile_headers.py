"""Responses with large or repeated headers, through a client."""

from __future__ import annotations

import time

import pytest

from ghartifacts_async import Client, ConnectionFailed, RetryPolicy
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY, raw_server, says

ONCE = RetryPolicy(attempts=1)


async def test_large_headers_of_the_api_are_refused() -> None:
    """A response of the API with too many bytes of headers is an error, and is not retried."""
    headers = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 8000) for number in range(100))
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + headers + b"\r\n"
    async with raw_server(says(response)) as url, Client("token", base_url=url) as gh:
        with pytest.raises(ConnectionFailed, match="larger than 131072 bytes") as caught:
            await gh.repo(REPOSITORY).get_artifact(1)
    assert caught.value.attempts == 1


async def test_repeated_dispositions_do_not_stop_the_event_loop(fake_github: FakeGitHub) -> None:
    """A store that repeats a hostile header costs no more time than an ordinary long header."""

    async def seconds(disposition: bytes) -> float:
        head = b"Content-Type: text/x\r\n" + b"Content-Disposition: %s\r\n" % disposition * 15
        response = b"HTTP/1.1 200 OK\r\n%sContent-Length: 5\r\n\r\nhello" % head
        async with raw_server(says(response)) as url:
            artifact = fake_github.add_artifact(REPOSITORY, "dist", b"hello", location=f"{url}/x")
            async with Client(fake_github.token, base_url=fake_github.url, retry=ONCE) as gh:
                before = time.process_time()
                async with gh.repo(REPOSITORY).stream_artifact(artifact.id) as stream:
                    assert [chunk async for chunk in stream] == [b"hello"]
                return time.process_time() - before

    ordinary = await seconds(b"x" * 8000)
    hostile = await seconds(b'a="' + b";" * 7990)
    assert hostile < 10 * max(ordinary, 0.05)
