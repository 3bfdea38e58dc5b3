"""Archives with numbers that no file has, such as offsets of 2**63, in each numeric field."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArchiveError,
    ArchiveLimits,
    Artifact,
    Client,
    RateLimitPolicy,
    Repo,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.archive.zip_writer import ZipMember, build_zip, parse_index, unzip
from tests.support import REPOSITORY

DATA = b"0123456789"
LIMITS = ArchiveLimits(max_member_size=10**30, max_total_size=10**30, max_ratio=10.0**30)
NUMBERS = (0, 1, 100, 2**16, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 5, 2**63, 2**64 - 1)
IN_ZIP64 = 0xFFFFFFFF
FIELDS = (
    "local: signature 4, version 2, flags 2, method 2, time 2, date 2, crc32 4, compressed 4, "
    "size 4, name length 2, extra length 2, name 1, field id 2, field length 2, zip64 size 8, "
    "zip64 compressed 8, data 10\n"
    "central: signature 4, maker 2, version 2, flags 2, method 2, time 2, date 2, crc32 4, "
    "compressed 4, size 4, name length 2, extra length 2, comment length 2, disk 2, internal 2, "
    "external 4, offset 4, name 1, field id 2, field length 2, zip64 size 8, zip64 compressed 8, "
    "zip64 offset 8\n"
    "zip64 end: signature 4, record size 8, maker 2, version 2, disk 4, start disk 4, "
    "disk count 8, count 8, size 8, offset 8\n"
    "locator: signature 4, disk 4, offset 8, disks 4\n"
    "end: signature 4, disk 2, start disk 2, disk count 2, count 2, size 4, offset 4, "
    "comment length 2"
)
"""The records of an archive in their order, and the name and the length of each field."""

TOGETHER = (
    ("local zip64 size", "central zip64 size"),
    ("local zip64 compressed", "central zip64 compressed"),
    (
        "local zip64 size", "central zip64 size",
        "local zip64 compressed", "central zip64 compressed",
    ),
    ("zip64 end disk count", "zip64 end count"),
    ("zip64 end size", "zip64 end offset"),
)  # fmt: skip
"""Fields that get the same number, so that they do not contradict each other."""

OFFSETS = ("central zip64 offset", "zip64 end offset", "locator offset")
"""Fields that are off by the same difference if other data was put before the archive."""


def valid_archive(method: int = 0) -> bytes:
    """Return an archive that has all records, and the sizes and offsets in zip64 fields."""
    sizes = [len(DATA), len(DATA)]
    values = {"compressed_size": IN_ZIP64, "size": IN_ZIP64, "method": method}
    local = {**values, "extra": struct.pack("<2H2Q", 1, 16, *sizes)}
    central = {**values, "offset": IN_ZIP64, "extra": struct.pack("<2H3Q", 1, 24, *sizes, 0)}
    return build_zip(ZipMember("a", DATA, 0, flags=0, local=local, central=central), zip64=True)


def numeric_fields() -> dict[str, slice]:
    """Return the position of each numeric field."""
    found, start = {}, 0
    for line in FIELDS.splitlines():
        record, _, fields = line.partition(": ")
        for field in fields.split(", "):
            name, _, length = field.rpartition(" ")
            if name not in {"signature", "name", "data"}:
                found[f"{record} {name}"] = slice(start, start + int(length))
            start += int(length)
    assert start == len(valid_archive())
    return found


def extreme_archives(method: int, numbers: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """Yield archives with each number in each field, and in several fields."""
    archive = valid_archive(method)
    fields = numeric_fields()
    for number in numbers:
        for names in [*((name,) for name in fields), *TOGETHER, OFFSETS]:
            content = bytearray(archive)
            for name in names:
                place = fields[name]
                length = place.stop - place.start
                before = int.from_bytes(archive[place], "little") if names is OFFSETS else 0
                value = min(before + number, 2 ** (8 * length) - 1)
                content[place] = value.to_bytes(length, "little")
            yield f"{', '.join(names)}: {number}", bytes(content)


@pytest.mark.parametrize("method", [0, 8, 12, 14, 93])
def test_extreme_numbers(method: int) -> None:
    """Any number in an archive is accepted or refused with an `ArchiveError`, in little memory."""
    accepted = set()
    tracemalloc.start()
    try:
        for label, archive in extreme_archives(method, NUMBERS):
            with suppress(ArchiveError):
                assert len(parse_index(archive, LIMITS).entries) <= 1
                assert unzip(archive, LIMITS) == {"a": DATA}
                accepted.add(label)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert (f"{', '.join(OFFSETS)}: {2**63}" in accepted) == (method == 0)


async def outcome(action: Awaitable[object]) -> object:
    """Return the result, or the message of the `ArchiveError`."""
    try:
        return await action
    except ArchiveError as error:
        return str(error)


async def read(repo: Repo, artifact: Artifact) -> bytes:
    """Read the member of an artifact, with range requests if the store supports them."""
    async with repo.open_artifact(artifact, limits=LIMITS) as archive:
        return await archive.read("a", max_size=10**30)


async def test_extreme_numbers_in_files(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """An archive is read with the same result from the store, from a file and by extraction."""
    async with Client(
        fake_github.token, base_url=fake_github.url, rate_limits=RateLimitPolicy.unlimited()
    ) as gh:
        repo = gh.repo(REPOSITORY)
        for number, (label, archive) in enumerate(extreme_archives(0, [2**63, 2**64 - 1])):
            added = fake_github.add_artifact(REPOSITORY, label, archive)
            artifact, directory = await repo.get_artifact(added.id), tmp_path / f"{number}"
            from_ranges = await outcome(read(repo, artifact))
            fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
            assert await outcome(read(repo, artifact)) == from_ranges, label
            fake_github.clear_faults()
            if label.startswith("central external"):
                continue  # the member becomes a device, which can be read but not extracted
            extracted = await outcome(repo.extract_artifact(artifact, directory, limits=LIMITS))
            assert extracted == ([directory / "a"] if from_ranges == DATA else from_ranges), label
