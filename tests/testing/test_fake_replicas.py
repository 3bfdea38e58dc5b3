"""Behaviour of stores that HTTP allows, but that clients may not expect."""

from __future__ import annotations

import gzip
import zlib

import pytest

from ghartifacts_async import Client
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.support import QUICK, REPOSITORY
from tests.testing.support import CONTENT, Send


async def test_replicas(send: Send, fake: FakeGitHub, url: str) -> None:
    """Replicas have the same bytes, but ETags of their own, and refuse those of others."""
    first = await send(url)
    fake.fail_blobs_next(*[BlobFault.other_replica()] * 3, BlobFault.other_replica(2))
    second = await send(url)
    assert first.body == second.body
    assert first.headers["ETag"] != second.headers["ETag"]
    assert (await send(url, If_Match=first.headers["ETag"])).status == 412
    assert (await send(url, If_Match=second.headers["ETag"])).status == 200
    assert (await send(url)).headers["ETag"] != second.headers["ETag"]


async def test_a_short_range(send: Send, fake: FakeGitHub, url: str) -> None:
    """A range may be answered with fewer bytes, which `Content-Range` describes."""
    fake.fail_blobs_when(lambda _: BlobFault.short_range(10))
    response = await send(url, Range="bytes=5-99")
    assert (response.status, response.body) == (206, CONTENT[5:15])
    assert response.headers["Content-Range"] == f"bytes 5-14/{len(CONTENT)}"
    assert (await send(url, Range="bytes=5-7")).body == CONTENT[5:8]
    assert (await send(url)).body == CONTENT


@pytest.mark.parametrize("status", [416, 412, 501])
async def test_refused_ranges(send: Send, fake: FakeGitHub, url: str, status: int) -> None:
    """A store may refuse every range, and serve plain requests."""
    fake.fail_blobs_when(lambda _: BlobFault.refuse_ranges(status))
    for headers in ({"Range": "bytes=0-1"}, {"x_ms_range": "bytes=0-1"}):
        assert (await send(url, **headers)).status == status
    assert (await send(url)).body == CONTENT


async def test_encoded_bodies(send: Send, fake: FakeGitHub, url: str) -> None:
    """A store may compress a body, or a range of it, although the client did not ask for it."""
    fake.fail_blobs_next(BlobFault.encode(), BlobFault.encode("deflate"))
    response = await send(url, Accept_Encoding="identity")
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.body in (CONTENT, gzip.compress(CONTENT))
    response = await send(url, Range="bytes=2-9")
    assert (response.status, response.headers["Content-Encoding"]) == (206, "deflate")
    assert zlib.decompress(response.body) == CONTENT[2:10]


@pytest.mark.parametrize(
    "fault", [BlobFault.other_replica(), BlobFault.short_range(2**12), BlobFault.refuse_ranges()]
)
async def test_the_client_copes(fault: BlobFault, tmp_path: object) -> None:
    """A download succeeds from a store whose responses have these faults now and then."""
    async with FakeGitHub() as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", CONTENT * 500)
        fake.fail_blobs_next(BlobFault.truncate(after=1000))
        fake.fail_blobs_when(lambda _: fault)
        async with Client(fake.token, base_url=fake.url, retry=QUICK) as gh:
            download = await gh.repo(REPOSITORY).download_artifact(artifact.id, f"{tmp_path}/")
        assert download.path.read_bytes() == CONTENT * 500
