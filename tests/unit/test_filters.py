"""Filters let pass what they name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghartifacts_async import InvalidArgument, WorkflowRun
from ghartifacts_async._sansio.filters import check, matches

from .values import artifact

TIME = datetime(2026, 3, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ONE = artifact(created_at=TIME, workflow_run=WorkflowRun(head_branch="main", head_sha="abc"))


@pytest.mark.parametrize(
    ("name", "passes", "stops"),
    [
        ("pattern", "d?s*", "D*"),
        ("branch", "main", "dev"),
        ("head_sha", "abc", "ab"),
        ("created_after", TIME - SECOND, TIME),
        ("created_before", TIME + SECOND, TIME),
        ("expired", False, True),
        ("min_size", 556, 557),
        ("max_size", 556, 555),
    ],
)
def test_each(name: str, passes: Any, stops: Any) -> None:
    """Each lets pass what is meant and nothing else, and everything where it is None."""
    assert matches(ONE, {name: passes})  # type: ignore[misc]
    assert not matches(ONE, {name: stops})  # type: ignore[misc]
    assert matches(ONE, {name: None})  # type: ignore[misc]
    assert not matches(ONE, {"expired": False, name: stops})  # type: ignore[misc]


def test_unknown_ones() -> None:
    """What is no filter is refused, and what is not known of an artifact passes none."""
    with pytest.raises(InvalidArgument, match="brunch"):
        check({"brunch": "main"})  # type: ignore[typeddict-unknown-key]
    assert check({"branch": "main"}) == {"branch": "main"}
    assert not matches(artifact(), {"branch": "main"})
    assert not matches(artifact(), {"created_after": TIME})
