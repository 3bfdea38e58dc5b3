"""Which artifacts `prune` selects."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, InvalidArgument
from ghartifacts_async._bulk.retention import Criteria, select_for_deletion, stored_bytes
from tests.values import artifact, examples

NOW = datetime(2026, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def aged(number: int, days: float | None, name: str = "dist", **more: Any) -> Artifact:
    """Return an artifact of 10 bytes that was created `days` ago."""
    created = None if days is None else NOW - days * DAY
    return artifact(id=number, name=name, created_at=created, **{"size_in_bytes": 10, **more})


def ids(
    artifacts: list[Artifact],
    older_than: timedelta | None = None,
    keep_latest: int | None = None,
    max_total_size: int | None = None,
) -> list[int]:
    """Return the ids of the selected artifacts."""
    criteria = Criteria(older_than, keep_latest, max_total_size)
    return [candidate.id for candidate in select_for_deletion(artifacts, criteria, NOW)]


def test_age() -> None:
    """Artifacts older than the limit are selected, oldest first; one of exactly this age is not."""
    artifacts = [aged(1, 1), aged(2, 3), aged(3, 2), aged(4, 2.001), aged(5, None)]
    assert ids(artifacts, older_than=2 * DAY) == [2, 4]
    assert ids(artifacts, older_than=timedelta(0)) == [2, 4, 3, 1]
    assert ids(artifacts, older_than=timedelta.max) == []


def test_the_newest_of_each_name_are_kept() -> None:
    """The newest of each name are kept; an artifact without a creation time counts as newest."""
    artifacts = [aged(1, 1), aged(2, 2), aged(3, 3), aged(4, 9, "logs"), aged(5, None, "logs")]
    assert ids(artifacts, keep_latest=1) == [4, 3, 2]
    assert ids(artifacts, keep_latest=2) == [3]
    assert ids(artifacts, keep_latest=0) == [4, 3, 2, 1, 5]


def test_ties() -> None:
    """Of artifacts created at the same time, the one with the higher id is newer."""
    assert ids([aged(3, 1), aged(1, 1), aged(2, 1)], keep_latest=1) == [1, 2]


def test_the_latest_are_protected_from_age() -> None:
    """The newest artifacts are kept even if they exceed the age limit."""
    artifacts = [aged(1, 50), aged(2, 60), aged(3, 70)]
    assert ids(artifacts, older_than=DAY, keep_latest=2) == [3]


def test_size() -> None:
    """The oldest artifacts are selected until the rest fits the size limit."""
    artifacts = [aged(number, number) for number in range(1, 6)]
    assert ids(artifacts, max_total_size=50) == []
    assert ids(artifacts, max_total_size=49) == [5]
    assert ids(artifacts, max_total_size=20) == [5, 4, 3]
    assert ids(artifacts, max_total_size=0) == [5, 4, 3, 2, 1]


def test_the_size_limit_applies_after_the_age_limit() -> None:
    """Artifacts selected by age do not count towards the size limit."""
    artifacts = [aged(number, number) for number in range(1, 6)]
    assert ids(artifacts, older_than=3 * DAY, max_total_size=30) == [5, 4]
    assert ids(artifacts, older_than=3 * DAY, max_total_size=20) == [5, 4, 3]


def test_the_latest_are_protected_from_size() -> None:
    """The newest artifacts are kept even if they exceed the size limit, and count towards it."""
    artifacts = [aged(1, 1), aged(2, 2), aged(3, 3), aged(4, 4, "logs")]
    assert ids(artifacts, keep_latest=1, max_total_size=5) == [3, 2]
    assert ids(artifacts, keep_latest=1, max_total_size=30) == [3]


def test_expired_artifacts() -> None:
    """An expired artifact is not protected, counts as 0 bytes, and is selected by age."""
    artifacts = [aged(1, 1, expired=True), aged(2, 2), aged(3, 3, expired=True)]
    assert ids(artifacts, keep_latest=1) == [3, 1]
    assert ids(artifacts, max_total_size=10) == []
    assert ids(artifacts, max_total_size=0) == [2]
    assert ids(artifacts, older_than=2.5 * DAY) == [3]
    assert [stored_bytes(candidate) for candidate in artifacts] == [0, 10, 0]


@pytest.mark.parametrize(
    "criteria",
    [(None, None, None), (-DAY, None, None), (7, None, None), (None, -1, None), (None, None, -1),
     (None, True, None), (None, None, 1.5)],
)  # fmt: skip
def test_invalid_criteria(criteria: Any) -> None:
    """Missing or invalid criteria are rejected."""
    with pytest.raises(InvalidArgument):
        Criteria(*criteria)


ANY_ARTIFACT = st.builds(
    aged,
    st.integers(1, 10**6),
    st.none() | st.integers(0, 9),
    st.sampled_from(["a", "b"]),
    expired=st.booleans(),
    size_in_bytes=st.integers(0, 9),
)


@examples(300)
@given(
    st.lists(ANY_ARTIFACT, unique_by=lambda candidate: candidate.id, max_size=12),
    st.none() | st.integers(0, 9).map(lambda days: days * DAY),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 40),
)
def test_invariants(
    artifacts: list[Artifact],
    older_than: timedelta | None,
    keep_latest: int | None,
    max_total_size: int | None,
) -> None:
    """The newest artifacts are kept, the limits hold, and the input's order does not matter."""
    if (older_than, keep_latest, max_total_size) == (None, None, None):
        keep_latest = 0
    selected = ids(artifacts, older_than, keep_latest, max_total_size)
    assert selected == ids(artifacts[::-1], older_than, keep_latest, max_total_size)
    kept = [candidate for candidate in artifacts if candidate.id not in set(selected)]
    if keep_latest is not None:
        live = Counter(candidate.name for candidate in artifacts if not candidate.expired)
        kept_names = Counter(candidate.name for candidate in kept if not candidate.expired)
        assert all(kept_names[name] >= min(keep_latest, count) for name, count in live.items())
    if keep_latest is None and max_total_size is not None:
        assert sum(map(stored_bytes, kept)) <= max_total_size
    if keep_latest is None and older_than is not None:
        assert all(
            candidate.created_at is None or candidate.created_at >= NOW - older_than
            for candidate in kept
        )
