"""What a pruning chooses, and what it never does."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, InvalidArgument
from ghartifacts_async._bulk.retention import Criteria, select_for_deletion, weight
from tests.values import artifact, examples

NOW = datetime(2026, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def made(number: int, days: float | None, name: str = "dist", **more: Any) -> Artifact:
    """An artifact of 10 bytes that was created so many days ago."""
    created = None if days is None else NOW - days * DAY
    return artifact(id=number, name=name, created_at=created, **{"size_in_bytes": 10, **more})


def ids(
    artifacts: list[Artifact],
    older_than: timedelta | None = None,
    keep_latest: int | None = None,
    max_total_size: int | None = None,
) -> list[int]:
    """Ids of what is chosen."""
    criteria = Criteria(older_than, keep_latest, max_total_size)
    return [one.id for one in select_for_deletion(artifacts, criteria, NOW)]


def test_age() -> None:
    """Older than the bound goes, the oldest first; what is exactly as old stays."""
    artifacts = [made(1, 1), made(2, 3), made(3, 2), made(4, 2.001), made(5, None)]
    assert ids(artifacts, older_than=2 * DAY) == [2, 4]
    assert ids(artifacts, older_than=timedelta(0)) == [2, 4, 3, 1]
    assert ids(artifacts, older_than=timedelta.max) == []


def test_latest_of_each_name() -> None:
    """The newest of each name stay and all others go; what has no date is the newest."""
    artifacts = [made(1, 1), made(2, 2), made(3, 3), made(4, 9, "logs"), made(5, None, "logs")]
    assert ids(artifacts, keep_latest=1) == [4, 3, 2]
    assert ids(artifacts, keep_latest=2) == [3]
    assert ids(artifacts, keep_latest=0) == [4, 3, 2, 1, 5]


def test_ties() -> None:
    """Of those created at the same time the higher id is the newer."""
    assert ids([made(3, 1), made(1, 1), made(2, 1)], keep_latest=1) == [1, 2]


def test_the_latest_are_protected_from_age() -> None:
    """With an age, the latest stay however old they are."""
    artifacts = [made(1, 50), made(2, 60), made(3, 70)]
    assert ids(artifacts, older_than=DAY, keep_latest=2) == [3]


def test_size() -> None:
    """As many go, the oldest first, as are too much together."""
    artifacts = [made(number, number) for number in range(1, 6)]
    assert ids(artifacts, max_total_size=50) == []
    assert ids(artifacts, max_total_size=49) == [5]
    assert ids(artifacts, max_total_size=20) == [5, 4, 3]
    assert ids(artifacts, max_total_size=0) == [5, 4, 3, 2, 1]


def test_size_counts_what_age_leaves() -> None:
    """What goes for its age makes room first."""
    artifacts = [made(number, number) for number in range(1, 6)]
    assert ids(artifacts, older_than=3 * DAY, max_total_size=30) == [5, 4]
    assert ids(artifacts, older_than=3 * DAY, max_total_size=20) == [5, 4, 3]


def test_the_latest_are_protected_from_size() -> None:
    """The latest stay although they are too much; they count all the same."""
    artifacts = [made(1, 1), made(2, 2), made(3, 3), made(4, 4, "logs")]
    assert ids(artifacts, keep_latest=1, max_total_size=5) == [3, 2]
    assert ids(artifacts, keep_latest=1, max_total_size=30) == [3]


def test_expired_ones() -> None:
    """An expired one is no latest, weighs nothing, and goes for its age."""
    artifacts = [made(1, 1, expired=True), made(2, 2), made(3, 3, expired=True)]
    assert ids(artifacts, keep_latest=1) == [3, 1]
    assert ids(artifacts, max_total_size=10) == []
    assert ids(artifacts, max_total_size=0) == [2]
    assert ids(artifacts, older_than=2.5 * DAY) == [3]
    assert [weight(one) for one in artifacts] == [0, 10, 0]


@pytest.mark.parametrize(
    "criteria",
    [(None, None, None), (-DAY, None, None), (7, None, None), (None, -1, None), (None, None, -1),
     (None, True, None), (None, None, 1.5)],
)  # fmt: skip
def test_what_cannot_be_right(criteria: Any) -> None:
    """Nothing asked, or nonsense, is refused before anything is listed."""
    with pytest.raises(InvalidArgument):
        Criteria(*criteria)


MADE = st.builds(
    made,
    st.integers(1, 10**6),
    st.none() | st.integers(0, 9),
    st.sampled_from(["a", "b"]),
    expired=st.booleans(),
    size_in_bytes=st.integers(0, 9),
)


@examples(300)
@given(
    st.lists(MADE, unique_by=lambda one: one.id, max_size=12),
    st.none() | st.integers(0, 9).map(lambda days: days * DAY),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 40),
)
def test_always(
    artifacts: list[Artifact],
    older_than: timedelta | None,
    keep_latest: int | None,
    max_total_size: int | None,
) -> None:
    """Whatever is asked: the latest stay, the bounds hold, and the order of the listing is none."""
    if (older_than, keep_latest, max_total_size) == (None, None, None):
        keep_latest = 0
    chosen = ids(artifacts, older_than, keep_latest, max_total_size)
    assert chosen == ids(artifacts[::-1], older_than, keep_latest, max_total_size)
    left = [one for one in artifacts if one.id not in set(chosen)]
    if keep_latest is not None:
        live = Counter(one.name for one in artifacts if not one.expired)
        stays = Counter(one.name for one in left if not one.expired)
        assert all(stays[name] >= min(keep_latest, count) for name, count in live.items())
    if keep_latest is None and max_total_size is not None:
        assert sum(map(weight, left)) <= max_total_size
    if keep_latest is None and older_than is not None:
        assert all(one.created_at is None or one.created_at >= NOW - older_than for one in left)
