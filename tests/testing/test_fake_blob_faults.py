"""Faults of the blob store: headers, statuses, combined faults, and which requests they affect."""

from __future__ import annotations

import asyncio
from xml.etree import ElementTree as ET

import pytest

from ghartifacts_async.testing import BlobFault, FakeGitHub, LoggedRequest, fault_bursts
from tests.support import wait_until
from tests.testing.support import (
    CONTENT,
    LIST,
    Clock,
    Send,
    Signed,
    fetch_raw,
    last_bytes_sent,
)


async def test_a_flipped_bit(fake: FakeGitHub, send: Send, url: str) -> None:
    """One bit of one byte of the blob is inverted, in every range that includes the byte."""
    wrong = bytearray(CONTENT)
    wrong[300] ^= 1
    fake.fail_blobs_when(lambda _: BlobFault.flip(at=300))
    assert (await send(url)).body == wrong
    assert (await send(url, Range="bytes=290-310")).body == wrong[290:311]
    assert (await send(url, Range="bytes=301-")).body == CONTENT[301:]
    assert await last_bytes_sent(fake) == 1024 - 301


@pytest.mark.parametrize("value", ["bytes 0-9/10", "bytes 5-9/*", None])
async def test_a_wrong_content_range(
    fake: FakeGitHub, send: Send, url: str, value: str | None
) -> None:
    """A fault can replace or omit Content-Range, but adds none to a full response."""
    fake.fail_blobs_when(lambda _: BlobFault.content_range(value))
    response = await send(url, Range="bytes=5-9")
    assert (response.status, response.body) == (206, CONTENT[5:10])
    assert response.headers.get("Content-Range") == value
    assert "Content-Range" not in (await send(url)).headers


@pytest.mark.parametrize("value", ['"other"', None])
async def test_a_wrong_etag(fake: FakeGitHub, send: Send, url: str, value: str | None) -> None:
    """A fault can replace or omit the ETag. Any If-Match then succeeds."""
    etag = (await send(url)).headers["ETag"]
    fake.fail_blobs_when(lambda _: BlobFault.etag(value))
    for condition in (etag, '"any"'):
        response = await send(url, Range="bytes=5-9", If_Match=condition)
        assert (response.status, response.headers.get("ETag")) == (206, value)


@pytest.mark.parametrize("requested", ["bytes=5-9", "bytes=-5", "bytes=5000-"])
async def test_ignored_ranges(fake: FakeGitHub, send: Send, url: str, requested: str) -> None:
    """A store that ignores ranges sends the whole blob and no Accept-Ranges."""
    fake.fail_blobs_next(BlobFault.ignore_range())
    response = await send(url, Range=requested)
    assert (response.status, response.body) == (200, CONTENT)
    assert "Accept-Ranges" not in response.headers


async def test_a_url_that_expires_early(
    fake: FakeGitHub, send: Send, clock: Clock, url: str, signed: Signed
) -> None:
    """An expired URL stays expired until the faults are cleared; a new URL works."""
    fake.fail_blobs_next(BlobFault.expire())
    for _ in range(2):
        response = await send(url)
        assert (response.status, response.headers["x-ms-error-code"]) == (
            403,
            "AuthenticationFailed",
        )
    assert b"not valid in the specified time frame" in response.body
    clock.time += 1
    assert (await send(await signed(1))).status == 200
    assert (await send(url)).status == 403
    fake.clear_faults()
    assert (await send(url)).status == 200


async def test_a_url_that_is_issued_again(
    fake: FakeGitHub, send: Send, url: str, signed: Signed
) -> None:
    """A URL issued again by the API works, even if it is equal to an expired one."""
    fake.fail_blobs_next(BlobFault.expire())
    assert (await send(url)).status == 403
    assert await signed(1) == url
    assert (await send(url)).status == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "BlobNotFound"), (412, "ConditionNotMet"), (416, "InvalidRange"),
     (500, "OperationTimedOut"), (502, "BadGateway"), (503, "ServerBusy"), (599, "Status599")],
)  # fmt: skip
async def test_any_status(fake: FakeGitHub, send: Send, url: str, status: int, code: str) -> None:
    """A fault can have any status. It sends Azure's error body, and Retry-After if requested."""
    fake.fail_blobs_next(status, BlobFault.status(status, retry_after=3))
    for retry_after in (None, "3"):
        response = await send(url)
        assert (response.status, response.headers.get("Retry-After")) == (status, retry_after)
        assert response.headers["x-ms-error-code"] == code
        assert ET.fromstring(response.body).findtext("Code") == code
    assert (await send(url)).status == 200


async def test_status_without_a_body(fake: FakeGitHub, send: Send, url: str) -> None:
    """Responses with status 204 or 304 have no body, and any other status can be sent."""
    fake.fail_blobs_next(304, 204, BlobFault.status(599) & BlobFault.length(None))
    for status in (304, 204):
        response = await send(url)
        assert (response.status, response.body) == (status, b"")
    assert (await send(url)).status == 599


async def test_combined_faults(fake: FakeGitHub, send: Send, url: str) -> None:
    """Faults that do not contradict each other can be combined, in any order."""
    parts = [BlobFault.flip(at=7), BlobFault.etag('"x"'), BlobFault.flip(at=6)]
    fault = parts[0] & parts[1] & parts[2] & BlobFault.content_range("bytes 1-2/3")
    assert fault == parts[2] & BlobFault.content_range("bytes 1-2/3") & parts[1] & parts[0]
    fake.fail_blobs_next(fault & BlobFault.throttle(1e9) & BlobFault.length(None))
    response = await send(url, Range="bytes=6-8")
    assert (response.status, response.body) == (206, b"\x07\x06\x08")
    assert (response.headers["ETag"], response.headers["Content-Range"]) == ('"x"', "bytes 1-2/3")
    fake.fail_blobs_next(BlobFault.status(503) & BlobFault.truncate(after=5))
    head, body = await fetch_raw(url)
    assert (head[:12], len(body), await last_bytes_sent(fake)) == (b"HTTP/1.1 503", 5, 5)


async def test_faults_without_an_effect(fake: FakeGitHub, send: Send, url: str) -> None:
    """Faults at positions that are not sent, and body faults of empty responses, do nothing."""
    fault = BlobFault.stall(after=10) & BlobFault.flip(at=2000) & BlobFault.throttle(1)
    fake.fail_blobs_next(BlobFault.truncate(after=1024), BlobFault.stall(after=10), fault, fault)
    assert (await send(url)).body == CONTENT
    assert (await send(url, Range="bytes=0-9")).body == CONTENT[:10]
    assert (await send(url, "HEAD")).headers["Content-Length"] == "1024"
    assert (await send(url, If_None_Match="*")).status == 304


async def test_credentials_are_refused_despite_faults(
    fake: FakeGitHub, send: Send, url: str
) -> None:
    """Requests with credentials are refused with 400, even if a fault has another status."""
    fake.fail_blobs_when(lambda _: BlobFault.status(503) & BlobFault.etag(None))
    assert (await send(url, Authorization="Bearer x")).status == 400


async def test_queued_faults_precede_chosen_ones(fake: FakeGitHub, send: Send, url: str) -> None:
    """Queued faults come before those that a callback picks, and do not affect the API."""

    def choose(request: LoggedRequest) -> BlobFault | int | None:
        assert request.origin == "blob"
        return 500 if "Range" in request.headers else None

    fake.fail_blobs_when(choose)
    fake.fail_blobs_next(503, BlobFault.status(502))
    assert fake.queued_faults == 2
    assert (await send(LIST)).status == 200
    assert [(await send(url)).status for _ in range(3)] == [503, 502, 200]
    assert (await send(url, Range="bytes=0-")).status == 500
    fake.fail_blobs_next(503)
    fake.clear_faults()
    assert (await send(url, Range="bytes=0-")).status == 206


async def test_bursts_of_blob_faults(fake: FakeGitHub, send: Send, url: str) -> None:
    """`fault_bursts` works for the blob store as well."""
    fake.fail_blobs_when(fault_bursts(7, share=0.2))
    fake.fail_blobs_when(fault_bursts(7, share=1, faults=[BlobFault.ignore_range(), 500]))
    statuses = {(await send(url, Range="bytes=0-9")).status for _ in range(100)}
    assert statuses == {200, 500, 502, 503, 504}


async def test_held_blob_requests(fake: FakeGitHub, send: Send, clock: Clock, url: str) -> None:
    """Requests to the blob store can be held. The URL's expiry is checked on release."""
    async with asyncio.timeout(30):
        with fake.holding(origin="blob"):
            held = asyncio.ensure_future(send(url))
            await wait_until(lambda: fake.requests_to("blob"))
            assert (await send(LIST)).status == 200
            assert not held.done()
            clock.time += 60
        assert (await held).status == 403


def test_impossible_faults_are_rejected() -> None:
    """Contradictory faults, negative positions and a rate of zero raise ValueError."""
    with pytest.raises(ValueError, match="both set stop"):
        _ = BlobFault.truncate(after=1) & BlobFault.reset(after=1)
    with pytest.raises(ValueError, match="both set ETag"):
        _ = BlobFault.etag("x") & BlobFault.etag(None)
    for make in (BlobFault.truncate, BlobFault.reset, BlobFault.stall):
        with pytest.raises(ValueError, match="after"):
            make(after=-1)
    with pytest.raises(ValueError, match="pace"):
        BlobFault.throttle(0)


def test_the_repr_of_a_fault() -> None:
    """The repr of a fault shows only the attributes that were set."""
    fault = BlobFault.status(503, retry_after=0) & BlobFault.flip(at=0)
    assert repr(fault) == "BlobFault(refusal=503, retry_after=0, flips=frozenset({0}))"
