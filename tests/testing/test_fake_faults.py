"""Faults on the API: what they do to one request, and which requests meet them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from ghartifacts_async.testing import FakeGitHub, Fault, LoggedRequest, fault_bursts
from tests.testing.support import LIST, REPOSITORY, Ask, Clock, until


@pytest.fixture(autouse=True)
def _one_artifact(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", b"hello", id=11)


async def test_in_their_order(ask: Ask, fake: FakeGitHub) -> None:
    """Each of the next requests meets one fault, with GitHub's headers and error body."""
    fake.fail_next(500, 502, Fault(503, retry_after=7), 504, 429)
    assert fake.faults_left == 5
    for status in (500, 502, 503, 504, 429):
        answer = await ask(LIST)
        assert answer.status == status
        assert answer.json["status"] == str(status)
        assert answer.headers.get("Retry-After") == ("7" if status == 503 else None)
        assert answer.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
        assert answer.headers["X-RateLimit-Remaining"]
        assert answer.headers["X-GitHub-Request-Id"]
    assert fake.faults_left == 0
    assert (await ask(LIST)).status == 200


async def test_retry_after_as_date(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """Retry-After can be an HTTP date, by the server's clock at the time of the answer."""
    fake.fail_next(Fault(503, retry_after=90, retry_after_date=True))
    clock.time += 1000
    date = (await ask(LIST)).headers["Retry-After"]
    assert parsedate_to_datetime(date).timestamp() == clock.time + 90


async def test_before_and_after_the_work(ask: Ask, fake: FakeGitHub) -> None:
    """A failed DELETE has deleted nothing, unless the fault comes after the work."""
    fake.fail_next(500)
    assert (await ask(f"{LIST}/11", "DELETE")).status == 500
    assert len(fake.artifacts(REPOSITORY)) == 1
    fake.fail_next(Fault(500, after=True))
    assert (await ask(f"{LIST}/11", "DELETE")).status == 500
    assert fake.artifacts(REPOSITORY) == []


@pytest.mark.parametrize(("after", "left"), [(False, 1), (True, 0)])
async def test_dropped(ask: Ask, fake: FakeGitHub, after: bool, left: int) -> None:
    """A connection dropped before the answer leaves the work done or not, and logs no status."""
    fake.fail_next(*[Fault.dropped(after=after)] * 2)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(f"{LIST}/11", "DELETE")
    await fake.settled()
    assert len(fake.artifacts(REPOSITORY)) == left
    assert [(request.status, request.bytes_sent) for request in fake.requests] == [(None, 0)] * 2


async def test_dropped_once(ask: Ask, fake: FakeGitHub) -> None:
    """A DELETE whose answer was lost has deleted: whoever sends it again meets 404."""
    fake.fail_next(Fault.dropped(after=True))
    assert (await ask(f"{LIST}/11", "DELETE")).status == 404  # aiohttp sends it again
    assert [request.status for request in fake.requests] == [None, 404]


async def test_cut(ask: Ask, fake: FakeGitHub) -> None:
    """A body can end half-way; what has no body ends before its head."""
    whole = len((await ask(LIST)).body)
    fake.fail_next(Fault.cut())
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(LIST)
    await fake.settled()
    assert (fake.requests[-1].status, fake.requests[-1].bytes_sent) == (200, whole // 2)
    fake.fail_next(Fault.cut(), Fault.dropped(), Fault.cut(), Fault.cut())
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(f"{LIST}/11", "DELETE")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(LIST, "HEAD")
    assert fake.artifacts(REPOSITORY) == []


async def test_drops_are_silent(
    ask: Ask, fake: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    """An arranged drop is no error of the server: it logs nothing, and serves on."""
    fake.fail_next(Fault.cut(), *[Fault.dropped()] * 2)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await ask(LIST)
    assert (await ask(LIST)).status == 200
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_html(ask: Ask, fake: FakeGitHub) -> None:
    """A page for people can come where JSON is expected, with any status."""
    fake.fail_next(Fault.html(), Fault.html(200))
    for status in (502, 200):
        answer = await ask(LIST)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (Fault(418, body=b"\xff\x00"), b"\xff\x00"),
        (Fault(200, body="größe"), "größe".encode()),
        (Fault(299), b'{"message":"Status 299","documentation_url":"https://docs.github.com/rest","status":"299"}'),
        (Fault(200, body={"total_count": 1}), b'{"total_count": 1}'),
        (Fault(204), b""),
    ],
)  # fmt: skip
async def test_custom(ask: Ask, fake: FakeGitHub, fault: Fault, body: bytes) -> None:
    """Status, headers and body can be anything."""
    fake.fail_next(fault)
    answer = await ask(LIST)
    assert (answer.status, answer.body) == (fault.status, body)


async def test_custom_headers(ask: Ask, fake: FakeGitHub) -> None:
    """A fault's headers replace those of the answer in any case, or take them away."""
    fake.fail_next(
        Fault(
            302,
            headers={
                "location": "/x",
                "x-ratelimit-remaining": "1",
                "x-gitHub-request-id": None,
            },
        )
    )
    answer = await ask(LIST)
    assert (answer.status, answer.headers["Location"]) == (302, "/x")
    assert answer.headers.getall("X-RateLimit-Remaining") == ["1"]
    assert "X-GitHub-Request-Id" not in answer.headers


async def test_secondary_limit(ask: Ask, fake: FakeGitHub) -> None:
    """The refusal of a secondary limit can be had without reaching it, with a time or without."""
    fake.fail_next(Fault.secondary_limit(5), Fault.secondary_limit(None, status=429))
    for status, retry_after in [(403, "5"), (429, None)]:
        answer = await ask(LIST)
        assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)
        assert answer.json["documentation_url"].endswith("secondary-rate-limits")


async def test_only_some_requests(ask: Ask, fake: FakeGitHub) -> None:
    """Faults can be for one method and for paths with a pattern in them."""
    fake.fail_next(500, method="delete")
    fake.fail_next(501, 502, path=r"/artifacts/\d+$")
    assert (await ask(LIST)).status == 200
    assert (await ask(f"{LIST}/11")).status == 501
    assert (await ask(f"{LIST}/11", "DELETE")).status == 500
    assert (await ask(f"{LIST}/11", "DELETE")).status == 502
    assert (await ask(f"{LIST}/11", "DELETE")).status == 204


async def test_chosen(ask: Ask, fake: FakeGitHub) -> None:
    """A function that sees the request decides where nothing is queued, until all is cleared."""

    def choose(request: LoggedRequest) -> int | None:
        return 503 if request.query.get("page") == "2" else None

    fake.fail_when(choose)
    fake.fail_next(500)
    targets = [LIST, LIST, f"{LIST}?page=2", f"{LIST}?page=2"]
    assert [(await ask(target)).status for target in targets] == [500, 200, 503, 503]
    fake.fail_next(500)
    fake.clear_faults()
    assert (await ask(f"{LIST}?page=2")).status == 200


async def test_bursts(ask: Ask, fake: FakeGitHub) -> None:
    """Bursts are random, bounded in their length, and the same for a seed."""

    async def run(choose: Callable[[LoggedRequest], Fault | int | None]) -> list[int]:
        fake.clear_faults()
        fake.fail_when(choose)
        return [(await ask(LIST)).status for _ in range(100)]

    first = await run(fault_bursts(7, share=0.1, longest=3, faults=[500, Fault(503)]))
    assert first == await run(fault_bursts(7, share=0.1, longest=3, faults=[500, Fault(503)]))
    assert set(first) == {200, 500, 503}
    assert first != await run(fault_bursts(8, share=0.1, longest=3, faults=[500, Fault(503)]))


async def test_holding(ask: Ask, fake: FakeGitHub) -> None:
    """Requests that are meant wait for the end of the block, the others do not."""
    async with asyncio.timeout(5):
        with fake.holding(method="GET", path="/11$"):
            held = asyncio.ensure_future(ask(f"{LIST}/11"))
            assert (await ask(LIST)).status == 200
            assert not held.done()
            fake.expire_artifact(11)
        assert (await held).json["expired"] is True


async def test_close_while_holding(ask: Ask, fake: FakeGitHub) -> None:
    """Closing the server waits for no held request."""
    with fake.holding():
        held = asyncio.ensure_future(ask(LIST))
        await until(lambda: fake.requests)
        async with asyncio.timeout(5):
            await fake.close()
            with pytest.raises(aiohttp.ClientError):
                await held


def test_mistaken_fault() -> None:
    """A fault that keeps an answer which nobody makes, or replaces its body, is refused."""
    for after, body in [(False, None), (True, "x")]:
        with pytest.raises(ValueError, match=r"keeps the API.s response"):
            Fault(None, after=after, body=body)
