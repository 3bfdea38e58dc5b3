"""Connections that break in the middle of a body."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from attrs import evolve

from ghartifacts_async import Repo
from ghartifacts_async.testing import FakeGitHub
from tests.download.range_store import StoreRequest, StoreResponse, range_store, serve
from tests.support import REPOSITORY

PAYLOAD = os.urandom(500_000)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("received", [1_000, 100_000, 400_000])
async def test_no_byte_of_a_broken_body_is_lost(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, received: int, chunked: bool
) -> None:
    """Bytes that arrived before a connection broke are not requested again, however slow we are."""

    def respond(request: StoreRequest) -> StoreResponse:
        breaks = received if request.span is None else None
        return evolve(serve(PAYLOAD, request), closes_after=breaks, chunked=chunked)

    async with range_store(respond) as store:
        made = fake_github.add_artifact(REPOSITORY, "x", PAYLOAD, raw="x.bin", location=store.url)
        async with repo.stream_artifact(made.id) as stream:
            chunks = [await anext(stream)]
            await asyncio.sleep(0.2)
            chunks += [chunk async for chunk in stream]
        assert b"".join(chunks) == PAYLOAD
        done = await repo.download_artifact(made.id, tmp_path / "x.bin")
        assert done.path.read_bytes() == PAYLOAD
        rest = received, len(PAYLOAD)
        assert [request.span for request in store.requests] == [None, rest] * 2
