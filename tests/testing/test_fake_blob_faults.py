"""Faults of the blob host: what an answer says, all of them together, and who meets them."""

from __future__ import annotations

import asyncio
from xml.etree import ElementTree as ET

import pytest

from ghartifacts_async.testing import BlobFault, FakeGitHub, LoggedRequest, fault_bursts
from tests.testing.support import CONTENT, LIST, Ask, Clock, Signed, flow, sent, until


async def test_flip(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """One bit of one byte of the blob is wrong, in every range that has the byte."""
    wrong = bytearray(CONTENT)
    wrong[300] ^= 1
    fake.fail_blobs_when(lambda _: BlobFault.flip(at=300))
    assert (await ask(url)).body == wrong
    assert (await ask(url, Range="bytes=290-310")).body == wrong[290:311]
    assert (await ask(url, Range="bytes=301-")).body == CONTENT[301:]
    assert await sent(fake) == 1024 - 301


@pytest.mark.parametrize("value", ["bytes 0-9/10", "bytes 5-9/*", None])
async def test_content_range(fake: FakeGitHub, ask: Ask, url: str, value: str | None) -> None:
    """A part can say that it is another one, or nothing; a whole blob never says which part."""
    fake.fail_blobs_when(lambda _: BlobFault.content_range(value))
    answer = await ask(url, Range="bytes=5-9")
    assert (answer.status, answer.body) == (206, CONTENT[5:10])
    assert answer.headers.get("Content-Range") == value
    assert "Content-Range" not in (await ask(url)).headers


@pytest.mark.parametrize("value", ['"other"', None])
async def test_etag(fake: FakeGitHub, ask: Ask, url: str, value: str | None) -> None:
    """Another tag comes in spite of an If-Match, as from a store that does not know it."""
    etag = (await ask(url)).headers["ETag"]
    fake.fail_blobs_when(lambda _: BlobFault.etag(value))
    for condition in (etag, '"whatever"'):
        answer = await ask(url, Range="bytes=5-9", If_Match=condition)
        assert (answer.status, answer.headers.get("ETag")) == (206, value)


@pytest.mark.parametrize("wanted", ["bytes=5-9", "bytes=-5", "bytes=5000-"])
async def test_ignore_range(fake: FakeGitHub, ask: Ask, url: str, wanted: str) -> None:
    """A store without ranges offers none, and answers with everything."""
    fake.fail_blobs_next(BlobFault.ignore_range())
    answer = await ask(url, Range=wanted)
    assert (answer.status, answer.body) == (200, CONTENT)
    assert "Accept-Ranges" not in answer.headers


async def test_expire(fake: FakeGitHub, ask: Ask, clock: Clock, url: str, signed: Signed) -> None:
    """An expired URL stays expired, and a new one serves."""
    fake.fail_blobs_next(BlobFault.expire())
    for _ in range(2):
        answer = await ask(url)
        assert (answer.status, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert b"not valid in the specified time frame" in answer.body
    clock.time += 1
    assert (await ask(await signed(1))).status == 200
    assert (await ask(url)).status == 403
    fake.clear_faults()
    assert (await ask(url)).status == 200


async def test_expire_with_the_clock_stopped(
    fake: FakeGitHub, ask: Ask, url: str, signed: Signed
) -> None:
    """A URL that the API hands out serves, even where an equal one has expired."""
    fake.fail_blobs_next(BlobFault.expire())
    assert (await ask(url)).status == 403
    assert await signed(1) == url
    assert (await ask(url)).status == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "BlobNotFound"), (412, "ConditionNotMet"), (416, "InvalidRange"),
     (500, "OperationTimedOut"), (502, "BadGateway"), (503, "ServerBusy"), (599, "Status599")],
)  # fmt: skip
async def test_status(fake: FakeGitHub, ask: Ask, url: str, status: int, code: str) -> None:
    """Any status comes with Azure's error body, and with the time to wait if it is to."""
    fake.fail_blobs_next(status, BlobFault.status(status, retry_after=3))
    for retry_after in (None, "3"):
        answer = await ask(url)
        assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)
        assert answer.headers["x-ms-error-code"] == code
        assert ET.fromstring(answer.body).findtext("Code") == code
    assert (await ask(url)).status == 200


async def test_status_without_a_body(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """A status that has no body gets none, and one that nobody knows goes out all the same."""
    fake.fail_blobs_next(304, 204, BlobFault.status(599) & BlobFault.length(None))
    for status in (304, 204):
        answer = await ask(url)
        assert (answer.status, answer.body) == (status, b"")
    assert (await ask(url)).status == 599


async def test_together(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """Faults that do not contradict each other go together, in any order."""
    parts = [BlobFault.flip(at=7), BlobFault.etag('"x"'), BlobFault.flip(at=6)]
    fault = parts[0] & parts[1] & parts[2] & BlobFault.content_range("bytes 1-2/3")
    assert fault == parts[2] & BlobFault.content_range("bytes 1-2/3") & parts[1] & parts[0]
    fake.fail_blobs_next(fault & BlobFault.throttle(1e9) & BlobFault.length(None))
    answer = await ask(url, Range="bytes=6-8")
    assert (answer.status, answer.body) == (206, b"\x07\x06\x08")
    assert (answer.headers["ETag"], answer.headers["Content-Range"]) == ('"x"', "bytes 1-2/3")
    fake.fail_blobs_next(BlobFault.status(503) & BlobFault.truncate(after=5))
    head, body = await flow(url)
    assert (head[:12], len(body), await sent(fake)) == (b"HTTP/1.1 503", 5, 5)


async def test_what_does_not_concern_an_answer(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """A position that is not reached changes nothing, nor does a body's fault without a body."""
    fault = BlobFault.stall(after=10) & BlobFault.flip(at=2000) & BlobFault.throttle(1)
    fake.fail_blobs_next(BlobFault.truncate(after=1024), BlobFault.stall(after=10), fault, fault)
    assert (await ask(url)).body == CONTENT
    assert (await ask(url, Range="bytes=0-9")).body == CONTENT[:10]
    assert (await ask(url, "HEAD")).headers["Content-Length"] == "1024"
    assert (await ask(url, If_None_Match="*")).status == 304


async def test_authorization(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """A credential is refused whatever else goes wrong."""
    fake.fail_blobs_when(lambda _: BlobFault.status(503) & BlobFault.etag(None))
    assert (await ask(url, Authorization="Bearer x")).status == 400


async def test_queued_and_chosen(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """A function decides where nothing is queued, until all is cleared; the API is not meant."""

    def choose(request: LoggedRequest) -> BlobFault | int | None:
        assert request.origin == "blob"
        return 500 if "Range" in request.headers else None

    fake.fail_blobs_when(choose)
    fake.fail_blobs_next(503, BlobFault.status(502))
    assert fake.faults_left == 2
    assert (await ask(LIST)).status == 200
    assert [(await ask(url)).status for _ in range(3)] == [503, 502, 200]
    assert (await ask(url, Range="bytes=0-")).status == 500
    fake.fail_blobs_next(503)
    fake.clear_faults()
    assert (await ask(url, Range="bytes=0-")).status == 206


async def test_bursts(fake: FakeGitHub, ask: Ask, url: str) -> None:
    """Bursts are for the blob host as well."""
    fake.fail_blobs_when(fault_bursts(7, share=0.2))
    fake.fail_blobs_when(fault_bursts(7, share=1, faults=[BlobFault.ignore_range(), 500]))
    statuses = {(await ask(url, Range="bytes=0-9")).status for _ in range(100)}
    assert statuses == {200, 500, 502, 503, 504}


async def test_holding(fake: FakeGitHub, ask: Ask, clock: Clock, url: str) -> None:
    """Requests to the blob host can be held, and are decided about when they are let go."""
    async with asyncio.timeout(30):
        with fake.holding(origin="blob"):
            held = asyncio.ensure_future(ask(url))
            await until(lambda: fake.requests_to("blob"))
            assert (await ask(LIST)).status == 200
            assert not held.done()
            clock.time += 60
        assert (await held).status == 403


def test_mistakes() -> None:
    """Faults that contradict each other, and positions and paces that cannot be, are refused."""
    with pytest.raises(ValueError, match="both set stop"):
        _ = BlobFault.truncate(after=1) & BlobFault.reset(after=1)
    with pytest.raises(ValueError, match="both set ETag"):
        _ = BlobFault.etag("x") & BlobFault.etag(None)
    for make in (BlobFault.truncate, BlobFault.reset, BlobFault.stall):
        with pytest.raises(ValueError, match="after"):
            make(after=-1)
    with pytest.raises(ValueError, match="pace"):
        BlobFault.throttle(0)


def test_shown() -> None:
    """A fault shows what is wrong, and nothing else, so that a campaign can print it."""
    fault = BlobFault.status(503, retry_after=0) & BlobFault.flip(at=0)
    assert repr(fault) == "BlobFault(refusal=503, retry_after=0, flips=frozenset({0}))"
