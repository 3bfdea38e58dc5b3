"""The end of a wait: an artifact, an error, or another poll."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ghartifacts_async import Artifact, Run, RunEnded
from ghartifacts_async._runs.watch import (
    GRACE,
    Pending,
    RunState,
    WaitGoal,
    calls_in_budget,
    evaluate,
    next_delay,
    redacted,
    seconds_over_budget,
)
from tests.runs.support import SHA, of_run, run
from tests.values import run_json

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
        (DIST, [state()], [of_run(created_at=OLD)], Artifact),
        (DIST, [RUNNING], [of_run()], Artifact),
        (DIST, [RUNNING], [of_run(name="other", created_at=NEW)], Pending),
        (DIST, [RUNNING], [of_run(5, created_at=NEW)], Pending),
        (DIST, [RUNNING], [of_run(created_at=NEW, archive_download_url="")], Pending),
        (DIST, [state()], [UPLOADED], Artifact),
        (DIST, [state()], [], RunEnded),
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


@pytest.mark.parametrize("conclusion", ["secret", None])
def test_what_the_server_says_is_redacted(conclusion: str | None) -> None:
    """The texts of an evaluation contain no secrets, and an artifact is returned as it is."""

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
