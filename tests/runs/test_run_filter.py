"""Filters of runs: each is applied here, too, and filters that cannot match are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ghartifacts_async import InvalidArgument
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._runs.run_filter import RunFilter, is_of_workflow, workflow_key
from tests.runs.support import SHA, run
from tests.values import run_json

FORK = {**run_json()["repository"], "id": 5, "full_name": "someone/octo-docs"}
COMMON = {"branch", "head_sha", "from_fork", "created_after", "created_before"}
CREATED = datetime(2026, 1, 22, 19, 33, 8, tzinfo=UTC)


def criteria(**filters: Any) -> RunFilter:
    """Return the filter that `Repo.list_runs` would use."""
    common = {name: value for name, value in filters.items() if name in COMMON}
    rest = {name: value for name, value in filters.items() if name not in COMMON}
    return RunFilter(common=Filter(**common), **rest)


@pytest.mark.parametrize(
    ("filters", "query", "changes"),
    [
        ({"branch": "main"}, {"branch": "main"}, {"head_branch": "dev"}),
        ({"branch": "main"}, {"branch": "main"}, {"head_repository": FORK}),
        ({"branch": "main"}, {"branch": "main"}, {"head_repository": None}),
        ({"head_sha": SHA}, {"head_sha": SHA}, {"head_sha": "0" * 40}),
        ({"from_fork": False}, {}, {"head_repository": FORK}),
        ({"event": "push"}, {"event": "push"}, {"event": "pull_request"}),
        ({"status": "completed"}, {"status": "completed"}, {"status": "queued"}),
        ({"status": "success"}, {"status": "success"}, {"conclusion": "failure"}),
        ({"conclusion": "success"}, {"status": "success"}, {"conclusion": None}),
        (
            {"conclusion": "success", "status": "completed"},
            {"status": "success"},
            {"conclusion": "failure"},
        ),
        ({"actor": "OctoCat"}, {"actor": "OctoCat"}, {"actor": {"login": "hubot", "id": 2}}),
        ({"actor": "octocat"}, {"actor": "octocat"}, {"actor": None}),
        ({"workflow": "ci.yml"}, {}, {"path": ".github/workflows/lint.yml"}),
        ({"workflow": 159038}, {}, {"workflow_id": 1}),
        ({"created_after": CREATED}, {}, {"created_at": "2026-01-22T19:33:07Z"}),
        ({"created_before": CREATED.replace(second=9)}, {}, {"created_at": "2026-01-22T19:33:09Z"}),
    ],
)
def test_each_filter(
    filters: dict[str, Any], query: dict[str, str], changes: dict[str, Any]
) -> None:
    """A filter is sent to GitHub if GitHub has a parameter for it, and is checked again here."""
    chosen = criteria(**filters)
    assert chosen.query() == query
    assert chosen.matches(run())
    assert not chosen.matches(run(**changes))


def test_no_filter_matches_everything() -> None:
    """Without filters, runs of forks match, too; pull requests can be left out of responses."""
    assert criteria().query() == {}
    assert criteria().matches(run(head_repository=FORK))
    assert criteria(from_fork=True).matches(run(head_repository=FORK))
    assert not criteria(from_fork=True).matches(run())
    times = {"created_after": CREATED, "created_before": CREATED.replace(second=9)}
    chosen = criteria(**times)
    assert (chosen.created_after, chosen.created_before) == (*times.values(),)
    assert criteria(exclude_pull_requests=True).query() == {"exclude_pull_requests": "true"}


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (None, None),
        (5, 5),
        ("5", 5),
        ("ci.yml", "ci.yml"),
        (".github/workflows/ci.yaml", "ci.yaml"),
        ("build and test.yml", "build and test.yml"),
    ],
)
def test_workflows(given: int | str | None, key: int | str | None) -> None:
    """A workflow is named by its id, or by its file with or without the folder."""
    assert workflow_key(given) == key


@pytest.mark.parametrize(
    "given", [0, -1, True, 1.5, "", "0", "CI", "a/b.yml", "x.yml\n", b"ci.yml"]
)
def test_workflows_that_cannot_match(given: Any) -> None:
    """The display name of a workflow is refused, because it is neither a file nor unique."""
    with pytest.raises(InvalidArgument, match="the name of a workflow's file"):
        workflow_key(given)


def test_the_path_may_name_a_branch() -> None:
    """GitHub may append a branch to the path of a run's workflow."""
    assert is_of_workflow(run(path=".github/workflows/ci.yml@main"), "ci.yml")
    assert is_of_workflow(run(), None)


@pytest.mark.parametrize(
    "filters",
    [
        {"event": ""},
        {"actor": 5},
        {"status": "in_progress", "conclusion": "success"},
        {"branch": "refs/heads/main"},
        {"head_sha": "acb5820"},
        {"created_after": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"status": "done"},
        {"status": 5},
        {"conclusion": "in_progress"},
        {"event": "***"},
        {"actor": "@octocat"},
        {"actor": "octo cat"},
    ],
)
def test_filters_that_never_match(filters: dict[str, Any]) -> None:
    """A filter of the wrong type, or that no run can match, is the caller's mistake."""
    with pytest.raises(InvalidArgument):
        criteria(**filters)


@pytest.mark.parametrize(
    ("filters", "meant"),
    [
        ({"conclusion": "suuccess"}, "success"),
        ({"conclusion": "SUCCESS"}, "success"),
        ({"conclusion": "canceled"}, "cancelled"),
        ({"conclusion": "timed-out"}, "timed_out"),
        ({"status": "in progress"}, "in_progress"),
        ({"status": "failed"}, "failure"),
        ({"event": "Pull-Request"}, "pull_request"),
        ({"event": " push\n"}, "push"),
    ],
)
def test_filters_that_were_misspelled(filters: dict[str, Any], meant: str) -> None:
    """The error about a value that GitHub never uses suggests the value that was probably meant."""
    with pytest.raises(InvalidArgument, match=f"did you mean '{meant}'"):
        criteria(**filters)


def test_filters_of_every_kind() -> None:
    """All documented statuses and conclusions are accepted, and events of any well-formed name."""
    for value in ("waiting", "requested", "pending", "startup_failure", "neutral", "timed_out"):
        assert criteria(status=value).query() == {"status": value}
    assert criteria(conclusion="stale", event="a_new_event", actor="dependabot[bot]").query() == {
        "status": "stale",
        "event": "a_new_event",
        "actor": "dependabot[bot]",
    }
