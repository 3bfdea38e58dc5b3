"""Decoding members from the bytes of an archive."""

from __future__ import annotations

import os
import struct
import zlib

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import ArchiveLimits, DamagedArchive, UnsafeMember
from ghartifacts_async._archive.zip_format import member_decoder
from ghartifacts_async._archive.zip_format.local_header import check_descriptor
from ghartifacts_async._archive.zip_format.member_decoder import MAX_CHUNK_SIZE, MemberDecoder
from tests.archive.self_containing_zip import self_containing_zip
from tests.archive.zip_writer import (
    DATA_DESCRIPTOR_FLAG,
    DEFLATED,
    LOCAL_SIGNATURE,
    STORED,
    ZipMember,
    build_zip,
    parse_index,
    unzip,
)
from tests.values import examples

NAMES = st.text("abcXYZ é日\U0001f600-_", min_size=1, max_size=12).map(lambda text: f"x{text}y")
CONTENTS = st.binary(max_size=300) | st.builds(lambda b, n: b * n, st.binary(), st.integers(0, 999))


@examples(150)
@given(
    st.dictionaries(NAMES, CONTENTS, max_size=6),
    st.sampled_from([STORED, DEFLATED]),
    st.sampled_from([0, DATA_DESCRIPTOR_FLAG]),
    st.integers(1, 700),
    st.integers(0, 200),
    st.binary(max_size=30).filter(lambda data: LOCAL_SIGNATURE not in data),
)
def test_round_trip(
    files: dict[str, bytes], method: int, flags: int, chunk: int, gap: int, between: bytes
) -> None:
    """Members are decoded for any chunk size, and with any bytes between them."""
    names = {f"{number}{name}": data for number, (name, data) in enumerate(files.items())}
    members = [ZipMember(name, data, method, flags=flags) for name, data in names.items()]
    archive = build_zip(*members, between=between)
    assert unzip(archive, chunk_size=chunk, max_gap=gap) == names


def test_chunks_are_bounded() -> None:
    """No decoded chunk is larger than 1 MiB, however well the member compresses."""
    data = bytes(5 * 2**20 + 1)
    for method in (STORED, DEFLATED):
        archive = build_zip(ZipMember("zeros", data, method))
        (entry,) = parse_index(archive).entries
        decoder = MemberDecoder([entry])
        assert decoder.next() is None
        decoder.feed(archive)
        sizes = []
        while decoded := decoder.next():
            sizes.append(len(decoded[1]))
        assert sum(sizes) == len(data)
        assert max(sizes) == MAX_CHUNK_SIZE
        assert sizes[-1] == 0
        assert decoder.done
        assert decoder.next() is None


def test_a_bomb_is_not_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that is larger than recorded is decompressed only up to its recorded size."""
    inflated = 0
    inflater = zlib.decompressobj

    class Counting:
        def __init__(self, wbits: int) -> None:
            self._inflater = inflater(wbits)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inflater, name)

        def decompress(self, data: bytes, max_size: int) -> bytes:
            nonlocal inflated
            out = self._inflater.decompress(data, max_size)
            inflated += len(out)
            return out

    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = compressor.compress(bytes(2**24)) + compressor.flush()
    archive = build_zip(ZipMember("bomb", b"x" * 1000, compressed_data=packed))
    # The size of the output is known only to zlib, because the decoder returns none of it.
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    with pytest.raises(DamagedArchive, match="more than the recorded 1000 bytes"):
        unzip(archive)
    assert inflated == 1001


def test_an_archive_that_contains_itself() -> None:
    """Decoding an archive that contains itself stops after one level."""
    archive = self_containing_zip()
    assert [*unzip(archive).values()] == [archive]


def test_adjacent_members_are_grouped() -> None:
    """Adjacent members form one group, within limits on its size, gaps and number of members."""
    files = [ZipMember(f"{number}", os.urandom(1000)) for number in range(10)]
    entries = parse_index(build_zip(*files)).entries

    def lengths(
        max_gap: int = 0, max_size: int = 10**6, max_members: int = 100, step: int = 1
    ) -> list[int]:
        found = member_decoder.group_members(
            [*entries][::-step], max_gap=max_gap, max_size=max_size, max_members=max_members
        )
        return [len(decoder._entries) for decoder in found]

    # There is a data descriptor of 16 bytes between two members.
    assert lengths(max_gap=16) == [10]
    assert lengths(max_gap=15) == [1] * 10
    assert lengths(max_gap=50, max_size=3500) == [3, 3, 3, 1]
    last = entries[-1]
    size = last.header_offset + 31 + last.member.compressed_size
    assert lengths(max_gap=16, max_size=size) == [10]
    assert lengths(max_gap=16, max_size=size - 1) == [9, 1]
    assert lengths(max_gap=50, max_members=4) == [4, 4, 2]
    assert lengths(max_gap=50, max_size=1) == [1] * 10
    assert lengths(max_gap=50, step=2) == [1] * 5
    assert lengths(max_gap=1100, step=2) == [5]
    assert [*member_decoder.group_members([], max_gap=0, max_size=0, max_members=1)] == []


def test_the_stop_is_close_to_the_last_member() -> None:
    """Reading a member needs no bytes far beyond it, even if the next member is far away."""
    archive = build_zip(ZipMember("a", b"x" * 100, STORED), ZipMember("b"), between=bytes(5000))
    entry, last = parse_index(archive).entries
    decoder = MemberDecoder([entry])
    assert decoder.stop < 500
    decoder.feed(archive[: decoder.stop])
    decoder.next()
    assert decoder.stop == archive.index(b"x" * 100) + 100
    assert MemberDecoder([last]).stop <= len(archive)


def test_long_local_headers() -> None:
    """A decoder asks for more bytes if a local header is unusually long."""
    for extra in (b"", bytes(300), bytes(60_000)):
        member = ZipMember("a", b"x" * 100, local={"extra": extra})
        for between in (b"", bytes(10**5)):
            archive = build_zip(member, ZipMember("b", b"y"), between=between)
            assert unzip(archive, members="a", chunk_size=64) == {"a": b"x" * 100}


def test_a_long_local_header_takes_one_more_request() -> None:
    """A decoder that needs the rest of a local header asks for 64 KiB, not for single bytes."""
    member = ZipMember("a", b"x", local={"extra": bytes(60_000)})
    archive = build_zip(member, ZipMember("b", b"y"), between=bytes(10**5))
    decoder = MemberDecoder([parse_index(archive).find("a")])
    before = decoder.stop
    decoder.feed(archive[:before])
    assert decoder.next() is None
    assert decoder.stop == before + 2**16


@pytest.mark.parametrize("chunk", range(1, 9))
def test_a_hidden_member_in_any_pieces(chunk: int) -> None:
    """A member that is missing in the central directory is noticed with pieces of any size."""
    files = [ZipMember("a", b"x"), ZipMember("b", b"y")]
    for before in range(8):
        archive = build_zip(*files, between=bytes(before) + b"PK\3\4")
        with pytest.raises(DamagedArchive, match="not in the central directory"):
            unzip(archive, chunk_size=chunk)


def test_limits_apply_to_selected_members() -> None:
    """Members that are not selected do not count towards the limits."""
    archive = build_zip(ZipMember("large", bytes(1000)), ZipMember("small", b"x"))
    assert unzip(archive, ArchiveLimits(max_member_size=10), members="small") == {"small": b"x"}


def test_a_member_with_two_names_is_not_decoded() -> None:
    """A member whose extra field has another name is refused, even if it is read by itself."""
    (entry,) = parse_index(build_zip(ZipMember("a", b"x"))).entries
    with pytest.raises(UnsafeMember, match="another name in a Unicode Path extra field"):
        MemberDecoder([evolve(entry, has_two_names=True)])


def test_skipped_bytes_may_arrive_in_any_pieces() -> None:
    """Bytes between two selected members are skipped, even if they arrive one by one."""
    files = [ZipMember(name, name.encode()) for name in "abc"]
    archive = build_zip(*files, between=bytes(50))
    assert unzip(archive, members=["a", "c"], chunk_size=1) == {"a": b"a", "c": b"c"}


def test_the_data_descriptor_of_one_member() -> None:
    """A data descriptor that only the local header announces is checked, also beyond 4 GiB."""
    flagged = {"flags": DATA_DESCRIPTOR_FLAG}
    data = b"0123456789" * 100
    member = ZipMember("a", data, STORED, flags=0, local=flagged)
    right = struct.pack("<3I", zlib.crc32(data), len(data), len(data))
    for descriptor in (right, bytes(12)):
        archive = build_zip(member, between=descriptor + bytes(50))
        (entry,) = parse_index(archive).entries
        decoder = MemberDecoder([entry])
        decoder.feed(archive)
        assert decoder.next() == (entry, data)
        if descriptor == right:
            assert decoder.next() == (entry, b"")
        else:
            with pytest.raises(DamagedArchive, match="contradict"):
                decoder.next()
    size = 2**33
    large = evolve(entry, member=evolve(entry.member, size=size, compressed_size=size))
    check_descriptor(large, struct.pack("<I2Q", zlib.crc32(data), size, size))
    with pytest.raises(DamagedArchive):
        check_descriptor(large, bytes(24))
