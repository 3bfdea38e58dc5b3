"""Reading single members of archives in real stores."""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp
import pytest

from ghartifacts_async import Client
from ghartifacts_async.testing import FakeGitHub
from tests.archive.artifacts import FILES, file_contents, read_files
from tests.archive.zip_writer import write_sparse_zip
from tests.stores.azurite import Azurite
from tests.stores.base import Store
from tests.stores.nginx import Nginx
from tests.support import REPOSITORY

SIZE = int(float(os.environ.get("LARGE_GIB") or 0.25) * 2**30)
"""The size of the archive in bytes. `.ci/run` sets LARGE_GIB=1."""

UPLOADED_SIZE = min(SIZE, 2**28)
"""The size of an archive that is uploaded to Azurite, which takes a minute for 3 GiB."""

MEMBER = os.urandom(100 * 1024)


async def test_a_member_of_a_large_artifact_at_nginx(
    fake_github: FakeGitHub, nginx: Nginx, blob_name: str, tmp_path: Path
) -> None:
    """Reading 100 KiB of a 1 GiB archive takes two requests to nginx and at most 256 KiB."""
    path = tmp_path / "huge.zip"
    write_sparse_zip(path, 2**30, MEMBER)
    await nginx.put(blob_name, path)
    fake_github.add_artifact(
        REPOSITORY,
        "dist",
        path,
        digest="sha256:" + "0" * 64,
        location=lambda _: nginx.signed_url(blob_name),
    )
    async with (
        Client(fake_github.token, base_url=fake_github.url) as gh,
        gh.repo(REPOSITORY).open_artifact(1) as archive,
    ):
        assert await archive.read("report.bin") == MEMBER
    log = nginx.log()
    assert [line["status"] for line in log] == [206, 206]
    assert sum(line["bytes_sent"] for line in log) <= 256 * 1024


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, None])
async def test_a_member_of_a_large_artifact_at_azurite(
    fake_github: FakeGitHub, azurite: Azurite, blob_name: str, tmp_path: Path, digest: str | None
) -> None:
    """Reading 100 KiB of a large archive takes at most three requests to Azurite and 256 KiB."""
    path = tmp_path / "huge.zip"
    write_sparse_zip(path, UPLOADED_SIZE, MEMBER)
    await azurite.put(blob_name, path)
    fake_github.add_artifact(
        REPOSITORY, "dist", path, digest=digest, location=lambda _: azurite.signed_url(blob_name)
    )
    requested: list[str] = []

    async def record(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        requested.append(str(params.url.origin()))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(record)
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        Client(fake_github.token, base_url=fake_github.url, session=session) as gh,
    ):
        async with gh.repo(REPOSITORY).open_artifact(1) as archive:
            assert await archive.read("report.bin") == MEMBER
            assert not archive.downloaded
        assert gh.stats.bytes_received <= 256 * 1024
    assert requested.count(azurite.origin) == (2 if digest else 3)


async def test_an_archive_in_every_store(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """An archive in any store can be read and extracted, by range requests or as a whole."""
    added = fake_github.add_artifact(
        REPOSITORY, "dist", FILES, location=lambda _: store.signed_url(blob_name)
    )
    await store.put(blob_name, added.path)
    repo = client.repo(REPOSITORY)
    async with repo.open_artifact(1) as archive:
        assert not archive.downloaded
        for name, content in file_contents().items():
            assert await archive.read(name) == content
        await archive.extract(tmp_path / "ranges")
    await repo.extract_artifact(1, tmp_path / "whole")
    assert read_files(tmp_path / "ranges") == read_files(tmp_path / "whole") == file_contents()
