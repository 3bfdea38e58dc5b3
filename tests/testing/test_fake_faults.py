"""Faults of the API: their effect on a request, and which requests they affect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from ghartifacts_async.testing import FakeGitHub, Fault, LoggedRequest, fault_bursts
from tests.support import wait_until
from tests.testing.support import LIST, REPOSITORY, Clock, Send


@pytest.fixture(autouse=True)
def _one_artifact(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", b"hello", id=11)


async def test_queued_faults_apply_in_order(send: Send, fake: FakeGitHub) -> None:
    """Each queued fault fails one request, in order, with GitHub's headers and error body."""
    fake.fail_next(500, 502, Fault(503, retry_after=7), 504, 429)
    assert fake.queued_faults == 5
    for status in (500, 502, 503, 504, 429):
        response = await send(LIST)
        assert response.status == status
        assert response.json["status"] == str(status)
        assert response.headers.get("Retry-After") == ("7" if status == 503 else None)
        assert response.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
        assert response.headers["X-RateLimit-Remaining"]
        assert response.headers["X-GitHub-Request-Id"]
    assert fake.queued_faults == 0
    assert (await send(LIST)).status == 200


async def test_retry_after_as_a_date(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """Retry-After can be an HTTP date, relative to the server's clock."""
    fake.fail_next(Fault(503, retry_after=90, retry_after_date=True))
    clock.time += 1000
    date = (await send(LIST)).headers["Retry-After"]
    assert parsedate_to_datetime(date).timestamp() == clock.time + 90


async def test_a_fault_before_or_after_the_deletion(send: Send, fake: FakeGitHub) -> None:
    """A DELETE that fails with a fault deletes nothing, unless the fault has `after=True`."""
    fake.fail_next(500)
    assert (await send(f"{LIST}/11", "DELETE")).status == 500
    assert len(fake.artifacts(REPOSITORY)) == 1
    fake.fail_next(Fault(500, after=True))
    assert (await send(f"{LIST}/11", "DELETE")).status == 500
    assert fake.artifacts(REPOSITORY) == []


@pytest.mark.parametrize(("after", "left"), [(False, 1), (True, 0)])
async def test_a_dropped_connection(send: Send, fake: FakeGitHub, after: bool, left: int) -> None:
    """Before a dropped connection, the request is executed only with `after=True`."""
    fake.fail_next(*[Fault.dropped(after=after)] * 2)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await send(f"{LIST}/11", "DELETE")
    await fake.wait_until_idle()
    assert len(fake.artifacts(REPOSITORY)) == left
    assert [(request.status, request.bytes_sent) for request in fake.requests] == [(None, 0)] * 2


async def test_a_delete_whose_response_is_lost(send: Send, fake: FakeGitHub) -> None:
    """A DELETE whose response is lost has deleted the artifact, so a repeated DELETE gets 404."""
    fake.fail_next(Fault.dropped(after=True))
    assert (await send(f"{LIST}/11", "DELETE")).status == 404  # aiohttp repeats the request
    assert [request.status for request in fake.requests] == [None, 404]


async def test_a_body_that_is_cut(send: Send, fake: FakeGitHub) -> None:
    """`cut` closes the connection half-way through the body, or before an empty response."""
    whole = len((await send(LIST, Accept_Encoding=None)).body)
    fake.fail_next(Fault.cut())
    with pytest.raises(aiohttp.ClientPayloadError):
        await send(LIST, Accept_Encoding=None)
    await fake.wait_until_idle()
    assert (fake.requests[-1].status, fake.requests[-1].bytes_sent) == (200, whole // 2)
    fake.fail_next(Fault.cut(), Fault.dropped(), Fault.cut(), Fault.cut())
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await send(f"{LIST}/11", "DELETE")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await send(LIST, "HEAD")
    assert fake.artifacts(REPOSITORY) == []


async def test_dropped_connections_log_no_error(
    send: Send, fake: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    """Dropping a connection logs no error, and the server keeps serving."""
    fake.fail_next(Fault.cut(), *[Fault.dropped()] * 2)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await send(LIST)
    assert (await send(LIST)).status == 200
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_an_html_page(send: Send, fake: FakeGitHub) -> None:
    """An HTML page can replace the JSON, with any status."""
    fake.fail_next(Fault.html(), Fault.html(200))
    for status in (502, 200):
        response = await send(LIST)
        assert response.status == status
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.body.startswith(b"<!DOCTYPE html>")


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
async def test_any_status_and_body(send: Send, fake: FakeGitHub, fault: Fault, body: bytes) -> None:
    """A fault can have any status and any body."""
    fake.fail_next(fault)
    response = await send(LIST)
    assert (response.status, response.body) == (fault.status, body)


async def test_headers_are_replaced_and_removed(send: Send, fake: FakeGitHub) -> None:
    """A fault's headers replace or remove those of the response, ignoring case."""
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
    response = await send(LIST)
    assert (response.status, response.headers["Location"]) == (302, "/x")
    assert response.headers.getall("X-RateLimit-Remaining") == ["1"]
    assert "X-GitHub-Request-Id" not in response.headers


async def test_an_imitated_secondary_limit(send: Send, fake: FakeGitHub) -> None:
    """A fault can imitate a secondary limit, with or without Retry-After."""
    fake.fail_next(Fault.secondary_limit(5), Fault.secondary_limit(None, status=429))
    for status, retry_after in [(403, "5"), (429, None)]:
        response = await send(LIST)
        assert (response.status, response.headers.get("Retry-After")) == (status, retry_after)
        assert response.json["documentation_url"].endswith("secondary-rate-limits")


async def test_faults_for_a_method_or_path(send: Send, fake: FakeGitHub) -> None:
    """Faults can be restricted to a method, or to paths that match a pattern."""
    fake.fail_next(500, method="delete")
    fake.fail_next(501, 502, path=r"/artifacts/\d+$")
    assert (await send(LIST)).status == 200
    assert (await send(f"{LIST}/11")).status == 501
    assert (await send(f"{LIST}/11", "DELETE")).status == 500
    assert (await send(f"{LIST}/11", "DELETE")).status == 502
    assert (await send(f"{LIST}/11", "DELETE")).status == 204


async def test_faults_chosen_by_a_function(send: Send, fake: FakeGitHub) -> None:
    """A function chooses the faults when no queued fault applies, until faults are cleared."""

    def choose(request: LoggedRequest) -> int | None:
        return 503 if request.query.get("page") == "2" else None

    fake.fail_when(choose)
    fake.fail_next(500)
    targets = [LIST, LIST, f"{LIST}?page=2", f"{LIST}?page=2"]
    assert [(await send(target)).status for target in targets] == [500, 200, 503, 503]
    fake.fail_next(500)
    fake.clear_faults()
    assert (await send(f"{LIST}?page=2")).status == 200


async def test_bursts_are_reproducible(send: Send, fake: FakeGitHub) -> None:
    """Bursts are random, and reproducible with the same seed. By default they are server errors."""

    async def run(choose: Callable[[LoggedRequest], Fault | int | None]) -> list[int]:
        fake.clear_faults()
        fake.fail_when(choose)
        return [(await send(LIST)).status for _ in range(100)]

    first = await run(fault_bursts(7, share=0.1, longest=3, faults=[500, Fault(503)]))
    assert first == await run(fault_bursts(7, share=0.1, longest=3, faults=[500, Fault(503)]))
    assert set(first) == {200, 500, 503}
    assert first != await run(fault_bursts(8, share=0.1, longest=3, faults=[500, Fault(503)]))
    assert set(await run(fault_bursts(7, share=1))) == {500, 502, 503, 504}


async def test_matching_requests_are_held(send: Send, fake: FakeGitHub) -> None:
    """Matching requests are held until the block ends. Other requests are answered at once."""
    async with asyncio.timeout(5):
        with fake.holding(method="GET", path="/11$"):
            held = asyncio.ensure_future(send(f"{LIST}/11"))
            assert (await send(LIST)).status == 200
            assert not held.done()
            fake.expire_artifact(11)
        assert (await held).json["expired"] is True


async def test_closing_does_not_wait_for_held_requests(send: Send, fake: FakeGitHub) -> None:
    """Closing the server does not wait for held requests."""
    with fake.holding():
        held = asyncio.ensure_future(send(LIST))
        await wait_until(lambda: fake.requests)
        async with asyncio.timeout(5):
            await fake.close()
            with pytest.raises(aiohttp.ClientError):
                await held


def test_an_impossible_fault_is_rejected() -> None:
    """A fault without a status raises ValueError if it has a body or lacks `after=True`."""
    for after, body in [(False, None), (True, "x")]:
        with pytest.raises(ValueError, match="keeps the API's response"):
            Fault(None, after=after, body=body)


def test_the_longest_wait_until_a_date() -> None:
    """A date in Retry-After is at most 10,000,000,000 seconds away."""
    assert Fault(503, retry_after=10**10, retry_after_date=True).retry_after == 10**10
    with pytest.raises(ValueError, match="must be from 0 to 10000000000"):
        Fault(503, retry_after=10**10 + 1, retry_after_date=True)


def test_faults_have_no_hash() -> None:
    """A fault, whose headers may be a dict, has no hash, and the error names the fault."""
    with pytest.raises(TypeError, match="unhashable type: 'Fault'"):
        hash(Fault(500))
