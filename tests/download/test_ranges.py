"""Byte ranges: sets of ranges, and the ranges for each connection."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._download import ranges
from ghartifacts_async._download.ranges import (
    RangeSet,
    SegmentScheduler,
)
from tests.values import examples

SPAN = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: tuple(sorted(pair)))


@examples(300)
@given(st.lists(SPAN, max_size=12))
def test_a_range_set_is_a_set_of_bytes(spans: list[tuple[int, int]]) -> None:
    """A RangeSet contains each byte of the ranges that were added, even if they overlap."""
    held = RangeSet(spans)
    there = {byte for start, stop in spans for byte in range(start, stop)}
    assert {byte for start, stop in held for byte in range(start, stop)} == there
    assert held.total == len(there)
    assert held.contiguous_length == next(byte for byte in range(61) if byte not in there)
    gaps = {byte for start, stop in held.missing(60) for byte in range(start, stop)}
    assert gaps == set(range(60)) - there
    assert all(start < stop for start, stop in held.missing(60))
    edges = [edge for span in held for edge in span]
    assert edges == sorted(set(edges)), "two ranges overlap or touch"


def test_connections_for_a_size() -> None:
    """A small payload gets one connection, a large one at most eight."""
    sizes = (0, 1, 63 * 2**20, 64 * 2**20, 2**30, 2**50)
    assert [ranges.connections(size) for size in sizes] == [1, 1, 1, 2, 8, 8]


MIB = 2**20


@examples(200)
@given(
    st.integers(1, 400 * MIB),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
)
def test_each_byte_is_fetched_once(total: int, connections: int, chance: Any) -> None:
    """Each byte is fetched once, even if connections fail, are slow, or give up bytes to others."""
    plan = SegmentScheduler([(0, total)], connections)
    fetched = RangeSet()
    fetchers: list[tuple[ranges.Segment, float]] = []
    now = seen = 0.0
    for _ in range(5000):
        if plan.complete:
            break
        now += chance.random()
        while len(fetchers) < connections:
            piece = plan.claim(now, chance.choice([0.0, 1e6]))
            if piece is None:
                break
            fetchers.append((piece, chance.choice([1e4, 1e7, 1e8])))
            assert all(each.left >= 0 for each, _ in fetchers)
        for piece, rate in list(fetchers):
            size = min(piece.left, int(rate * chance.random()) + 1)
            before = fetched.total
            fetched.add(piece.at, piece.at + size)
            assert fetched.total == before + size, "a byte was fetched twice"
            seen += size
            piece.at += size
            piece.received += size
            if not piece.left or chance.random() < 0.1:
                fetchers.remove((piece, rate))
                plan.release(piece)
    assert plan.complete
    assert list(fetched) == [(0, total)]


def test_segments_are_in_order_and_shrink() -> None:
    """Segments are handed out from the start of the payload and get smaller towards its end."""
    plan = SegmentScheduler([(0, 100 * MIB)], 4)
    pieces = []
    while (piece := plan.claim(0.0)) is not None:
        pieces.append(piece)
    assert [piece.at for piece in pieces] == sorted(piece.at for piece in pieces)
    sizes = [piece.left for piece in pieces]
    assert sizes == sorted(sizes[:-1], reverse=True) + sizes[-1:]
    assert sizes[0] > 10 * MIB
    assert sizes[-1] <= 2 * MIB


def test_an_idle_connection_takes_bytes_from_a_slow_one() -> None:
    """An idle connection takes over bytes of a slow one so that both finish together."""
    plan = SegmentScheduler([(0, 2 * MIB)], 2)
    slow, quick = plan.claim(0.0), plan.claim(0.0)
    assert slow is not None
    assert quick is not None
    quick.at = quick.stop or 0
    plan.release(quick)
    slow.at += 100_000
    slow.received = 100_000
    assert plan.claim(0.5, 1e6) is None, "bytes were taken over too early"
    left = slow.left
    relief = plan.claim(2.0, 1e6)
    assert relief is not None
    assert slow.stop == relief.at
    assert slow.left + relief.left == left
    assert slow.left / 50_000 == pytest.approx(relief.left / 1e6, rel=0.01)
    assert plan.claim(2.1, 1e6) is None, "bytes were taken over although no connection is slow"


def test_a_small_remainder_is_taken_over_whole() -> None:
    """A remainder that is too small to split is taken over as a whole."""
    plan = SegmentScheduler([(0, 2 * MIB)], 2)
    slow, quick = plan.claim(0.0), plan.claim(0.0)
    assert slow is not None
    assert quick is not None
    quick.at = 2 * MIB
    plan.release(quick)
    slow.at = slow.received = MIB - 40_000
    relief = plan.claim(100.0, 1e6)
    assert relief is not None
    assert (relief.at, relief.stop, slow.left) == (MIB - 40_000, MIB, 0)


def test_a_silent_connection_loses_its_segment() -> None:
    """A silent connection loses its segment to an idle one, or half if the idle one has no rate."""
    plan = SegmentScheduler([(0, MIB)], 2)
    silent = plan.claim(0.0)
    relief = plan.claim(5.0, 1e6)
    assert silent is not None
    assert relief is not None
    assert (silent.left, relief.left) == (0, MIB)
    half = plan.claim(10.0)
    assert half is not None
    assert half.left == MIB // 2


@pytest.mark.parametrize(("total", "left"), [(2**17, 2**16), (2**17 - 2, 0)])
def test_the_smallest_part_that_is_taken_over(total: int, left: int) -> None:
    """A connection keeps a part of its segment if the other one gets at least 64 KiB."""
    plan = SegmentScheduler([(0, total)], 2)
    silent, relief = plan.claim(0.0), plan.claim(5.0)
    assert silent is not None
    assert relief is not None
    assert (silent.left, relief.left) == (left, total - left)


def test_an_unknown_size() -> None:
    """A payload of unknown size is a single segment, which is never split."""
    plan = SegmentScheduler([(0, None)], 1)
    piece = plan.claim(0.0)
    assert piece is not None
    assert piece.left == 0
    assert not plan.complete
    assert plan.claim(100.0, 1e6) is None
    plan.release(piece)
    assert not plan.complete
    piece = plan.claim(0.0)
    assert piece is not None
    piece.stop = piece.at = 7
    assert plan.complete
