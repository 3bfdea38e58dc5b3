"""The runs that a repository's waits concern, as GitHub last described them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._runs.watch import RunState, WaitGoal
from ghartifacts_async.models import Run

_Subject = TypeVar("_Subject", int, str)


class KnownRuns:
    """The runs that GitHub has described.

    It also remembers when each subject was last requested: a run by its id, or the listing of a
    commit's runs by the commit.
    """

    def __init__(self) -> None:
        self._states: dict[int, RunState] = {}
        self._requested_at: dict[int | str, float] = {}

    def __contains__(self, run_id: int) -> bool:
        """Return True if GitHub has described the run."""
        return run_id in self._states

    def __len__(self) -> int:
        """Return the number of runs and commits that are remembered."""
        return len(self._states.keys() | self._requested_at.keys())

    def concerning(self, goal: WaitGoal) -> list[RunState]:
        """Return the known runs for which `WaitGoal.concerns` is true."""
        return [state for state in self._states.values() if goal.concerns(state.run)]

    def of_commit(self, head_sha: str) -> list[Run]:
        """Return the runs of a commit, also those of forks and of other workflows."""
        return [state.run for state in self._states.values() if state.run.head_sha == head_sha]

    def note_request(self, subject: int | str, now: float) -> None:
        """Remember that a run, or the listing of a commit's runs, is being requested."""
        self._requested_at[subject] = now

    def note_listed(self, runs: Iterable[Run]) -> None:
        """Remember those of the listed runs that are not known yet and have not ended.

        A listing may be stale, so it is no proof that a run has ended.
        """
        for run in runs:
            if run.id not in self._states and not run.is_completed:
                self._states[run.id] = RunState(run)

    def note(self, run: Run, headers: Mapping[str, str], now: float) -> None:
        """Remember a run, and when it ended according to the server's clock.

        Args:
            run: The run.
            headers: Headers of the response.
            now: Time on the event loop's clock.
        """
        known = self._states.get(run.id)
        if known is not None and known.run == run:
            return
        ended_at = float("inf")
        if run.is_completed:
            updated = run.updated_at.timestamp()
            ended_at = now - max(0.0, rate_limit_headers.server_time(headers, updated) - updated)
        self._states[run.id] = RunState(run, ended_at)

    def may_have_changed(self, listed: Run) -> bool:
        """Return True if a listed run may be in another state than when it was last requested."""
        known = self._states.get(listed.id)
        return (
            known is None or not known.run.is_completed or known.run.updated_at != listed.updated_at
        )

    def longest_unrequested(self, subjects: Iterable[_Subject], count: int) -> set[_Subject]:
        """Return the `count` runs or commits that have not been requested for longest."""
        return set(sorted(subjects, key=lambda one: self._requested_at.get(one, -1.0))[:count])

    def remove(self, run_id: int) -> None:
        """Forget a run that no longer exists."""
        self._states.pop(run_id, None)

    def keep_only(self, goals: Iterable[WaitGoal]) -> None:
        """Forget all runs but those of the goals' ids and commits, to free their memory.

        This keeps also the commit's runs of forks, so that no poll requests those again.
        """
        goals = [*goals]
        run_ids = {goal.run_id for goal in goals}
        commits = {goal.head_sha for goal in goals}
        self._states = {
            run_id: state
            for run_id, state in self._states.items()
            if run_id in run_ids or state.run.head_sha in commits
        }
        self._requested_at = {
            subject: moment
            for subject, moment in self._requested_at.items()
            if subject in run_ids or subject in self._states or subject in commits
        }
