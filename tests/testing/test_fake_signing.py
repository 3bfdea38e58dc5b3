"""Signed URLs are verified by their decoded values, as by Azure, or byte by byte."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import BlobFault, FakeGitHub
from ghartifacts_async.testing.server import Signing
from tests.testing.support import CONTENT, add_and_sign

SPELLINGS = [("%2F", "/"), ("%2F", "%2f"), ("%27", "'"), ("%7E", "~"), ("%20", "+"), ("%3D", "=")]
VALUES = [
    ("%2B", "+"),
    ("sp=r", "sp=rw"),
    (".zip", ".ZIP"),
    ("escapes=", "escapes=x"),
    ("sig=", "s="),
]


@pytest.fixture(params=["azure", "exact"])
def signing(request: pytest.FixtureRequest) -> Signing:
    """Each way to verify signed URLs."""
    chosen: Signing = request.param
    return chosen


@pytest.fixture
async def fake(signing: Signing) -> AsyncIterator[FakeGitHub]:
    """A running server that verifies signed URLs in one of both ways."""
    async with FakeGitHub(signing=signing) as server:
        yield server


@pytest.fixture
async def url(fake: FakeGitHub, http: aiohttp.ClientSession) -> str:
    """The signed URL of an artifact whose payload is `CONTENT`."""
    return await add_and_sign(fake, http, CONTENT)


async def status(http: aiohttp.ClientSession, url: str) -> int:
    """Return the status of a GET whose URL is sent as given."""
    async with http.get(URL(url, encoded=True)) as response:
        return response.status


async def test_an_issued_url_is_accepted(http: aiohttp.ClientSession, url: str) -> None:
    """A URL that is sent as it was issued is accepted."""
    assert await status(http, url) == 200


@pytest.mark.parametrize(("escape", "rewritten"), SPELLINGS)
async def test_another_spelling(
    http: aiohttp.ClientSession, url: str, signing: Signing, escape: str, rewritten: str
) -> None:
    """Azure accepts other spellings of the same values; an exact signer refuses them."""
    altered = url.replace(escape, rewritten, 1)
    assert altered != url
    assert await status(http, altered) == (200 if signing == "azure" else 403)


async def test_another_order(http: aiohttp.ClientSession, url: str, signing: Signing) -> None:
    """Azure accepts parameters in another order, and additional ones."""
    path, _, query = url.partition("?")
    altered = f"{path}?{'&'.join(reversed(query.split('&')))}&timeout=90"
    assert await status(http, altered) == (200 if signing == "azure" else 403)


@pytest.mark.parametrize(("value", "altered"), VALUES)
async def test_another_value(
    http: aiohttp.ClientSession, url: str, value: str, altered: str
) -> None:
    """A URL with another value is refused in both ways."""
    assert value in url
    assert await status(http, url.replace(value, altered, 1)) == 403


async def test_aiohttp_with_default_quoting(
    http: aiohttp.ClientSession, url: str, signing: Signing
) -> None:
    """A client whose URL library normalises the URL succeeds at Azure only."""
    async with http.get(url) as response:
        assert response.status == (200 if signing == "azure" else 403)


async def test_urllib_with_its_own_redirect(fake: FakeGitHub, http: aiohttp.ClientSession) -> None:
    """A client that follows the redirect itself gets the payload, if it drops the credentials."""
    url = await add_and_sign(fake, http, CONTENT)

    def read() -> bytes:
        with urllib.request.urlopen(url) as response:
            body: bytes = response.read()
            return body

    assert await asyncio.to_thread(read) == CONTENT


async def test_an_expired_url_has_expired_in_every_spelling(
    fake: FakeGitHub, http: aiohttp.ClientSession, url: str
) -> None:
    """A URL that a fault has made expire is refused in every spelling."""
    fake.fail_blobs_next(BlobFault.expire())
    for spelling in (url, url, url.replace("%2F", "/")):
        assert await status(http, spelling) == 403
    fake.clear_faults()
    assert await status(http, url) == 200


async def test_x_ms_range(http: aiohttp.ClientSession, url: str) -> None:
    """`x-ms-range` counts as `Range`, and wins over it."""
    headers = {"x-ms-range": "bytes=2-4", "Range": "bytes=0-0"}
    async with http.get(URL(url, encoded=True), headers=headers) as response:
        assert (response.status, await response.read()) == (206, CONTENT[2:5])


def test_the_default_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`default_signing` sets how servers verify that choose nothing; other values are refused."""
    monkeypatch.setattr(FakeGitHub, "default_signing", "bytes")
    with pytest.raises(ValueError, match="'azure' or 'exact', not 'bytes'"):
        FakeGitHub()
    wrong: Any = "sha256"
    with pytest.raises(ValueError, match="not 'sha256'"):
        FakeGitHub(signing=wrong)
