"""Selecting the artifacts that `Repo.prune` deletes.

The newest `keep_latest` artifacts of each name are protected. Of the other artifacts, those that
exceed the age limit are selected first. Then the oldest ones are selected, until the total size of
all kept artifacts is within the size limit. If there is neither an age limit nor a size limit, all
unprotected artifacts are selected. An expired artifact takes no storage, so it is never protected
and counts as 0 bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from attrs import frozen

from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact

_LATEST = datetime.max.replace(tzinfo=UTC)


@frozen
class Criteria:
    """The criteria that select artifacts for deletion; see `Repo.prune`.

    Attributes:
        older_than: Age limit for unprotected artifacts. None means no age limit.
        keep_latest: Number of artifacts of each name to protect, newest first. None protects no
            artifacts.
        max_total_size: Maximum total size of all kept artifacts in bytes. None means no size limit.

    Raises:
        InvalidArgument: A value is invalid, or all are None.
    """

    older_than: timedelta | None
    keep_latest: int | None
    max_total_size: int | None

    def __attrs_post_init__(self) -> None:
        age, counts = self.older_than, (self.keep_latest, self.max_total_size)
        if age is not None and (not isinstance(age, timedelta) or age < timedelta(0)):
            raise InvalidArgument(
                f"older_than must be a non-negative timedelta or None, not {age!r}"
            )
        for name, number in zip(("keep_latest", "max_total_size"), counts, strict=True):
            if number is not None and (type(number) is not int or number < 0):
                raise InvalidArgument(f"{name} must be a non-negative int or None, not {number!r}")
        if (age, *counts) == (None, None, None):
            raise InvalidArgument(
                "prune needs at least one of older_than, keep_latest and max_total_size"
            )


def select_for_deletion(
    artifacts: Iterable[Artifact], criteria: Criteria, now: datetime
) -> list[Artifact]:
    """Return the artifacts to delete, oldest first.

    Of two artifacts created at the same time, the one with the lower id counts as older. An
    artifact without a creation time counts as newest.

    Args:
        artifacts: The candidates, in any order.
        criteria: The criteria that select the artifacts to delete.
        now: The current time, from which ages are calculated.
    """
    ordered = sorted(artifacts, key=_creation_order)
    protected = _newest_ids(ordered, criteria.keep_latest or 0)
    unprotected = [artifact for artifact in ordered if artifact.id not in protected]
    if criteria.older_than is None and criteria.max_total_size is None:
        return unprotected
    selected: set[int] = set()
    if criteria.older_than is not None:
        # Limit the age, because `now - age` cannot be earlier than the year 1.
        age = min(criteria.older_than, now - datetime.min.replace(tzinfo=UTC))
        selected = {
            artifact.id for artifact in unprotected if _creation_order(artifact)[0] < now - age
        }
    if criteria.max_total_size is not None:
        total = sum(stored_bytes(artifact) for artifact in ordered if artifact.id not in selected)
        for artifact in unprotected:
            if total <= criteria.max_total_size:
                break
            if artifact.id not in selected and stored_bytes(artifact):
                selected.add(artifact.id)
                total -= stored_bytes(artifact)
    return [artifact for artifact in unprotected if artifact.id in selected]


def stored_bytes(artifact: Artifact) -> int:
    """Return the bytes that GitHub stores for an artifact: its size, or 0 if it has expired."""
    return 0 if artifact.expired else artifact.size_in_bytes


def _newest_ids(ordered: list[Artifact], count: int) -> set[int]:
    """Return the ids of the `count` newest unexpired artifacts of each name."""
    kept: defaultdict[str, int] = defaultdict(int)
    protected: set[int] = set()
    for artifact in reversed(ordered):
        if not artifact.expired and kept[artifact.name] < count:
            kept[artifact.name] += 1
            protected.add(artifact.id)
    return protected


def _creation_order(artifact: Artifact) -> tuple[datetime, int]:
    return artifact.created_at or _LATEST, artifact.id
