"""Which artifacts of a listing are wanted, and when none can come any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ghartifacts_async import Artifact, InvalidArgument, WorkflowRun
from ghartifacts_async._sansio.filters import Filter, Horizon

from .values import artifact

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
RUN = WorkflowRun(head_branch="main", head_sha="ab12")


def at(*hours: float | None) -> list[Artifact]:
    """Artifacts that were created so many hours after noon, or nobody knows when."""
    times = [None if hour is None else NOON + timedelta(hours=hour) for hour in hours]
    return [artifact(created_at=time) for time in times]


@pytest.mark.parametrize(
    ("wanted", "fields", "matches"),
    [
        ({}, {}, True),
        ({"pattern": "wheel-*"}, {"name": "wheel-3.12"}, True),
        ({"pattern": "wheel-*"}, {"name": "Wheel-3.12"}, False),
        ({"pattern": "wheel-[!3]*"}, {"name": "wheel-3.12"}, False),
        ({"pattern": "wheel"}, {"name": "wheels"}, False),
        ({"pattern": ""}, {"name": "wheels"}, False),
        ({"branch": "main"}, {"workflow_run": RUN}, True),
        ({"branch": "mai"}, {"workflow_run": RUN}, False),
        ({"branch": "main"}, {"workflow_run": None}, False),
        ({"head_sha": "ab12"}, {"workflow_run": RUN}, True),
        ({"head_sha": "ab12"}, {"workflow_run": WorkflowRun()}, False),
        ({"expired": True}, {"expired": True}, True),
        ({"expired": False}, {"expired": True}, False),
        ({"expired": None}, {"expired": True}, True),
        ({"min_size": 5}, {"size_in_bytes": 5}, True),
        ({"min_size": 6}, {"size_in_bytes": 5}, False),
        ({"max_size": 5}, {"size_in_bytes": 5}, True),
        ({"max_size": 0}, {"size_in_bytes": 5}, False),
        ({"created_after": NOON}, {"created_at": NOON}, True),
        ({"created_after": NOON}, {"created_at": NOON - timedelta(seconds=1)}, False),
        ({"created_after": NOON}, {"created_at": None}, False),
        ({"created_before": NOON}, {"created_at": NOON}, False),
        ({"created_before": NOON}, {"created_at": NOON - timedelta(seconds=1)}, True),
        (
            {"created_after": NOON.astimezone(timezone(timedelta(hours=9)))},
            {"created_at": NOON},
            True,
        ),
        ({"pattern": "a*", "min_size": 5}, {"name": "ab", "size_in_bytes": 4}, False),
    ],
)
def test_filters(wanted: dict[str, Any], fields: dict[str, Any], matches: bool) -> None:
    """An artifact matches where it is like all that is asked for; bounds of sizes are inclusive."""
    assert Filter(**wanted).matches(artifact(**fields)) is matches


@pytest.mark.parametrize(
    "mistake",
    [
        {"pattern": b"x"},
        {"branch": 1},
        {"head_sha": 1},
        {"expired": 0},
        {"min_size": 1.0},
        {"max_size": True},
        {"created_after": "2026-11-01"},
        {"created_before": NOON.replace(tzinfo=None)},
    ],
)
def test_mistakes_are_named(mistake: dict[str, Any]) -> None:
    """A filter of the wrong type, or a time without a zone, is an InvalidArgument that names it."""
    with pytest.raises(InvalidArgument, match=next(iter(mistake))):
        Filter(**mistake)


@pytest.mark.parametrize(
    ("wanted", "descending", "pages", "passed"),
    [
        ({"created_after": NOON}, True, [(2, 1), (0, -1), (-2, -3)], [False, False, True]),
        ({"created_after": NOON}, True, [(2, 1), (), (-2, -3)], [False, False, True]),
        ({"created_after": NOON}, False, [(-3, -2), (1, 2)], [False, False]),
        ({"created_before": NOON}, False, [(-3, 0), (0, 1)], [False, True]),
        ({"created_before": NOON}, True, [(3, 2), (-1, -2)], [False, False]),
        ({"created_after": NOON}, True, [(2, 3), (-2, -3), (-4,)], [False, False, False]),
        ({"created_after": NOON}, True, [(2, None), (-2, -3)], [False, False]),
        ({"created_after": NOON}, True, [(-2, -1), (-3,)], [False, False]),
        ({"created_after": NOON}, True, [(None, -1), (-3,)], [False, False]),
        ({}, True, [(2, 1), (-2, -3)], [False, False]),
    ],
)
def test_horizon(
    wanted: dict[str, Any],
    descending: bool,
    pages: list[tuple[float | None, ...]],
    passed: list[bool],
) -> None:
    """A listing ends early after a page beyond the bound, as long as its order has held."""
    horizon = Horizon(Filter(**wanted), descending=descending)
    assert [horizon.is_passed(at(*page)) for page in pages] == passed
