"""The adapter that makes aioresponses work with the installed aiohttp."""

from __future__ import annotations

import aiohttp
import pytest
from aioresponses import core

from ghartifacts_async import Client
from ghartifacts_async.testing import aioresponses_adapter
from ghartifacts_async.testing.aioresponses_adapter import UnmockedRequest, aioresponses

URL = "https://api.github.com/x"


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 1 << 20, 1 << 24])
async def test_bodies_of_any_size(size: int) -> None:
    """A mocked body may have any size."""
    with aioresponses() as mocked:
        mocked.get(URL, body=bytes(size))
        async with aiohttp.ClientSession() as session, session.get(URL) as response:
            assert len(await response.read()) == size


async def test_an_unmocked_request_fails_at_once() -> None:
    """A request without a registered response fails with its URL, and is not repeated."""
    with aioresponses() as mocked:
        async with Client("token") as gh:
            with pytest.raises(UnmockedRequest, match=r"GET https://api\.github\.com/repos/o/r/"):
                await gh.repo("o/r").get_artifact(1)
        assert [len(calls) for calls in mocked.requests.values()] == [1]


async def test_a_registered_failure_stays_a_failure() -> None:
    """A registered exception is raised unchanged."""
    with aioresponses() as mocked:
        mocked.get(URL, exception=aiohttp.ClientConnectionError("down"))
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectionError, match="down"):
                await session.get(URL)


async def test_unmatched_requests_may_pass(unused_tcp_port: int) -> None:
    """With `passthrough_unmatched`, a request without a registered response is sent."""
    with aioresponses(passthrough_unmatched=True):
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://127.0.0.1:{unused_tcp_port}/")


def state() -> tuple[object, ...]:
    """Return everything that the adapter may change."""
    names = ("ClientResponse", "stream_reader_factory")
    return (*(vars(core)[name] for name in names), aiohttp.ClientSession._request)


def test_nothing_stays_changed() -> None:
    """The adapter changes aioresponses and aiohttp only while a mock is active."""
    before = state()
    for _ in range(2):
        with aioresponses():
            assert state() != before
        assert state() == before


def test_a_repaired_aioresponses_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter turns itself off when aioresponses works with the installed aiohttp."""
    # No such version of aioresponses exists yet. It would do what the adapter's functions do.
    monkeypatch.setattr(core, "ClientResponse", aioresponses_adapter._response)
    monkeypatch.setattr(core, "stream_reader_factory", aioresponses_adapter._reader)
    repaired = state()
    with aioresponses():
        assert state()[:2] == repaired[:2]
