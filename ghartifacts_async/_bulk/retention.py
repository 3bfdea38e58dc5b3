"""Which artifacts a pruning deletes.

The newest of each name are protected, as many as are to be kept. Of the others go those that are
too old, and then, the oldest first, as many as are too much together; where neither bound is given,
all of them. What has expired holds no bytes: it protects nobody's place, and weighs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from attrs import frozen

from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact

_NEVER = datetime.max.replace(tzinfo=UTC)


@frozen
class Criteria:
    """What is asked of a pruning; see `Repo.prune`.

    Raises:
        InvalidArgument: It cannot be right, or nothing is asked.
    """

    older_than: timedelta | None
    keep_latest: int | None
    max_total_size: int | None

    def __attrs_post_init__(self) -> None:
        age, counts = self.older_than, (self.keep_latest, self.max_total_size)
        if age is not None and (not isinstance(age, timedelta) or age < timedelta(0)):
            raise InvalidArgument(f"older_than is a timedelta of 0 or more, or None, not {age!r}")
        for name, number in zip(("keep_latest", "max_total_size"), counts, strict=True):
            if number is not None and (type(number) is not int or number < 0):
                raise InvalidArgument(f"{name} is an int of 0 or more, or None, not {number!r}")
        if (age, *counts) == (None, None, None):
            raise InvalidArgument(
                "one of older_than, keep_latest and max_total_size says what to delete"
            )


def select_for_deletion(
    artifacts: Iterable[Artifact], criteria: Criteria, now: datetime
) -> list[Artifact]:
    """What is to be deleted, the oldest first.

    Of equal age the one with the lower id is the older; one without a date is the newest.

    Args:
        artifacts: All that may be, in any order.
        criteria: What is asked.
        now: The moment from which age is counted.
    """
    ordered = sorted(artifacts, key=_age)
    protected = _latest(ordered, criteria.keep_latest or 0)
    others = [one for one in ordered if one.id not in protected]
    if criteria.older_than is None and criteria.max_total_size is None:
        return others
    gone: set[int] = set()
    if criteria.older_than is not None:
        # Before the year 1 there was nothing to delete.
        age = min(criteria.older_than, now - datetime.min.replace(tzinfo=UTC))
        gone = {one.id for one in others if _age(one)[0] < now - age}
    if criteria.max_total_size is not None:
        total = sum(weight(one) for one in ordered if one.id not in gone)
        for one in others:
            if total <= criteria.max_total_size:
                break
            if one.id not in gone and weight(one):
                gone.add(one.id)
                total -= weight(one)
    return [one for one in others if one.id in gone]


def weight(artifact: Artifact) -> int:
    """Bytes that it holds."""
    return 0 if artifact.expired else artifact.size_in_bytes


def _latest(ordered: list[Artifact], count: int) -> set[int]:
    """The ids of the newest of each name."""
    kept: defaultdict[str, int] = defaultdict(int)
    protected: set[int] = set()
    for one in reversed(ordered):
        if not one.expired and kept[one.name] < count:
            kept[one.name] += 1
            protected.add(one.id)
    return protected


def _age(artifact: Artifact) -> tuple[datetime, int]:
    return artifact.created_at or _NEVER, artifact.id
