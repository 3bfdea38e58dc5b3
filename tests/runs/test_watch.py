"""The end of a wait: an artifact, an error, or another poll."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from ghartifacts_async import Artifact, Run, RunEnded, webhooks
from ghartifacts_async._runs.watch import (
    GRACE,
    Pending,
    RunState,
    WaitGoal,
    calls_in_budget,
    evaluate,
    is_over_budget,
    next_delay,
    next_pause,
    reaches_back_to,
    redacted,
    seconds_over_budget,
    urgent_delay,
)
from ghartifacts_async.models import ArtifactPage
from tests.runs.support import SHA, of_run, run
from tests.values import run_json
from tests.webhooks.deliveries import SECRET, delivery

RUN = 30433642
DIST = WaitGoal("dist", RUN)
ANY_CONCLUSION = WaitGoal("dist", RUN, any_conclusion=True)
OF_COMMIT = WaitGoal("dist", None, SHA, "ci.yml")
NEW = datetime(2026, 1, 22, 19, 34, tzinfo=UTC)
OLD = datetime(2026, 1, 22, 19, 33, tzinfo=UTC)
UPLOADED = of_run(created_at=NEW)
FORK = {**run_json()["repository"], "id": 5}


def state(ended: float = 100.0, **changes: Any) -> RunState:
    """Return a run that ended this many seconds ago at the time 1000."""
    return RunState(run(**changes), 1000 - ended)


RUNNING = state(status="in_progress", conclusion=None)


@pytest.mark.parametrize(
    ("goal", "states", "artifacts", "kind"),
    [
        (DIST, [], [], Pending),
        (DIST, [], [UPLOADED], Pending),
        (DIST, [RUNNING], [], Pending),
        (DIST, [RUNNING], [UPLOADED], Artifact),
        # A later attempt may still replace an artifact, until the run succeeds.
        (DIST, [RUNNING], [of_run(created_at=OLD)], Pending),
        (DIST, [RUNNING], [of_run(created_at=RUNNING.run.run_started_at)], Artifact),
        (DIST, [state()], [of_run(created_at=OLD)], Artifact),
        (DIST, [RUNNING], [of_run()], Artifact),
        (DIST, [RUNNING], [of_run(name="other", created_at=NEW)], Pending),
        (DIST, [RUNNING], [evolve(UPLOADED, workflow_run=None)], Pending),
        (DIST, [RUNNING], [of_run(5, created_at=NEW)], Pending),
        (DIST, [RUNNING], [of_run(created_at=NEW, archive_download_url="")], Pending),
        (DIST, [state()], [UPLOADED], Artifact),
        (DIST, [state()], [], RunEnded),
        (DIST, [state(GRACE)], [], RunEnded),
        (DIST, [state(GRACE - 1)], [], Pending),
        (DIST, [state(1)], [of_run(created_at=NEW, expired=True)], RunEnded),
        (DIST, [state(1, conclusion="failure")], [UPLOADED], RunEnded),
        (DIST, [state(1, conclusion="cancelled")], [], RunEnded),
        (ANY_CONCLUSION, [state(conclusion=None)], [UPLOADED], Artifact),
        (ANY_CONCLUSION, [state(1, conclusion="failure")], [], Pending),
        (ANY_CONCLUSION, [state(conclusion="failure")], [], RunEnded),
        (WaitGoal(None, RUN), [RUNNING], [], Pending),
        (WaitGoal(None, RUN), [state(1, conclusion="failure")], [], Run),
        (OF_COMMIT, [RUNNING], [UPLOADED], Artifact),
        (OF_COMMIT, [state()], [], RunEnded),
        # Another run of the same commit may not be known yet, or may still succeed.
        (OF_COMMIT, [state(1, conclusion="failure")], [], Pending),
        (OF_COMMIT, [state(conclusion="failure"), RUNNING], [], Pending),
        (OF_COMMIT, [RUNNING], [of_run(created_at=NEW, head_repository_id=5)], Pending),
    ],
)
def test_the_evaluation(
    goal: WaitGoal, states: list[RunState], artifacts: list[Artifact], kind: type
) -> None:
    """A wait ends with its artifact or run, or early if the artifact will never be uploaded."""
    assert isinstance(evaluate(goal, states, artifacts, 1000.0), kind)


def test_the_newest_artifact_is_returned() -> None:
    """If a run has several artifacts of the name, the newest is returned."""
    both = [of_run(id=9, created_at=OLD), of_run(id=8, created_at=NEW)]
    assert evaluate(DIST, [state()], both, 1000.0) == both[1]
    newer = of_run(id=7, created_at=NEW + timedelta(minutes=1))
    for listed in ([both[1], newer], [newer, both[1]]):
        assert evaluate(DIST, [RUNNING], listed, 1000.0) == newer


def test_the_newest_artifact_of_a_commit() -> None:
    """If several runs of a commit have the artifact, the newest is returned."""
    states = [state(), state(id=5)]
    both = [of_run(id=8, created_at=OLD), of_run(5, id=9, created_at=NEW)]
    for runs in (states, states[::-1]):
        assert evaluate(OF_COMMIT, runs, both, 1000.0) == both[1]


def test_a_run_that_has_just_ended_is_polled_soon() -> None:
    """An artifact that is due is polled for often, even if another run is still in progress."""
    for runs in ([RUNNING, state(1, id=5)], [state(1, id=5), RUNNING]):
        result = evaluate(OF_COMMIT, runs, [], 1000.0)
        assert isinstance(result, Pending)
        assert result.soon


@pytest.mark.parametrize(
    ("created", "total", "reaches"),
    [
        (["2026-01-22T19:33:44Z", "2026-01-22T19:33:00Z"], 2, True),
        (["2026-01-22T19:33:44Z", "2026-01-22T19:33:00Z"], 3, False),
        (["2026-01-22T19:33:44Z", "2026-01-22T19:32:59Z"], 3, True),
        ([None], 3, False),
        ([], 3, False),
        ([], 0, True),
    ],
)
def test_how_far_a_listing_reaches_back(
    created: list[str | None], total: int, *, reaches: bool
) -> None:
    """The newest artifacts include all those of a run if older ones, or no others, exist."""
    times = [None if one is None else datetime.fromisoformat(one) for one in created]
    page = ArtifactPage(total, tuple(of_run(created_at=one) for one in times))
    of_this_time = run(created_at="2026-01-22T19:33:00Z")
    assert reaches_back_to(page, of_this_time) is reaches
    assert not reaches_back_to(None, of_this_time)


def test_the_error_says_what_to_do() -> None:
    """The error names the run and its conclusion."""
    result = evaluate(DIST, [state(conclusion="failure")], [], 1000.0)
    assert isinstance(result, RunEnded)
    assert (result.run_id, result.conclusion) == (RUN, "failure")
    assert "without an artifact named 'dist'" in str(result)
    assert "any_conclusion=True" in str(result)


def test_the_error_of_an_artifact_that_is_not_accepted() -> None:
    """If a failed run has the artifact, the error says so, and how to accept it."""
    result = evaluate(DIST, [state(conclusion="failure")], [UPLOADED], 1000.0)
    assert str(result) == (
        f"run {RUN} ended with conclusion 'failure', so its artifact 'dist' is not accepted; pass "
        "any_conclusion=True to accept artifacts of runs that did not succeed"
    )


def test_which_runs_a_goal_concerns() -> None:
    """A wait ignores runs of forks, of other workflows and of other commits."""
    assert DIST.concerns(run())
    assert not DIST.concerns(run(id=5))
    assert OF_COMMIT.concerns(run())
    assert not OF_COMMIT.concerns(run(head_sha="0" * 40))
    assert not OF_COMMIT.concerns(run(path="x/lint.yml"))
    assert not OF_COMMIT.concerns(run(head_repository=FORK))
    assert str(DIST) == "artifact 'dist' of run 30433642"
    assert str(WaitGoal(None, RUN)) == "the end of run 30433642"
    assert str(OF_COMMIT) == f"artifact 'dist' of commit {SHA}"


def test_ten_minutes_of_polls() -> None:
    """Delays grow from 2 to 30 seconds, and even if every poll counted, 28 would fit the budget."""
    delays: list[float] = []
    while sum(delays) < 600:
        delays.append(next_delay(delays[-1] if delays else None))
    assert (delays[0], delays[-1]) == (2.0, 30.0)
    assert delays == sorted(delays)


@pytest.mark.parametrize("quiet", [0.0, 3600.0])
def test_the_budget_of_ten_minutes(quiet: float) -> None:
    """Polls of three calls make at most 30 calls in ten minutes, even after a quiet hour."""
    in_budget, calls, now = calls_in_budget(1.0, quiet), 0, 0.0
    while now < 600:
        calls += 3
        in_budget += 3
        seconds = max(2.0, seconds_over_budget(in_budget))
        in_budget = calls_in_budget(in_budget, seconds)
        now += seconds
    assert calls <= 30


def test_calls_that_would_delay_the_next_poll() -> None:
    """The budget has calls left as long as one more does not delay the next poll."""
    for calls in range(12):
        assert is_over_budget(calls) == (seconds_over_budget(calls + 1) > 0)
    assert (is_over_budget(6), is_over_budget(7)) == (False, True)


def test_the_budget_of_urgent_polls() -> None:
    """Ten minutes of polls of two calls, each caused by an event, make at most 30 calls."""
    in_budget, calls, now = 0.0, 0, 0.0
    while now < 600:
        calls += 2
        in_budget += 2
        seconds = max(1.0, urgent_delay(in_budget))
        in_budget = calls_in_budget(in_budget, seconds)
        now += seconds
    assert calls <= 30


def test_urgent_polls_without_a_budget() -> None:
    """However many calls were made, an event causes a poll within a minute."""
    assert urgent_delay(10_000) == 60
    assert urgent_delay(0) == 0


@pytest.mark.parametrize(
    ("intervals", "calls", "soon", "seconds"),
    [
        ([None], 0, False, 20),
        ([None], 0, True, 2),
        ([None], 100, True, 60),
        ([None], 17, False, 360),
        ([5.0], 17, False, 5),
        ([None, 5.0], 17, False, 5),
        ([None, 60.0], 0, False, 20),
        ([60.0, 90.0], 0, False, 60),
        ([], 0, False, 20),
    ],
)
def test_the_next_pause(
    intervals: list[float | None], calls: float, soon: bool, seconds: float
) -> None:
    """Polls are as frequent as the most impatient wait asks, and the default keeps the budget."""
    assert next_pause(20, intervals, calls, soon=soon) == seconds


def test_which_events_are_about_a_goal() -> None:
    """A wait concerns the events of its run or commit, and of their jobs."""
    run_event, job_event, push = (
        webhooks.parse(*delivery(name), secret=SECRET)
        for name in ("workflow_run", "workflow_job", "push")
    )
    for event in (run_event, job_event):
        assert WaitGoal("dist", RUN).is_subject_of(event)
        assert WaitGoal(None, None, SHA).is_subject_of(event)
        assert not WaitGoal("dist", 5).is_subject_of(event)
        assert not DIST.is_subject_of(push)


@pytest.mark.parametrize("conclusion", ["secret", None])
def test_what_the_server_says_is_redacted(conclusion: str | None) -> None:
    """The texts of an evaluation contain no secrets, and an artifact is returned unchanged."""

    def redact(text: str) -> str:
        return text.replace("secret", "***")

    pending = redacted(Pending("run 1 is secret", soon=True), redact)
    assert pending == Pending("run 1 is ***", soon=True)
    ended = redacted(RunEnded("it is secret", run_id=1, conclusion=conclusion), redact)
    assert isinstance(ended, RunEnded)
    assert (ended.summary, ended.run_id) == ("it is ***", 1)
    assert ended.conclusion == (None if conclusion is None else "***")
    found = of_run(created_at=NEW)
    assert redacted(found, redact) is found
