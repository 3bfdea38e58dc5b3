"""Bytes of members, out of bytes of an archive that come as they like."""

from __future__ import annotations

import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import ArchiveLimits, DamagedArchive
from ghartifacts_async._archive import inflate
from ghartifacts_async._archive.inflate import LARGEST_PIECE, Run
from tests.archive.quine import quine
from tests.archive.zip_writer import DEFERRED, DEFLATED, STORED, Part, forge, index_of, unpacked
from tests.values import examples

NAMES = st.text("abcXYZ é日\U0001f600-_", min_size=1, max_size=12).map(lambda text: f"x{text}y")
CONTENTS = st.binary(max_size=300) | st.builds(lambda b, n: b * n, st.binary(), st.integers(0, 999))


@examples(150)
@given(
    st.dictionaries(NAMES, CONTENTS, max_size=6),
    st.sampled_from([STORED, DEFLATED]),
    st.sampled_from([0, DEFERRED]),
    st.integers(1, 700),
    st.integers(0, 200),
    st.binary(max_size=30),
)
def test_round_trip(
    files: dict[str, bytes], method: int, flags: int, chunk: int, gap: int, between: bytes
) -> None:
    """What was zipped is unpacked, however its bytes are cut and whatever lies between."""
    names = {f"{number}{name}": data for number, (name, data) in enumerate(files.items())}
    parts = [Part(name, data, method, flags=flags) for name, data in names.items()]
    archive = forge(*parts, between=between)
    assert unpacked(archive, chunk=chunk, gap=gap) == names


def test_pieces_are_small() -> None:
    """However well it is compressed, no piece of a member is larger than a mebibyte."""
    data = bytes(5 * 2**20 + 1)
    for method in (STORED, DEFLATED):
        archive = forge(Part("zeros", data, method))
        (entry,) = index_of(archive).entries
        run = Run([entry])
        assert run.next() is None
        run.feed(archive)
        sizes = []
        while piece := run.next():
            sizes.append(len(piece[1]))
        assert sum(sizes) == len(data)
        assert max(sizes) == LARGEST_PIECE
        assert sizes[-1] == 0
        assert run.done
        assert run.next() is None


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a member that becomes more than it claims no more than that is inflated."""
    inflated = 0
    inflater = zlib.decompressobj

    class Counting:
        def __init__(self, wbits: int) -> None:
            self._inflater = inflater(wbits)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inflater, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal inflated
            out = self._inflater.decompress(data, most)
            inflated += len(out)
            return out

    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(2**24)) + packer.flush()
    archive = forge(Part("bomb", b"x" * 1000, packed=packed))
    monkeypatch.setattr("ghartifacts_async._archive.inflate.zlib.decompressobj", Counting)
    with pytest.raises(DamagedArchive, match="more than the 1000 bytes"):
        unpacked(archive)
    assert inflated == 1001


def test_an_archive_that_holds_itself() -> None:
    """An archive whose member is that archive is unpacked once, and not for ever."""
    archive = quine()
    assert [*unpacked(archive).values()] == [archive]


def test_neighbours_are_fetched_together() -> None:
    """Members that lie side by side are one run, unless it gets too long or the gap too wide."""
    files = [Part(f"{number}", os.urandom(1000)) for number in range(10)]
    entries = index_of(forge(*files)).entries

    def lengths(gap: int = 0, size: int = 10**6, members: int = 100, step: int = 1) -> list[int]:
        found = inflate.runs([*entries][::-step], gap=gap, size=size, members=members)
        return [len(run._entries) for run in found]

    assert lengths(gap=50) == [10]
    assert lengths(gap=0) == [1] * 10
    assert lengths(gap=50, size=3500) == [3, 3, 3, 1]
    assert lengths(gap=50, members=4) == [4, 4, 2]
    assert lengths(gap=50, size=1) == [1] * 10
    assert lengths(gap=50, step=2) == [1] * 5
    assert lengths(gap=1100, step=2) == [5]
    assert [*inflate.runs([], gap=0, size=0, members=1)] == []


def test_no_byte_too_many_is_asked_for() -> None:
    """A run ends close behind its last member, wherever the next one begins."""
    archive = forge(Part("a", b"x" * 100, STORED), Part("b"), between=bytes(5000))
    entry, last = index_of(archive).entries
    run = Run([entry])
    assert run.stop < 500
    run.feed(archive[: run.stop])
    run.next()
    assert run.stop == archive.index(b"x" * 100) + 100
    assert Run([last]).stop <= len(archive)


def test_long_local_headers() -> None:
    """More in a local header than in most is asked for once it is seen."""
    for extra in (b"", bytes(300), bytes(60_000)):
        part = Part("a", b"x" * 100, local={"extra": extra})
        for between in (b"", bytes(10**5)):
            archive = forge(part, Part("b", b"y"), between=between)
            assert unpacked(archive, wanted="a", chunk=64) == {"a": b"x" * 100}


def test_a_budget_holds_for_what_is_wanted() -> None:
    """Members that nobody wants cost nothing of the budget."""
    archive = forge(Part("large", bytes(1000)), Part("small", b"x"))
    assert unpacked(archive, ArchiveLimits(max_member_size=10), wanted="small") == {"small": b"x"}
