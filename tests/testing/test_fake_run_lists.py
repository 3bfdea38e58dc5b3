"""Listings of runs that differ from the truth, changes at a later time, and counts of requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Clock, Response, Send

RUNS = f"/repos/{REPOSITORY}/actions/runs"


def ids(response: Response) -> list[int]:
    """Return the ids of the runs on a page."""
    return [run["id"] for run in response.json["workflow_runs"]]


async def test_later_changes(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """Runs and artifacts change at the time that a test has chosen, on the server's clock."""
    run = fake.add_run(REPOSITORY, 7, status="in_progress")
    fake.after(30, fake.complete_run, run, "cancelled")
    fake.after(20, fake.add_artifact, REPOSITORY, "dist", b"x", run_id=run)
    assert (await send(f"{RUNS}/7/artifacts")).json["total_count"] == 0
    clock.time += 25
    listed = (await send(f"{RUNS}/7/artifacts")).json["artifacts"]
    assert [artifact["created_at"] for artifact in listed] == ["2027-01-15T08:00:20Z"]
    assert fake.run(run).status == "in_progress"
    clock.time += 100
    completed = fake.run(run)
    assert (completed.status, completed.conclusion) == ("completed", "cancelled")
    assert completed.updated_at == datetime(2027, 1, 15, 8, 0, 30, tzinfo=UTC)


async def test_a_later_change_that_schedules_another(fake: FakeGitHub, clock: Clock) -> None:
    """A scheduled function may schedule another one, relative to its own time."""
    fake.add_repository(REPOSITORY)
    fake.after(10, lambda: fake.after(5, fake.add_run, REPOSITORY, 8))
    clock.time += 14
    assert fake.runs(REPOSITORY) == []
    clock.time += 1
    assert [run.id for run in fake.runs(REPOSITORY)] == [8]
    with pytest.raises(ValueError, match="at least 0"):
        fake.after(-1, fake.add_run, REPOSITORY)


async def test_shuffled_run_lists(send: Send, fake: FakeGitHub) -> None:
    """Listings can be in a random order, which differs in each response."""
    runs = {fake.add_run(REPOSITORY).id for _ in range(20)}
    fake.distort_run_lists(shuffle=True)
    first, second = [ids(await send(RUNS)) for _ in range(2)]
    assert set(first) == set(second) == runs
    assert first != second
    fake.distort_run_lists()
    assert ids(await send(RUNS)) == sorted(runs, reverse=True)


async def test_short_run_lists(send: Send, fake: FakeGitHub) -> None:
    """Listings can lack some of the runs; a single run and artifacts are not affected."""
    run = fake.add_artifact(REPOSITORY, "dist", b"").run_id
    fake.distort_run_lists(drop=1.0)
    assert (await send(RUNS)).json == {"total_count": 0, "workflow_runs": []}
    assert (await send(f"{RUNS}/{run}")).status == 200
    assert (await send(LIST)).json["total_count"] == 1
    fake.clear_faults()
    assert ids(await send(RUNS)) == [run]
    with pytest.raises(ValueError, match="from 0 to 1"):
        fake.distort_run_lists(drop=2)


async def test_frozen_run_lists(send: Send, fake: FakeGitHub) -> None:
    """Listings can be stale: they show neither new runs nor changes."""
    run = fake.add_run(REPOSITORY, status="in_progress")
    fake.distort_run_lists(freeze=True)
    fake.complete_run(run)
    fake.add_run(REPOSITORY)
    fake.add_run("octo-org/new")
    stale = (await send(RUNS)).json["workflow_runs"]
    assert [(one["id"], one["status"]) for one in stale] == [(run.id, "in_progress")]
    assert (await send("/repos/octo-org/new/actions/runs")).json["total_count"] == 0
    assert (await send(f"{RUNS}/{run.id}")).json["status"] == "completed"


async def test_counts_of_requests(send: Send, fake: FakeGitHub) -> None:
    """Requests are counted by endpoint; the path has the parameters of GitHub's documentation."""
    run = fake.add_run(REPOSITORY)
    for target in (RUNS, f"{RUNS}?page=2", f"{RUNS}/{run.id}", "/nothing"):
        await send(target)
    assert fake.request_counts() == {
        "GET /repos/{owner}/{repo}/actions/runs": 2,
        "GET /repos/{owner}/{repo}/actions/runs/{run_id}": 1,
    }
