"""What happens to received bytes when a store refuses ranges, or serves little at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghartifacts_async import ArtifactsError, Client, Repo, RetryPolicy, StoreError
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.api.support import open_world
from tests.clock import fast
from tests.download.range_store import RangeStore, StoreRequest, StoreResponse, range_store, serve
from tests.support import REPOSITORY

PAYLOAD = os.urandom(6 * 2**20)
UNAVAILABLE = "503 Service Unavailable"


def add(fake: FakeGitHub, store: RangeStore) -> int:
    """Add an artifact whose payload is in the store, and return its id."""
    return fake.add_artifact(REPOSITORY, "x", PAYLOAD, raw="x.bin", location=lambda _: store.url).id


async def interrupt(repo: Repo, artifact: int, target: Path) -> None:
    """Download a part of an artifact, which the next call finds."""
    with pytest.raises(ArtifactsError):
        await repo.download_artifact(artifact, target, connections=1)
    assert not target.exists()


@pytest.mark.parametrize("status", ["409 Conflict", "416 Range Not Satisfiable"])
async def test_received_bytes_are_kept_until_others_arrive(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, status: str
) -> None:
    """If a store refuses ranges and then fails, a later call resumes from the received bytes."""
    state = "breaks"

    def respond(request: StoreRequest) -> StoreResponse:
        if state == "works" or (state == "breaks" and request.number == 1):
            response = serve(PAYLOAD, request)
            response.closes_after = 3_000_000 if state == "breaks" else None
            return response
        if state == "refuses" and request.span is not None:
            return StoreResponse(status)
        return StoreResponse(UNAVAILABLE)

    async with range_store(respond) as store:
        artifact = add(fake_github, store)
        await interrupt(repo, artifact, tmp_path / "x")
        state = "refuses"
        await interrupt(repo, artifact, tmp_path / "x")
        assert store.requests[-1].span is None
        state = "works"
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=1)
    assert done.resumed_bytes == 3_000_000
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("stream", [False, True])
async def test_the_last_resort_is_not_an_attempt(
    fake_github: FakeGitHub, tmp_path: Path, stream: bool
) -> None:
    """With two attempts, a store that refuses each range gets a request for the whole payload."""

    def respond(request: StoreRequest) -> StoreResponse:
        if request.span is not None:
            return StoreResponse("416 Range Not Satisfiable")
        response = serve(PAYLOAD, request)
        response.closes_after = 1_000_000 if request.number == 1 else None
        return response

    policy = RetryPolicy(attempts=2, wait_initial=0.005, wait_max=0.02)
    async with (
        range_store(respond) as store,
        Client(fake_github.token, base_url=fake_github.url, retry=policy) as gh,
    ):
        repo, artifact = gh.repo(REPOSITORY), add(fake_github, store)
        if stream:
            async with repo.stream_artifact(artifact) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == PAYLOAD
        else:
            done = await repo.download_artifact(artifact, tmp_path / "x", connections=1)
            assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize(
    "status", ["405 Method Not Allowed", "407 Proxy Authentication Required", "451 Unavailable"]
)
async def test_a_refusal_of_the_whole_payload_is_final(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, status: str
) -> None:
    """A permanent error in response to a request without a range is not retried."""
    async with range_store(lambda _: StoreResponse(status)) as store:
        with pytest.raises(StoreError, match=status[:3]):
            await repo.download_artifact(add(fake_github, store), tmp_path / "x", connections=1)
        assert len(store.requests) == 1


async def test_short_ranges_after_starting_over(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store that limits ranges also serves a download that starts over after a wrong digest."""
    broken = True

    def respond(request: StoreRequest) -> StoreResponse:
        if broken and request.number > 100:
            return StoreResponse(UNAVAILABLE)
        span = request.span or (0, len(PAYLOAD))
        return serve(PAYLOAD, StoreRequest(0, {}, span), limit=2**14)

    async with range_store(respond) as store:
        artifact = add(fake_github, store)
        await interrupt(repo, artifact, tmp_path / "x")
        (part,) = tmp_path.glob(".*.ghartifacts-part")
        with part.open("r+b") as file:
            file.write(bytes(2**14))
        broken = False
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=1)
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("attempts", [1, 6])
async def test_short_ranges_without_retries(
    fake_github: FakeGitHub, tmp_path: Path, attempts: int
) -> None:
    """Short responses are not failures, so even a policy without retries accepts them."""

    def respond(request: StoreRequest) -> StoreResponse:
        span = request.span or (0, len(PAYLOAD))
        return serve(PAYLOAD, StoreRequest(0, {}, span), limit=2**15)

    policy = RetryPolicy(attempts=attempts, timeout=0)
    async with (
        range_store(respond) as store,
        Client(fake_github.token, base_url=fake_github.url, retry=policy) as gh,
    ):
        repo, artifact = gh.repo(REPOSITORY), add(fake_github, store)
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=1)
        assert done.path.read_bytes() == PAYLOAD
        async with repo.stream_artifact(artifact) as chunks:
            assert b"".join([chunk async for chunk in chunks]) == PAYLOAD


async def test_a_refused_range_is_requested_twice(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a store refuses the same range twice, the whole payload is requested."""
    broken = True

    def respond(request: StoreRequest) -> StoreResponse:
        if broken and request.number > 1:
            return StoreResponse(UNAVAILABLE)
        if request.span is not None:
            return StoreResponse("416 Range Not Satisfiable")
        response = serve(PAYLOAD, request)
        response.closes_after = 3_000_000 if broken else None
        return response

    async with range_store(respond) as store:
        artifact = add(fake_github, store)
        await interrupt(repo, artifact, tmp_path / "x")
        broken = False
        store.requests.clear()
        done = await repo.download_artifact(artifact, tmp_path / "x", connections=1)
    assert done.path.read_bytes() == PAYLOAD
    rest = 3_000_000, len(PAYLOAD)
    assert [request.span for request in store.requests] == [rest, rest, None]


@fast
async def test_the_whole_payload_takes_one_connection(tmp_path: Path) -> None:
    """While a store that refuses ranges sends a large payload slowly, no range is requested."""
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(64 * 2**20)
    async with open_world() as world:
        artifact = world.fake.add_artifact(REPOSITORY, "dist", source)
        fault = BlobFault.refuse_ranges() & BlobFault.throttle(20e6)
        world.fake.fail_blobs_when(lambda _: fault)
        await world.repo.download_artifact(artifact.id, tmp_path / "out")
        assert [request.status for request in world.fake.requests_to("blob")] == [416, 416, 200]
