"""The runs that a repository's waits concern, as GitHub last described them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from attrs import frozen

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._runs.watch import RunState, WaitGoal
from ghartifacts_async.models import Run

MANY = 5
"""If more runs or commits than this are watched, a listing decides which of them to request."""

_Subject = TypeVar("_Subject", int, str, tuple[int, str])


@frozen
class Turns:
    """The runs to request in a poll, by their ids.

    Attributes:
        now: Runs whose state may end a wait.
        later: Other runs, those that have not been requested for longest first. The first is
            requested, and others while the budget has calls for them.
    """

    now: Collection[int]
    later: Sequence[int]


class KnownRuns:
    """The runs that GitHub has described.

    It also remembers when each subject was last requested: a run by its id, the listing of a
    commit's runs by the commit, or the listing of a run's artifacts by the run's id and their name.
    """

    def __init__(self) -> None:
        self._states: dict[int, RunState] = {}
        self._passed_over: set[int] = set()
        self._requested_at: dict[int | str | tuple[int, str], float] = {}

    def __contains__(self, run_id: int) -> bool:
        """Return True if GitHub has described the run, or listed it as one of no concern."""
        return run_id in self._states or run_id in self._passed_over

    def __len__(self) -> int:
        """Return the number of runs and commits that are remembered."""
        return len(self._states.keys() | self._requested_at.keys())

    def concerning(self, goal: WaitGoal) -> list[RunState]:
        """Return the known runs for which `WaitGoal.concerns` is true."""
        return [state for state in self._states.values() if goal.concerns(state.run)]

    def note_request(self, subject: int | str | tuple[int, str], now: float) -> None:
        """Remember that a run or a listing is being requested."""
        self._requested_at[subject] = now

    def turns(
        self, goals: Collection[WaitGoal], listed: Iterable[Run], urgent: Collection[int]
    ) -> Turns:
        """Return the runs to request after a listing, which may be stale or incomplete.

        A run of a commit is requested to learn whether it ended without the artifact. That ends no
        wait while another run of the commit is in progress. Runs that have just been listed for the
        first time are known from then on, unless they have ended: only their own response proves
        that.

        Args:
            goals: The goals of all waits.
            listed: The runs that were listed, also those of no concern.
            urgent: Ids of runs to request in any case.
        """
        goals_of_commits = [goal for goal in goals if goal.head_sha is not None]
        commits = {goal.head_sha for goal in goals_of_commits}
        listed = [*listed]
        of_commits = {run.id: run for run in listed if run.head_sha in commits}
        concerned = {
            run_id: [goal for goal in goals_of_commits if goal.concerns(run)]
            for run_id, run in of_commits.items()
        }
        self._passed_over = {run_id for run_id, about in concerned.items() if not about}
        for run_id in of_commits.keys() - self._states.keys() - self._passed_over:
            if not of_commits[run_id].is_completed:
                self._states[run_id] = RunState(of_commits[run_id])
        ended = {run.id for run in listed if run.is_completed and self.may_have_changed(run)}
        changed = {
            run.id
            for run in of_commits.values()
            if concerned[run.id] and self.may_have_changed(run)
        }
        running = set[WaitGoal]()
        for goal in goals_of_commits:
            unended = {
                state.run.id for state in self.concerning(goal) if not state.run.is_completed
            }
            changed |= unended
            if unended - ended:
                running.add(goal)
        run_ids = {goal.run_id for goal in goals if goal.run_id is not None}
        wanted = run_ids | changed
        now = {*urgent, *(run_ids if len(wanted) <= MANY else run_ids & ended)}
        now |= {run_id for run_id in changed & ended if not running.issuperset(concerned[run_id])}
        later = changed
        if len(wanted) > MANY:
            later = changed & ended | {*self.by_last_request(wanted)[:2]}
        ended_first = sorted(later - now, key=lambda run_id: run_id not in ended)
        return Turns(now, self.by_last_request(ended_first))

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

    def by_last_request(self, subjects: Iterable[_Subject]) -> list[_Subject]:
        """Return subjects, those that have not been requested for longest first."""
        return sorted(subjects, key=lambda one: self._requested_at.get(one, -1.0))

    def remove(self, run_id: int) -> None:
        """Forget a run that no longer exists."""
        self._states.pop(run_id, None)

    def keep_only(self, goals: Iterable[WaitGoal]) -> None:
        """Forget all runs but those of the goals' ids and commits, to free their memory.

        This keeps also the commit's runs of other workflows, so that no poll requests those again.
        """
        goals = [*goals]
        run_ids = {goal.run_id for goal in goals}
        commits = {goal.head_sha for goal in goals}
        self._states = {
            run_id: state
            for run_id, state in self._states.items()
            if run_id in run_ids or state.run.head_sha in commits
        }
        kept = run_ids | commits | self._states.keys()
        self._requested_at = {
            subject: moment
            for subject, moment in self._requested_at.items()
            if (subject[0] if isinstance(subject, tuple) else subject) in kept
        }
