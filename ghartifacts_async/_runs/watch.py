"""Decide whether a wait for an artifact, or for the end of a run, is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeAlias

from attrs import evolve, frozen

from ghartifacts_async._api.filters import Filter
from ghartifacts_async._api.pagination import Page
from ghartifacts_async._runs.run_filter import is_of_workflow, origin
from ghartifacts_async._runs.selection import age_key
from ghartifacts_async.errors import RunEnded
from ghartifacts_async.models import Artifact, Run, WorkflowRun
from ghartifacts_async.webhooks import Event, WorkflowJobEvent

GRACE = 30.0
"""Seconds after the end of a run in which its artifacts may not be listed yet."""

FIRST_DELAY = 2.0
MAX_DELAY = 30.0
"""Seconds between two polls of a repository: at first, and after a while."""

_GROWTH = 1.5
_FREE_CALLS = 8
_FREE_URGENT_CALLS = 10
_MAX_URGENT_DELAY = 60.0
_SECONDS_PER_CALL = 36.0


@frozen
class WaitGoal:
    """The goal of a wait: an artifact, or the end of a run. Equal goals share a `Watch`.

    Attributes:
        name: Name of the artifact, or None to wait for the end of the run.
        run_id: Id of the run, or None for any run of the commit.
        head_sha: Commit of the run, or None.
        workflow: Id or file name of the workflow, or None for any.
        any_conclusion: Whether a run that did not succeed may provide the artifact.
    """

    name: str | None
    run_id: int | None
    head_sha: str | None = None
    workflow: int | str | None = None
    any_conclusion: bool = False

    def __str__(self) -> str:
        where = f"run {self.run_id}" if self.run_id is not None else f"commit {self.head_sha}"
        return f"the end of {where}" if self.name is None else f"artifact {self.name!r} of {where}"

    def may_come_from(self, artifact: Artifact) -> bool:
        """Return True if an artifact may be the one to wait for, going by its own fields alone."""
        run = artifact.workflow_run or WorkflowRun()
        # For a moment after an upload, GitHub may list an artifact without its URL.
        if artifact.name != self.name or not artifact.archive_download_url:
            return False
        if self.run_id not in {None, run.id}:
            return False
        return self.head_sha is None or Filter(head_sha=self.head_sha).matches_run(run)

    def concerns(self, run: Run) -> bool:
        """Return True if a run is the one to wait for, or may upload the artifact."""
        if self.run_id is not None and run.id != self.run_id:
            return False
        of_commit = self.head_sha is None or Filter(head_sha=self.head_sha).matches_run(origin(run))
        return of_commit and is_of_workflow(run, self.workflow)

    def accepts(self, run: Run) -> bool:
        """Return True if the conclusion of a run, if it has one, lets it provide the artifact."""
        return not run.is_completed or run.conclusion == "success" or self.any_conclusion

    def is_subject_of(self, event: Event) -> bool:
        """Return True if an event is about a run to wait for, or about one of its jobs."""
        if isinstance(event, WorkflowJobEvent):
            return self.run_id == event.job.run_id or self.head_sha == event.job.head_sha
        return event.run is not None and self.concerns(event.run)


@frozen
class RunState:
    """A run as GitHub last described it.

    Attributes:
        run: The run.
        ended_at: Time of the run's end on the event loop's clock; infinite if it has not ended.
    """

    run: Run
    ended_at: float = float("inf")


@frozen
class Pending:
    """The wait continues.

    Attributes:
        state: The state of the runs, for the message of a timeout.
        soon: Whether the artifact should be listed within seconds.
    """

    state: str
    soon: bool = False


Evaluation: TypeAlias = Artifact | Run | RunEnded | Pending


def evaluate(
    goal: WaitGoal, states: Iterable[RunState], artifacts: Iterable[Artifact], now: float
) -> Evaluation:
    """Return the result of a wait, the error that ends it, or `Pending` if it continues.

    If several runs have the artifact, the newest is returned.

    Args:
        goal: The goal of the wait.
        states: The runs for which `WaitGoal.concerns` is true.
        artifacts: Artifacts that GitHub listed after it returned the states.
        now: Time on the event loop's clock.
    """
    listed = sorted(filter(goal.may_come_from, artifacts), key=age_key)
    results = [_evaluate_run(goal, state, listed, now) for state in states]
    if found := [result for result in results if isinstance(result, Artifact)]:
        return min(found, key=age_key)
    if pending := [result for result in results if isinstance(result, Pending)]:
        return max(pending, key=lambda result: result.soon)
    return results[0] if results else Pending("no run is known yet")


def reaches_back_to(newest: Page[Artifact] | None, run: Run) -> bool:
    """Return True if the newest artifacts of a repository must include those of a run.

    Args:
        newest: The first page of the listing, or None if it was not requested.
        run: The run.
    """
    if newest is None or newest.total_count > len(newest.items):
        oldest = newest.items[-1].created_at if newest is not None and newest.items else None
        return oldest is not None and oldest < run.created_at
    return True


def redacted(evaluation: Evaluation, redact: Callable[[str], str]) -> Evaluation:
    """Return an evaluation whose texts are shortened and contain no secrets.

    Args:
        evaluation: The evaluation. Its texts quote what the server says about a run.
        redact: Function that shortens a text and removes secrets from it.
    """
    match evaluation:
        case Pending(state=state):
            return evolve(evaluation, state=redact(state))
        case RunEnded(summary=summary, run_id=run_id, conclusion=conclusion):
            conclusion = redact(conclusion) if conclusion is not None else None
            return RunEnded(redact(summary), run_id=run_id, conclusion=conclusion)
    return evaluation


def _evaluate_run(
    goal: WaitGoal, state: RunState, listed: Sequence[Artifact], now: float
) -> Evaluation:
    run = state.run
    running = Pending(f"run {run.id} is {ascii(str(run.status))[1:-1]}")
    if goal.name is None:
        return run if run.is_completed else running
    own = [one for one in listed if one.workflow_run is not None and one.workflow_run.id == run.id]
    if not run.is_completed:
        # An artifact of an earlier attempt is about to be replaced.
        uploaded = [one for one in own if not _is_older(one, run)]
        return uploaded[0] if uploaded else running
    if not goal.accepts(run):
        without = (
            f" without an artifact named {goal.name!r}"
            if not own
            else (f", so its artifact {goal.name!r} is not accepted")
        )
        problem = (
            f"run {run.id} ended with conclusion {run.conclusion!r}{without}; pass "
            "any_conclusion=True to accept artifacts of runs that did not succeed"
        )
        hurry = goal.run_id is not None
    elif own and not own[0].expired:
        return own[0]
    else:
        problem = f"run {run.id} ended without an artifact named {goal.name!r}"
        if own:
            problem = f"artifact {goal.name!r} of run {run.id} has expired"
        hurry = bool(own)
    if not hurry and now - state.ended_at < GRACE:
        # The artifact, or another run of the same commit, may not be listed yet.
        return Pending(problem, soon=True)
    return RunEnded(problem, run_id=run.id, conclusion=run.conclusion)


def _is_older(artifact: Artifact, run: Run) -> bool:
    """Return True if an artifact was created before the latest attempt of its run started."""
    started, created = run.run_started_at, artifact.created_at
    return started is not None and created is not None and created < started


def next_delay(delay: float | None) -> float:
    """Return the seconds until the next poll, given those before the previous one."""
    return FIRST_DELAY if delay is None else min(delay * _GROWTH, MAX_DELAY)


def next_pause(
    delay: float, intervals: Collection[float | None], calls: float, *, soon: bool
) -> float:
    """Return the seconds until the next poll that no event causes.

    Args:
        delay: Seconds according to `next_delay`.
        intervals: Seconds that the waits ask for, or None for those that ask for none.
        calls: Number of calls that count against the budget; see `calls_in_budget`.
        soon: Whether an artifact should be listed within seconds.
    """
    if soon:
        return max(FIRST_DELAY, urgent_delay(calls))
    delay = max(delay, seconds_over_budget(calls))
    requested = [interval for interval in intervals if interval is not None]
    return min([*requested, delay] if None in intervals else requested, default=delay)


def calls_in_budget(calls: float, elapsed: float) -> float:
    """Return the calls that count against the budget, of those that counted some seconds ago."""
    return max(0.0, calls - elapsed / _SECONDS_PER_CALL)


def seconds_over_budget(calls: float) -> float:
    """Return the seconds to wait so that ten minutes of polls use at most 30 calls of the limit.

    Args:
        calls: Number of calls that count against the budget; see `calls_in_budget`.
    """
    return (calls + 1 - _FREE_CALLS) * _SECONDS_PER_CALL


def is_over_budget(calls: float) -> bool:
    """Return True if one more call delays the next poll."""
    return seconds_over_budget(calls + 1) > 0


def urgent_delay(calls: float) -> float:
    """Return the seconds until a poll that an event asks for, or that expects a new artifact.

    The budget has some calls for such polls only. Without them, a poll is made every minute.
    """
    over = (calls + 1 - _FREE_URGENT_CALLS) * _SECONDS_PER_CALL
    return max(0.0, min(over, _MAX_URGENT_DELAY))
