"""What is exactly at a limit of an archive is accepted, and one more is refused."""

from __future__ import annotations

import pytest
from attrs import evolve

from ghartifacts_async import ArchiveLimitExceeded, ArchiveLimits
from ghartifacts_async._archive.extraction_plan import check_limits
from tests.archive.zip_writer import ZipMember, build_zip, parse_index, unzip

MEMBERS = [ZipMember("a/b", b"12345"), ZipMember("c", b"123"), ZipMember("d", b"")]


@pytest.mark.parametrize(
    ("count", "zip64", "end"), [(20, False, None), (20, True, None), (0x10001, False, {"count": 1})]
)
def test_number_of_members(count: int, zip64: bool, end: dict[str, int] | None) -> None:
    """An archive may have exactly `max_members` members, also if its number of them overflows."""
    many = [ZipMember(f"{number}") for number in range(count)]
    archive = build_zip(*many, zip64=zip64, end=end)
    assert len(parse_index(archive, ArchiveLimits(max_members=len(many))).entries) == len(many)
    with pytest.raises(ArchiveLimitExceeded) as caught:
        parse_index(archive, ArchiveLimits(max_members=len(many) - 1))
    assert (caught.value.limit, caught.value.allowed) == ("max_members", len(many) - 1)


@pytest.mark.parametrize(
    ("limit", "most"), [("max_members", 4), ("max_member_size", 5), ("max_total_size", 8)]
)
def test_extraction(limit: str, most: int) -> None:
    """What is extracted may be exactly as many or as large as a limit, and no more."""
    archive = build_zip(*MEMBERS)
    contents = {"a/": b"", "a/b": b"12345", "c": b"123", "d": b""}
    assert unzip(archive, ArchiveLimits(**{limit: most})) == contents
    with pytest.raises(ArchiveLimitExceeded) as caught:
        unzip(archive, ArchiveLimits(**{limit: most - 1}))
    assert (caught.value.limit, caught.value.allowed) == (limit, most - 1)


def test_ratio() -> None:
    """Members may expand by exactly `max_ratio`, or by any ratio up to 64 MiB in total."""
    (entry,) = parse_index(build_zip(ZipMember("a", b"x"))).entries
    large = evolve(entry, member=evolve(entry.member, size=2**27, compressed_size=2**20))
    check_limits([large], ArchiveLimits(max_ratio=128))
    check_limits([large, large], ArchiveLimits(max_ratio=128))
    for entries in ([large], [large, large]):
        with pytest.raises(ArchiveLimitExceeded) as caught:
            check_limits(entries, ArchiveLimits(max_ratio=127.9))
        assert (caught.value.limit, caught.value.allowed) == ("max_ratio", 127.9)
    small = evolve(entry, member=evolve(entry.member, size=2**26, compressed_size=1))
    check_limits([small], ArchiveLimits(max_ratio=2))
    with pytest.raises(ArchiveLimitExceeded):
        check_limits([small, entry], ArchiveLimits(max_ratio=2))
