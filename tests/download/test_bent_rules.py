"""Stores that violate HTTP: the right bytes, or an error that says what the store did."""

from __future__ import annotations

import os
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from ghartifacts_async import IncompleteDownload, Repo, StoreError
from ghartifacts_async.testing import FakeGitHub
from tests.download.range_store import RangeStore, StoreRequest, StoreResponse, range_store, serve
from tests.support import REPOSITORY

PAYLOAD = os.urandom(6 * 2**20)
STALE = os.urandom(len(PAYLOAD))


def add(fake: FakeGitHub, store: RangeStore, digest: str | None = "auto") -> int:
    """Add an artifact whose payload is in the store, and return its id."""
    made = fake.add_artifact(
        REPOSITORY, "x", PAYLOAD, raw="x.bin", digest=digest, location=lambda _: store.url
    )
    return made.id


def dated(payload: bytes, request: StoreRequest, hour: int) -> StoreResponse:
    """Serve a payload with a Last-Modified of this hour and without an ETag."""
    response = serve(payload, request, extra=(f"Last-Modified: {date(hour)}",))
    response.headers.remove('ETag: "e"')
    return response


def date(hour: int) -> str:
    """Return an HTTP date."""
    return f"Fri, 27 Nov 2026 {hour:02}:00:00 GMT"


@pytest.mark.parametrize("connections", [1, 8])
@pytest.mark.parametrize("digest", ["auto", None])
async def test_a_payload_that_is_replaced(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, digest: str | None, connections: int
) -> None:
    """Without ETags, Last-Modified shows that a payload was replaced, and it is fetched again."""

    def respond(request: StoreRequest) -> StoreResponse:
        if request.number > 1:
            return dated(PAYLOAD, request, 11)
        stale = dated(STALE, request, 10)
        stale.closes_after = 100_000
        return stale

    async with range_store(respond) as store:
        artifact = add(fake_github, store, digest)
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=connections)
    assert done.path.read_bytes() == PAYLOAD


async def test_a_payload_that_is_always_replaced(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without a digest, a Last-Modified that always changes is an error that names it."""

    def respond(request: StoreRequest) -> StoreResponse:
        response = dated(PAYLOAD, request, min(request.number, 23))
        response.closes_after = 1000
        return response

    async with range_store(respond) as store:
        artifact = add(fake_github, store, None)
        with pytest.raises(IncompleteDownload, match="Last-Modified has changed"):
            await repo.download_artifact(artifact, tmp_path / "x")
        async with repo.stream_artifact(artifact) as chunks:
            await anext(chunks)
            with pytest.raises(IncompleteDownload, match="Last-Modified has changed"):
                await anext(chunks)


async def test_replicas_with_different_dates(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Replicas with the same ETag may differ in Last-Modified, even without a digest."""

    def respond(request: StoreRequest) -> StoreResponse:
        response = serve(PAYLOAD, request, extra=(f"Last-Modified: {date(request.number % 24)}",))
        response.closes_after = 2_000_000
        return response

    async with range_store(respond) as store:
        done = await repo.download_artifact(add(fake_github, store, None), tmp_path / "x")
        assert store.sent == len(PAYLOAD)
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("connections", [1, 8])
@pytest.mark.parametrize("chunked", [True, False])
async def test_ranges_with_too_many_bytes(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, chunked: bool, connections: int
) -> None:
    """If ranges have more bytes than Content-Range says, the whole payload is requested."""

    def respond(request: StoreRequest) -> StoreResponse:
        response = serve(PAYLOAD, request)
        response.chunked = chunked
        if request.span is not None:
            response.body += b"surplus"
        elif request.number == 1:
            response.closes_after = 3_000_000
        return response

    async with range_store(respond) as store:
        artifact = add(fake_github, store)
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=connections)
        assert store.requests[-1].span is None
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("status", ["400 Bad Request", "409 Conflict"])
@pytest.mark.parametrize("code", ["InvalidRange", "UnsupportedHeader"])
@pytest.mark.parametrize("connections", [1, 8])
async def test_ranges_refused_with_a_code(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, status: str, code: str, connections: int
) -> None:
    """If a store refuses each range with a code, the whole payload is the last resort."""

    def respond(request: StoreRequest) -> StoreResponse:
        if request.span is not None:
            return StoreResponse(status, body=f"<Error><Code>{code}</Code></Error>".encode())
        response = serve(PAYLOAD, request)
        response.closes_after = 3_000_000 if request.number == 1 else None
        return response

    async with range_store(respond) as store:
        artifact = add(fake_github, store)
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=connections)
    assert done.path.read_bytes() == PAYLOAD


async def test_a_url_refused_in_mid_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a store that has served ranges refuses the URL, the bytes are kept for the next call."""
    refuses = True

    def respond(request: StoreRequest) -> StoreResponse:
        if refuses and request.number > 2:
            return StoreResponse("403 Forbidden")
        response = serve(PAYLOAD, request)
        response.closes_after = 1_000_000 if refuses else None
        return response

    async with range_store(respond) as store:
        artifact = add(fake_github, store)
        with pytest.raises(StoreError, match="403"):
            await repo.download_artifact(artifact, tmp_path / "x", connections=1)
        assert store.requests[-1].span is not None
        refuses = False
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=1)
    assert done.resumed_bytes == 2_000_000
    assert done.path.read_bytes() == PAYLOAD


async def test_a_payload_with_too_many_bytes(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If the whole payload has more bytes than GitHub records, the error says so."""

    def respond(request: StoreRequest) -> StoreResponse:
        response = serve(PAYLOAD, request)
        response.body += b"surplus"
        response.chunked = True
        return response

    async with range_store(respond) as store:
        with pytest.raises(IncompleteDownload, match=f"sent more than {len(PAYLOAD)} bytes"):
            await repo.download_artifact(add(fake_github, store), tmp_path / "x", connections=1)
        assert len(store.requests) < 15


async def test_a_date_at_which_to_retry(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A Retry-After date of a store that sends no Date is compared with the local clock."""
    in_an_hour = formatdate(time.time() + 3600, usegmt=True)
    busy = StoreResponse("503 Service Unavailable", [f"Retry-After: {in_an_hour}"])
    async with range_store(lambda _: busy) as store:
        with pytest.raises(StoreError, match="503"):
            await repo.download_artifact(add(fake_github, store), tmp_path / "x")
        assert len(store.requests) == 1
