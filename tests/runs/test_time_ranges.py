"""Ranges of time: they are split until each has few enough runs, and no run is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._runs.time_ranges import TimeRange
from tests.values import examples

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 23, 0, 0, 500, tzinfo=UTC)
OFFSETS = st.integers(0, 20_000_000) | st.integers(0, 20)


def at(seconds: float) -> datetime:
    """Return a time after the start."""
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("after", "before", "text"),
    [
        (None, None, ""),
        (at(0.5), None, ">=2026-01-01T00:00:00Z"),
        (None, at(60), "*..2026-01-01T00:01:00Z"),
        (at(0), at(60.9), "2026-01-01T00:00:00Z..2026-01-01T00:01:00Z"),
        (at(0).astimezone(timezone(timedelta(hours=2))), None, ">=2026-01-01T00:00:00Z"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), None, ""),
        (None, datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), ""),
    ],
)
def test_text(after: datetime | None, before: datetime | None, text: str) -> None:
    """A range is written in GitHub's search syntax, in whole seconds and UTC."""
    assert str(TimeRange.between(after, before)) == text


def test_the_split_follows_the_density() -> None:
    """If the newest 100 runs took a day, the newer part reaches back about five days."""
    created = [NOW - timedelta(days=n / 100) for n in range(100)]
    halves = TimeRange().split(created, NOW)
    assert halves is not None
    newer, older = halves
    assert newer.start is not None
    assert timedelta(days=4.5) < NOW - newer.start < timedelta(days=5.5)
    assert newer == TimeRange(newer.start, None)
    assert older == TimeRange(None, newer.start)


def test_two_seconds_are_split_into_one_each() -> None:
    """The shortest range that can be split has two seconds; each part has one of them."""
    assert TimeRange(at(0), at(1)).split([at(1), at(0)], NOW) == (
        TimeRange(at(1), at(1)),
        TimeRange(at(0), at(0)),
    )
    assert TimeRange(at(0), at(0)).split([at(0)], NOW) is None


@given(
    start=st.none() | OFFSETS,
    length=st.none() | OFFSETS,
    created=st.lists(OFFSETS, max_size=100),
)
@examples(500)
def test_parts_are_shorter_and_cover_the_range(
    start: int | None, length: int | None, created: list[int]
) -> None:
    """For any response, both parts are shorter than the range, and together they cover it."""
    first = None if start is None else at(start)
    last = None if length is None else at((start or 0) + length)
    whole = TimeRange(first, last)
    halves = whole.split([at(offset) for offset in created], NOW)
    if halves is None:
        assert first is not None
        assert first == last
        return
    newer, older = halves
    assert (newer.end, older.start) == (last, first)
    assert newer.start is not None
    assert older.end is not None
    assert newer.start - older.end <= timedelta(seconds=1)
    assert newer.start > (first or datetime.min.replace(tzinfo=UTC))
    assert last is None or older.end < last


@given(offsets=st.lists(OFFSETS, min_size=1, max_size=300), limit=st.integers(3, 40))
@examples(100)
def test_splitting_finds_every_run(offsets: list[int], limit: int) -> None:
    """Splitting ranges with too many runs, newest part first, visits every run."""
    runs = sorted((at(offset) for offset in offsets), reverse=True)
    parts, visited, calls = [TimeRange()], set[datetime](), 0
    while parts:
        part, calls = parts.pop(), calls + 1
        inside = [
            one
            for one in runs
            if (part.start is None or one >= part.start) and (part.end is None or one <= part.end)
        ]
        halves = part.split(inside[:5], NOW) if len(inside) > limit else None
        if halves is None:
            visited.update(inside)
        else:
            parts += halves[::-1]
        assert calls < 20_000
    assert visited == set(runs)
