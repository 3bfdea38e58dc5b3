"""Choosing artifacts: what is passed over, with which reason, and which attempt uploaded it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ghartifacts_async import Artifact, Rejection
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._runs import selection
from ghartifacts_async._runs.selection import Wanted
from tests.runs.support import of_run, run
from tests.values import artifact, run_json

FORK = {**run_json()["repository"], "id": 5}


def at(second: int) -> datetime:
    """Return a time."""
    return datetime(2026, 1, 22, 19, 33, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "wanted", "reason"),
    [
        ({}, {}, None),
        ({}, {"branch": "main"}, None),
        ({"run_id": None}, {}, "of an unknown run"),
        ({"head_branch": "dev"}, {"branch": "main"}, "of a run on 'dev'"),
        ({"head_repository_id": 5}, {"branch": "main"}, "of a run from a fork"),
        ({"head_repository_id": 5}, {"from_fork": False}, "of a run from a fork"),
        ({"head_repository_id": 5}, {}, None),
        ({}, {"from_fork": True}, "of a run not from a fork"),
        ({"head_sha": "0" * 40}, {"head_sha": "f" * 40}, "of a run of another commit"),
        # Without its origin, the run itself decides.
        ({"head_repository_id": None}, {"branch": "main"}, None),
        ({"expired": True}, {}, "expired"),
        ({"archive_download_url": ""}, {}, "without a URL"),
    ],
)
def test_what_an_artifact_says_itself(
    changes: dict[str, Any], wanted: dict[str, Any], reason: str | None
) -> None:
    """An artifact is passed over without a call if it says enough itself."""
    candidate = of_run(**changes)
    assert Wanted(filter=Filter(**wanted)).rejects_artifact(candidate) == reason


def test_artifacts_without_a_run() -> None:
    """An artifact that names no run is passed over; an expired one may be accepted."""
    wanted = Wanted(filter=Filter(), include_expired=True)
    assert wanted.rejects_artifact(artifact()) == "of an unknown run"
    assert wanted.rejects_artifact(of_run(expired=True)) is None


@pytest.mark.parametrize(
    ("changes", "wanted", "reason"),
    [
        ({}, {"workflow": "ci.yml", "event": "push", "conclusion": "success"}, None),
        ({"path": "x/lint.yml"}, {"workflow": "ci.yml"}, "of a run of 'lint.yml'"),
        ({"path": ""}, {"workflow": "ci.yml"}, "of a run of 159038"),
        ({"event": "pull_request"}, {"event": "push"}, "of a 'pull_request' run"),
        ({"conclusion": "failure"}, {"conclusion": "success"}, "of a failed run"),
        ({"conclusion": "timed_out"}, {"conclusion": "success"}, "of a 'timed_out' run"),
        ({"conclusion": None}, {"conclusion": "success"}, "of an unfinished run"),
        ({"conclusion": None}, {}, None),
        ({"head_repository": FORK}, {"filter": Filter(branch="main")}, "of a run from a fork"),
        ({"head_branch": None}, {"filter": Filter(branch="main")}, "of a run on None"),
    ],
)
def test_what_the_run_says(
    changes: dict[str, Any], wanted: dict[str, Any], reason: str | None
) -> None:
    """A run is passed over for its origin, workflow, event or conclusion."""
    assert Wanted(**{"filter": Filter(), **wanted}).rejects_run(run(**changes)) == reason


def test_the_run_is_requested_only_if_needed() -> None:
    """If the artifact says enough, its run is not requested."""
    assert not Wanted(filter=Filter(branch="main")).needs_run
    assert Wanted(filter=Filter(), event="push").needs_run
    own = Wanted(filter=Filter(from_fork=False))
    assert own.knows_origin(of_run())
    assert not own.knows_origin(of_run(head_repository_id=None))
    assert not own.knows_origin(artifact())
    assert Wanted(filter=Filter()).knows_origin(artifact())


def test_the_newest_of_each_name() -> None:
    """Of two artifacts with one name, the later counts, for any ids."""
    old = of_run(id=9, name="dist", created_at=at(1))
    new = of_run(id=3, name="dist", created_at=at(2))
    same = of_run(id=4, name="dist", created_at=at(2))
    undated = of_run(id=10, name="dist")
    assert selection.newest_by_name([old, undated, new]) == {"dist": new}
    assert selection.newest_by_name([old, new, same]) == {"dist": same}


@pytest.mark.parametrize(
    ("names", "required", "expired", "selected", "reason"),
    [
        (["dist", "report"], ["dist", "report"], False, ["dist", "report"], None),
        (["wheel-*"], ["wheel-*"], False, ["wheel-a", "wheel-b"], None),
        (["wheel-[^a]"], ["wheel-[^a]"], False, ["wheel-b"], None),
        (["odd[1]"], ["odd[1]"], False, ["odd[1]"], None),
        (["dist", "none"], ["dist"], False, ["dist"], None),
        (["dist", "old"], ["dist"], False, ["dist"], None),
        (["dist", "old"], ["dist", "old"], True, ["dist", "old"], None),
        (["none"], ["none"], False, [], "of a run without 'none'"),
        (["o*"], ["o*"], False, [], "of a run whose 'old' has expired"),
        (["dist", "partial"], ["dist"], True, ["dist"], None),
        (["partial"], ["partial"], True, [], "of a run whose 'partial' has no URL"),
    ],
)
def test_names_and_patterns(
    names: list[str], required: list[str], expired: bool, selected: list[str], reason: str | None
) -> None:
    """Required names must all be present, not expired and uploaded; others may be missing."""
    names_of_run = ["dist", "report", "wheel-b", "wheel-a", "odd[1]", "old"]
    newest = {name: of_run(name=name, expired=name == "old") for name in names_of_run}
    newest["partial"] = of_run(name="partial", archive_download_url="")
    found, why = selection.select_names(names, required, newest, expired=expired)
    assert (list(found), why) == (selected, reason)


@pytest.mark.parametrize(
    ("changes", "created_at", "attempt"),
    [
        ({}, at(1), 1),
        ({"run_attempt": 3, "run_started_at": "2026-01-22T19:33:08Z"}, at(8), 3),
        ({"run_attempt": 3, "run_started_at": "2026-01-22T19:33:08Z"}, at(7), None),
        ({"run_attempt": 3, "run_started_at": None}, at(7), None),
        ({"run_attempt": 3}, None, None),
    ],
)
def test_the_attempt(
    changes: dict[str, Any], created_at: datetime | None, attempt: int | None
) -> None:
    """An artifact that is not older than the latest attempt was uploaded by it."""
    assert selection.attempt_of(run(**changes), of_run(created_at=created_at)) == attempt


def test_patterns() -> None:
    """Names with wildcards are patterns, so that GitHub cannot filter by them."""
    assert all(map(selection.is_pattern, ["*", "a?", "x[1]"]))
    assert not any(map(selection.is_pattern, ["dist", "a b.c", "x]"]))


def rejected(*reasons: str) -> list[Rejection]:
    """Return rejections with these reasons."""
    some: Artifact = of_run()
    return [Rejection(some, reason) for reason in reasons]


@pytest.mark.parametrize(
    ("reasons", "summary"),
    [
        ([], "0 found; check the name"),
        (["expired"], "1 found, expired"),
        (["of a failed run"] * 3, "3 found, all of failed runs"),
        (["of an unfinished run"] * 2, "2 found, all of unfinished runs"),
        (
            ["of a run on 'dev'"] * 3 + ["expired"] + ["of a failed run"] * 2,
            "6 found: 2 of failed runs, 1 expired, 3 of runs on 'dev'",
        ),
        (
            [f"of a run on '{branch}'" for branch in "abcdef"],
            "6 found: " + ", ".join(f"1 of a run on '{branch}'" for branch in "abcde"),
        ),
    ],
)
def test_the_nearest_miss(reasons: list[str], summary: str) -> None:
    """The summary counts the five reasons that came closest to a match, the closest first."""
    assert selection.nearest_miss(rejected(*reasons)) == summary
