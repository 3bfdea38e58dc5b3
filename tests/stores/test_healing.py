"""Real stores serve ranges each in their own way: downloads go on from all of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghartifacts_async import Client, Progress, ProgressError
from ghartifacts_async.testing import FakeArtifact, FakeGitHub
from tests.stores.azurite import ACCOUNT, CONTAINER, KEY, Azurite
from tests.stores.base import Store
from tests.support import REPOSITORY, files_below

from .s3 import BUCKET, KEY_ID, REGION, SECRET, S3rver

PAYLOAD = os.urandom(6_000_000)


async def put(fake: FakeGitHub, store: Store, name: str) -> FakeArtifact:
    """An artifact whose payload the store holds."""
    await store.put(name, PAYLOAD)
    return fake.add_artifact(REPOSITORY, "dist", PAYLOAD, location=lambda _: store.signed_url(name))


def interrupt(progress: Progress) -> None:
    """End a download somewhere in the middle."""
    if progress.received > 1_000_000:
        raise LookupError("enough")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is told of each piece that comes."""
    monkeypatch.setattr("ghartifacts_async._download.progress.REPORT_INTERVAL", 0.0)


async def test_many_connections(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """Ranges side by side make the payload that was uploaded."""
    await put(fake_github, store, blob_name)
    done = await client.repo(REPOSITORY).download_artifact(1, tmp_path, connections=4)
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("connections", [1, 3])
async def test_an_interrupted_download_goes_on(
    client: Client,
    fake_github: FakeGitHub,
    store: Store,
    blob_name: str,
    tmp_path: Path,
    connections: int,
) -> None:
    """The rest is asked for, and makes the payload with what was there."""
    await put(fake_github, store, blob_name)
    repo = client.repo(REPOSITORY)
    with pytest.raises(ProgressError):
        await repo.download_artifact(1, tmp_path, connections=connections, on_progress=interrupt)
    done = await repo.download_artifact(1, tmp_path, connections=connections)
    assert done.verified
    assert done.resumed_bytes > 1_000_000
    assert done.path.read_bytes() == PAYLOAD
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_blob_that_changed_meanwhile(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """Of another blob under the same name nothing is mixed with what was there."""
    await put(fake_github, store, blob_name)
    artifact = await client.repo(REPOSITORY).get_artifact(1)
    repo = client.repo(REPOSITORY)
    with pytest.raises(ProgressError):
        await repo.download_artifact(artifact, tmp_path, on_progress=interrupt)
    # The same bytes again: the store gives them another ETag, or other stores the same one.
    await store.put(blob_name, PAYLOAD)
    done = await repo.download_artifact(artifact, tmp_path)
    assert done.verified
    assert done.path.read_bytes() == PAYLOAD


async def test_an_expired_url_is_renewed(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """A store that refuses a URL as expired is asked with another one."""
    await store.put(blob_name, PAYLOAD)
    given: list[str] = []

    def location(_: FakeArtifact) -> str:
        given.append(store.signed_url(blob_name, ttl=60 if given else -5))
        return given[-1]

    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD, location=location)
    done = await client.repo(REPOSITORY).download_artifact(1, tmp_path)
    assert done.verified
    assert done.url_refreshes == 1


async def test_a_stream(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str
) -> None:
    """A stream yields what the store holds."""
    await put(fake_github, store, blob_name)
    async with client.repo(REPOSITORY).stream_artifact(1) as stream:
        assert b"".join([chunk async for chunk in stream]) == PAYLOAD
        assert stream.verified


async def test_a_stream_into_azure(
    fake_github: FakeGitHub, azurite: Azurite, blob_name: str
) -> None:
    """Obstore takes a stream as it is, and puts it where Azure blobs are."""
    obstore = pytest.importorskip("obstore")
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD)
    to = obstore.store.AzureStore(
        CONTAINER,
        account_name=ACCOUNT,
        account_key=KEY,
        endpoint=f"{azurite.origin}/{ACCOUNT}",
        client_options={"allow_http": True},
    )
    await pipe(fake_github, obstore, to, blob_name)


async def test_a_stream_into_s3(fake_github: FakeGitHub, s3rver: S3rver, blob_name: str) -> None:
    """Obstore takes a stream as it is, and puts it into an S3 bucket."""
    obstore = pytest.importorskip("obstore")
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD)
    to = obstore.store.S3Store(
        BUCKET,
        endpoint=s3rver.origin,
        region=REGION,
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
    )
    await pipe(fake_github, obstore, to, blob_name)


async def pipe(fake: FakeGitHub, obstore: object, to: object, name: str) -> None:
    """Put an artifact into a store, and read it from there."""
    async with (
        Client(fake.token, base_url=fake.url) as gh,
        gh.repo(REPOSITORY).stream_artifact(1) as stream,
    ):
        await obstore.put_async(to, name, stream)  # type: ignore[attr-defined]
    got = await obstore.get_async(to, name)  # type: ignore[attr-defined]
    assert bytes(await got.bytes_async()) == PAYLOAD
