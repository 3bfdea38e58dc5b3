"""Stores that differ from Azure within HTTP's rules: a digest proves what they sent."""

from __future__ import annotations

import gzip
import itertools
import os
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArtifactsError,
    IncompleteDownload,
    Repo,
    StoreError,
    TransportError,
)
from ghartifacts_async.testing import FakeGitHub
from tests.download.range_store import (
    RangeStore,
    Respond,
    StoreRequest,
    StoreResponse,
    range_store,
    serve,
)
from tests.support import REPOSITORY

PAYLOAD = os.urandom(6 * 2**20)


async def download(
    repo: Repo, fake: FakeGitHub, store: RangeStore, target: Path, connections: int
) -> bool:
    """Download the payload from the store; return whether it was verified."""
    made = fake.add_artifact(REPOSITORY, "x", PAYLOAD, raw="x.bin", location=lambda _: store.url)
    done = await repo.download_artifact(made.id, target, connections=connections)
    assert target.read_bytes() == PAYLOAD
    return done.verified


async def stream(repo: Repo, fake: FakeGitHub, store: RangeStore) -> bytes:
    """Stream the payload from the store."""
    made = fake.add_artifact(REPOSITORY, "x", PAYLOAD, raw="x.bin", location=lambda _: store.url)
    async with repo.stream_artifact(made.id) as chunks:
        return b"".join([chunk async for chunk in chunks])


def with_unknown_total(request: StoreRequest) -> StoreResponse:
    """Respond with ``Content-Range: bytes a-b/*``."""
    return serve(PAYLOAD, request, total="*")


def with_capital_unit(request: StoreRequest) -> StoreResponse:
    """Respond with ``Content-Range: Bytes a-b/n``."""
    return serve(PAYLOAD, request, unit="Bytes")


def with_range_for_everything(request: StoreRequest) -> StoreResponse:
    """Respond with a 206 also to a request without a range."""
    span = request.span or (0, len(PAYLOAD))
    return serve(PAYLOAD, StoreRequest(request.number, request.headers, span))


def refusing_ranges(status: str) -> Respond:
    """Return a store that answers range requests with this status."""

    def respond(request: StoreRequest) -> StoreResponse:
        return serve(PAYLOAD, request) if request.span is None else StoreResponse(status)

    return respond


def with_wrong_part(request: StoreRequest) -> StoreResponse:
    """Respond to a range request with the first kilobyte."""
    if request.span is None:
        return serve(PAYLOAD, request)
    return serve(PAYLOAD, StoreRequest(request.number, request.headers, (0, 1024)))


LENIENT = {
    "total *": with_unknown_total,
    "capital unit": with_capital_unit,
    "206 for everything": with_range_for_everything,
    "400 to ranges": refusing_ranges("400 Bad Request"),
    "405 to ranges": refusing_ranges("405 Method Not Allowed"),
    "413 to ranges": refusing_ranges("413 Content Too Large"),
    "412 to ranges": refusing_ranges("412 Precondition Failed"),
    "416 to ranges": refusing_ranges("416 Range Not Satisfiable"),
    "501 to ranges": refusing_ranges("501 Not Implemented"),
    "wrong part": with_wrong_part,
}


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("respond", LENIENT.values(), ids=LENIENT.keys())
async def test_unusual_ranges(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, respond: Respond, connections: int
) -> None:
    """A store that describes ranges in another way, or refuses them, serves verified downloads."""
    async with range_store(respond) as store:
        assert await download(repo, fake_github, store, tmp_path / "x", connections)


@pytest.mark.parametrize("respond", LENIENT.values(), ids=LENIENT.keys())
async def test_unusual_ranges_in_a_resumed_stream(
    repo: Repo, fake_github: FakeGitHub, respond: Respond
) -> None:
    """A stream whose connection breaks continues from the store, or from the start of it."""

    def break_first(request: StoreRequest) -> StoreResponse:
        response = respond(request)
        if request.number == 1:
            response.closes_after = 1_000_000
        return response

    async with range_store(break_first) as store:
        assert await stream(repo, fake_github, store) == PAYLOAD


async def test_a_store_that_repeats_its_first_bytes(repo: Repo, fake_github: FakeGitHub) -> None:
    """A stream from a store that sends nothing but the first kilobyte fails after its attempts."""

    def repeat(request: StoreRequest) -> StoreResponse:
        return serve(PAYLOAD, StoreRequest(request.number, request.headers, (0, 1024)))

    async with range_store(repeat) as store:
        with pytest.raises(IncompleteDownload, match="sent bytes 0-1023 instead of 1024-"):
            await stream(repo, fake_github, store)
        assert len(store.requests) < 20


async def test_an_archive_of_unknown_size(repo: Repo, fake_github: FakeGitHub) -> None:
    """An archive whose size neither GitHub nor the store knows is downloaded and can be read."""
    made = fake_github.add_artifact(
        REPOSITORY, "x", {"a.txt": "hello"}, digest=None, location=lambda _: store.url
    )

    def without_total(request: StoreRequest) -> StoreResponse:
        return serve(made.path.read_bytes(), request, total="*")

    async with range_store(without_total) as store, repo.open_artifact(made.id) as archive:
        assert await archive.read("a.txt") == b"hello"
        assert archive.downloaded


@pytest.mark.parametrize("connections", [1, 4])
async def test_short_ranges(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, connections: int
) -> None:
    """A 206 that is shorter than requested is continued at once, without a retry."""
    limit = 2**18
    async with range_store(
        lambda request: serve(PAYLOAD, StoreRequest(0, {}, request.span or (0, 2**40)), limit=limit)
    ) as store:
        assert await download(repo, fake_github, store, tmp_path / "x", connections)
        assert store.sent == len(PAYLOAD)
        assert len(store.requests) <= 2 * len(PAYLOAD) // limit
        store.requests.clear()
        assert await stream(repo, fake_github, store) == PAYLOAD
        assert len(store.requests) == len(PAYLOAD) // limit


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("checks_tags", [True, False], ids=["If-Match", "no If-Match"])
async def test_replicas_with_different_etags(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, connections: int, checks_tags: bool
) -> None:
    """Replicas that differ in their ETags serve one download, because its digest is verified."""
    etags = itertools.cycle(['"a"', '"b"', 'W/"c"'])

    def respond(request: StoreRequest) -> StoreResponse:
        etag = next(etags)
        if checks_tags and request.headers.get("if-match") not in {None, etag}:
            return StoreResponse("412 Precondition Failed")
        response = serve(PAYLOAD, request, etag=etag)
        if request.number == 1:
            response.closes_after = 100_000
        return response

    async with range_store(respond) as store:
        assert await download(repo, fake_github, store, tmp_path / "x", connections)
        assert store.sent <= len(PAYLOAD) + 100_000


async def test_replicas_with_different_bytes(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Bytes of a stale replica make the download start over once, and the digest decides again."""

    def respond(request: StoreRequest) -> StoreResponse:
        if request.number == 1:
            stale = serve(bytes(len(PAYLOAD)), request, etag='"stale"')
            stale.closes_after = 100_000
            return stale
        return serve(PAYLOAD, request)

    async with range_store(respond) as store:
        assert await download(repo, fake_github, store, tmp_path / "x", 1)


async def test_without_a_digest_the_etag_decides(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Without a digest, a store whose ETag always changes fails, and the error names the ETag."""
    etags = map(str, itertools.count())
    made = fake_github.add_artifact(
        REPOSITORY, "x", PAYLOAD, raw="x.bin", digest=None, location=lambda _: store.url
    )

    def respond(request: StoreRequest) -> StoreResponse:
        response = serve(PAYLOAD, request, etag=f'"{next(etags)}"')
        response.closes_after = 1000
        return response

    async with range_store(respond) as store:
        with pytest.raises(IncompleteDownload, match="ETag has changed"):
            await repo.download_artifact(made.id, tmp_path / "x")


async def test_a_see_other_redirect(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A 303 before the store is followed."""

    def respond(request: StoreRequest) -> StoreResponse:
        if request.number == 1:
            return StoreResponse("303 See Other", ["Location: /real"])
        return serve(PAYLOAD, request)

    async with range_store(respond) as store:
        assert await download(repo, fake_github, store, tmp_path / "x", 1)


async def test_long_headers(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Headers of 60,000 bytes are accepted; longer ones are a clear error without a retry."""
    length = 60_000
    async with range_store(
        lambda request: serve(PAYLOAD, request, extra=(f"X-Report: {'x' * length}",))
    ) as store:
        assert await download(repo, fake_github, store, tmp_path / "x", 1)
        length = 70_000
        store.requests.clear()
        with pytest.raises(TransportError, match="longer than 65536 bytes"):
            await download(repo, fake_github, store, tmp_path / "y", 1)
        assert len(store.requests) == 1


@pytest.mark.parametrize("connections", [1, 4])
async def test_an_encoded_body(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, connections: int
) -> None:
    """A body that is encoded although identity was requested is an error that names the header."""

    def respond(request: StoreRequest) -> StoreResponse:
        return serve(PAYLOAD[:-1], request, extra=("Content-Encoding: gzip",))

    async with range_store(respond) as store:
        with pytest.raises(StoreError, match="Content-Encoding: gzip"):
            await download(repo, fake_github, store, tmp_path / "x", connections)
        assert len(store.requests) <= connections


@pytest.mark.parametrize("digest", ["auto", None])
async def test_encoded_ranges(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, digest: str | None
) -> None:
    """Ranges that are encoded one by one are an error, with and without a digest."""

    def respond(request: StoreRequest) -> StoreResponse:
        response = serve(PAYLOAD, request)
        if request.span is None:
            response.closes_after = 2**20
        else:
            response.headers.append("Content-Encoding: gzip")
            response.body = gzip.compress(response.body, compresslevel=0)
        return response

    async with range_store(respond) as store:
        made = fake_github.add_artifact(
            REPOSITORY, "x", PAYLOAD, raw="x.bin", digest=digest, location=lambda _: store.url
        )
        with pytest.raises(StoreError, match="Content-Encoding: gzip"):
            await repo.download_artifact(made.id, tmp_path / "x", connections=4)
        assert not (tmp_path / "x").exists()


async def test_an_encoding_label_of_an_encoded_payload(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A payload of the right size is accepted with any Content-Encoding; its digest decides."""

    def respond(request: StoreRequest) -> StoreResponse:
        return serve(PAYLOAD, request, extra=("Content-Encoding: gzip",))

    async with range_store(respond) as store:
        assert await download(repo, fake_github, store, tmp_path / "x", 1)


@pytest.mark.parametrize("status", ["416 Range Not Satisfiable", "501 Not Implemented"])
async def test_an_error_says_what_the_store_did(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, status: str
) -> None:
    """If a store refuses ranges and plain requests, the error names its status, not a change."""
    async with range_store(lambda _: StoreResponse(status)) as store:
        with pytest.raises(ArtifactsError, match=status[:3]) as caught:
            await download(repo, fake_github, store, tmp_path / "x", 4)
        assert "changed" not in str(caught.value)
