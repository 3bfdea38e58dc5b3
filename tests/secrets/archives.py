"""For each archive error, an operation that raises it in a client that holds secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ghartifacts_async import ArchiveLimits, errors
from ghartifacts_async.testing import FakeGitHub
from tests.archive.zip_writer import ZipMember, build_zip
from tests.secrets import canaries
from tests.secrets.driving import STORE, Drive, client
from tests.support import REPOSITORY, raw_server, says


def extract(payload: bytes, **options: Any) -> Drive:
    """Return an operation that tries `extract_artifact`, then after an error `Archive.extract`."""

    async def drive(fake: FakeGitHub, to: Path) -> Any:
        async with raw_server(says(STORE % (b"200 OK", len(payload)) + payload)) as url:
            secret = f"{url}/blob?{canaries.QUERY}"
            fake.add_artifact(REPOSITORY, "zip", payload, id=2, location=secret)
            async with client(fake) as gh:
                repo = gh.repo(REPOSITORY)
                try:
                    return await repo.extract_artifact(2, to / "out", **options)
                except errors.ArchiveError:
                    limits = {name: options.pop(name) for name in {"limits"} & options.keys()}
                    async with repo.open_artifact(2, **limits) as archive:
                        return await archive.extract(to / "out", **options)

    return drive


ARCHIVES: list[tuple[type[errors.ArtifactsError], Drive]] = [
    (errors.NotAZip, extract(b"x" * 100)),
    (errors.DamagedArchive, extract(build_zip(ZipMember("a", b"x", central={"crc32": 1})))),
    (errors.UnsafeMember, extract(build_zip(ZipMember("../a", b"x")))),
    (errors.UnsupportedMember, extract(build_zip(ZipMember("a", b"x", flags=9)))),
    (errors.MemberNotFound, extract(build_zip(ZipMember("a", b"x")), members=["b"])),
    (
        errors.ArchiveLimitExceeded,
        extract(build_zip(ZipMember("a", b"x" * 9)), limits=ArchiveLimits(max_total_size=1)),
    ),
]
