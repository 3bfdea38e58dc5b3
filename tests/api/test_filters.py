"""Filters of a listing, and the point at which no further artifact can match."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve

from ghartifacts_async import Artifact, InvalidArgument, WorkflowRun
from ghartifacts_async._api.filters import Filter, Horizon
from tests.values import artifact

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHA = "ab12" * 10
RUN = WorkflowRun(id=7, repository_id=1, head_repository_id=1, head_branch="main", head_sha=SHA)
FORK = evolve(RUN, head_repository_id=2)
DELETED_FORK = evolve(RUN, head_repository_id=None)


def artifacts_at(*hours: float | None) -> list[Artifact]:
    """Return artifacts created the given numbers of hours after noon; None is an unknown time."""
    times = [None if hour is None else NOON + timedelta(hours=hour) for hour in hours]
    return [artifact(created_at=time) for time in times]


@pytest.mark.parametrize(
    ("options", "fields", "matches"),
    [
        ({}, {}, True),
        ({"pattern": "wheel-*"}, {"name": "wheel-3.12"}, True),
        ({"pattern": "wheel-*"}, {"name": "Wheel-3.12"}, False),
        ({"pattern": "wheel-[!3]*"}, {"name": "wheel-3.12"}, False),
        ({"pattern": "wheel-[^3]*"}, {"name": "wheel-3.12"}, False),
        ({"pattern": "wheel-[^3]*"}, {"name": "wheel-4.12"}, True),
        ({"pattern": "wheel"}, {"name": "wheels"}, False),
        ({"name": "dist"}, {"name": "dist"}, True),
        ({"name": "dist"}, {"name": "Dist"}, False),
        ({"name": "dist", "pattern": "d*"}, {"name": "dist"}, True),
        ({"run_id": 7}, {"workflow_run": RUN}, True),
        ({"run_id": 7}, {"workflow_run": None}, True),
        ({"run_id": 8}, {"workflow_run": RUN}, False),
        ({"branch": "main"}, {"workflow_run": RUN}, True),
        ({"branch": "mai"}, {"workflow_run": RUN}, False),
        ({"branch": "main"}, {"workflow_run": None}, False),
        ({"head_sha": SHA.upper()}, {"workflow_run": RUN}, True),
        ({"head_sha": SHA}, {"workflow_run": WorkflowRun()}, False),
        ({"head_sha": SHA + "0" * 24}, {"workflow_run": RUN}, False),
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
def test_filters(options: dict[str, Any], fields: dict[str, Any], matches: bool) -> None:
    """An artifact matches if it satisfies every option. Size bounds are inclusive."""
    assert Filter(**options).matches(artifact(**fields)) is matches


@pytest.mark.parametrize(
    ("options", "matching"),
    [
        ({}, {"ours", "fork", "deleted fork"}),
        ({"branch": "main"}, {"ours"}),
        ({"head_sha": SHA}, {"ours"}),
        ({"branch": "main", "head_sha": SHA, "from_fork": False}, {"ours"}),
        ({"branch": "main", "from_fork": True}, {"fork"}),
        ({"head_sha": SHA, "from_fork": True}, {"fork"}),
        ({"from_fork": True}, {"fork"}),
        ({"from_fork": False}, {"ours"}),
    ],
)
def test_forks(options: dict[str, Any], matching: set[str]) -> None:
    """A branch or commit of a fork never counts as one of the repository, unless asked for."""
    runs = {"ours": RUN, "fork": FORK, "deleted fork": DELETED_FORK}
    criteria = Filter(**options)
    found = {name for name, run in runs.items() if criteria.matches(artifact(workflow_run=run))}
    assert found == matching


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"pattern": ""}, "pass None for all names"),
        ({"name": "dist", "pattern": "wheel-*"}, "never match together"),
        ({"branch": ""}, "exact name of a branch"),
        ({"branch": "feature/*"}, "without wildcards"),
        ({"branch": "octocat:main"}, "exact name of a branch"),
        ({"branch": "main/"}, "exact name of a branch"),
        ({"branch": "/main"}, "exact name of a branch"),
        ({"branch": "feature//x"}, "exact name of a branch"),
        ({"branch": "v1..v2"}, "exact name of a branch"),
        ({"branch": "main.lock"}, "exact name of a branch"),
        ({"branch": "feature.lock/x"}, "exact name of a branch"),
        ({"branch": "feature/.x"}, "exact name of a branch"),
        ({"branch": "main."}, "exact name of a branch"),
        ({"branch": "main@{1}"}, "exact name of a branch"),
        ({"branch": "refs/heads/main"}, "short name, 'main'"),
        ({"branch": "refs/heads/feature/x"}, "short name, 'feature/x'"),
        ({"branch": "refs/tags/v1"}, "short name, 'v1'"),
        ({"branch": "refs/remotes/origin/main"}, "short name, 'main'"),
        ({"branch": "refs/pull/7/merge"}, "GITHUB_HEAD_REF"),
        ({"head_sha": ""}, "git rev-parse"),
        ({"head_sha": "abc1234"}, "git rev-parse"),
        ({"head_sha": "main"}, "git rev-parse"),
        ({"head_sha": "HEAD"}, "head_sha 'HEAD' never matches"),
        ({"created_after": NOON, "created_before": NOON}, "at or after 2026-11-01T12:00:00"),
        ({"min_size": 5, "max_size": 4}, "at least 5 bytes"),
        ({"max_size": -1}, "at most -1"),
    ],
)
def test_filters_that_never_match(options: dict[str, Any], hint: str) -> None:
    """Filters that no artifact can match are refused, and the error says what to pass."""
    with pytest.raises(InvalidArgument, match=re.escape(hint)):
        Filter(**options)


@pytest.mark.parametrize(
    "mistake",
    [
        {"pattern": b"x"},
        {"branch": 1},
        {"head_sha": 1},
        {"expired": 0},
        {"from_fork": 1},
        {"min_size": 1.0},
        {"max_size": True},
        {"created_after": "2026-11-01"},
        {"created_before": NOON.replace(tzinfo=None)},
    ],
)
def test_wrong_filters(mistake: dict[str, Any]) -> None:
    """A filter of the wrong type or a time without a zone raises an error that names the filter."""
    with pytest.raises(InvalidArgument, match=next(iter(mistake))):
        Filter(**mistake)


@pytest.mark.parametrize(
    ("options", "descending", "inside", "beyond"),
    [
        ({"created_after": NOON}, True, [3, 0, None], -1),
        ({"created_before": NOON}, False, [-3, -1, None], 0),
    ],
)
def test_horizon(
    options: dict[str, Any], descending: bool, inside: list[float | None], beyond: float
) -> None:
    """After 100 artifacts in a row outside the time range, a listing ends early."""
    horizon = Horizon(Filter(**options), descending=descending)
    horizon.observe(artifacts_at(*[beyond] * 99))
    assert not horizon.is_passed
    horizon.observe(artifacts_at(beyond))
    assert horizon.is_passed
    horizon = Horizon(Filter(**options), descending=descending)
    for page in (inside, [beyond] * 99, inside[:1], [beyond] * 60, [], [beyond] * 39):
        horizon.observe(artifacts_at(*page))
        assert not horizon.is_passed
    horizon.observe(artifacts_at(beyond))
    assert horizon.is_passed


@pytest.mark.parametrize(
    ("options", "descending"),
    [({"created_after": NOON}, False), ({"created_before": NOON}, True), ({}, True)],
)
def test_no_horizon(options: dict[str, Any], descending: bool) -> None:
    """A listing does not end early without a time bound, or while later artifacts may match."""
    horizon = Horizon(Filter(**options), descending=descending)
    horizon.observe(artifacts_at(*[-5] * 200, *[5] * 200))
    assert not horizon.is_passed


def test_artifacts_at_the_bound_are_inside() -> None:
    """A listing does not end early if 100 artifacts are exactly as old as the oldest wanted one."""
    horizon = Horizon(Filter(created_after=NOON), descending=True)
    horizon.observe(artifacts_at(*[0] * 100))
    assert not horizon.is_passed
