"""The runs that a poller remembers."""

from __future__ import annotations

from ghartifacts_async._runs.known_runs import KnownRuns
from ghartifacts_async._runs.watch import WaitGoal
from tests.runs.support import SHA, run

NOW = 1000.0
NONE: dict[str, str] = {}
OTHER_COMMIT = "c" * 40
RUNNING = {"status": "in_progress", "conclusion": None}


def known(*changes: dict[str, object]) -> KnownRuns:
    """Return known runs, each requested at the time 1000."""
    runs = KnownRuns()
    for number, fields in enumerate(changes, 1):
        runs.note_request(number, NOW)
        runs.note(run(**{"id": number, **fields}), NONE, NOW)
    return runs


def test_runs_that_no_wait_concerns_are_forgotten() -> None:
    """Only the runs of the remaining waits take memory, and all runs of their commits."""
    runs = known({"head_sha": OTHER_COMMIT}, {"head_sha": OTHER_COMMIT}, {}, {"path": "x/lint.yml"})
    runs.note_request(9, NOW)
    runs.note_request(SHA, NOW)
    runs.note_request(OTHER_COMMIT, NOW)
    runs.note_request((3, "dist"), NOW)
    runs.note_request((5, "dist"), NOW)
    assert len(runs) == 9
    runs.keep_only([WaitGoal("dist", 1), WaitGoal("dist", None, SHA, "ci.yml"), WaitGoal(None, 9)])
    assert [number in runs for number in (1, 2, 3, 4, 9)] == [True, False, True, True, False]
    assert len(runs) == 6
    runs.keep_only([])
    assert len(runs) == 0


def test_when_a_run_ended() -> None:
    """The end of a run is as long ago as the server's clock says, and infinite until then."""
    runs = known({"status": "in_progress", "conclusion": None})
    goal = WaitGoal(None, 1)
    assert [state.ended_at for state in runs.concerning(goal)] == [float("inf")]
    ended = run(id=1)
    date = {"date": ended.updated_at.strftime("%a, %d %b %Y %H:%M:59 GMT")}
    runs.note(ended, date, NOW)
    (state,) = runs.concerning(goal)
    assert state.ended_at == NOW - (59 - ended.updated_at.second)
    runs.note(ended, NONE, NOW + 50)
    assert runs.concerning(goal) == [state], "an unchanged run has not ended later"
    runs.remove(1)
    assert runs.concerning(goal) == []


def test_a_run_cannot_have_ended_in_the_future() -> None:
    """A run ended just now if its response has no Date, or one before the end of the run."""
    early = {"date": "Sat, 01 Jan 2000 00:00:00 GMT"}
    for headers in (NONE, early):
        runs = KnownRuns()
        runs.note(run(id=1), headers, NOW)
        assert [state.ended_at for state in runs.concerning(WaitGoal(None, 1))] == [NOW]


def test_which_runs_may_have_changed() -> None:
    """A listed run is requested unless it had already ended, and has not changed since."""
    runs = known({}, {"status": "queued", "conclusion": None})
    assert not runs.may_have_changed(run(id=1))
    assert runs.may_have_changed(run(id=1, updated_at="2030-01-01T00:00:00Z"))
    assert runs.may_have_changed(run(id=2))
    assert runs.may_have_changed(run(id=3))


def test_listed_runs() -> None:
    """A listing adds runs in progress that are new, but never changes a run that is known."""
    runs = known({})
    goal = WaitGoal("dist", None, SHA)
    listed = [run(id=1, **RUNNING), run(id=2, **RUNNING), run(id=3), run(id=4, head_sha="0" * 40)]
    runs.turns([goal], listed, [])
    assert [number in runs for number in (1, 2, 3, 4)] == [True, True, False, False]
    assert [state.run.is_completed for state in runs.concerning(WaitGoal(None, 1))] == [True]
    assert runs.may_have_changed(run(id=2))


def test_runs_of_no_concern() -> None:
    """Runs of other workflows and of forks are not requested, and their state is not remembered."""
    runs = KnownRuns()
    goal = WaitGoal("dist", None, SHA, "ci.yml")
    listed = [run(id=1, path="x/lint.yml"), run(id=2, path="x/lint.yml", **RUNNING), run(id=3)]
    turns = runs.turns([goal], listed, [])
    assert [*turns.now, *turns.later] == [3]
    assert [number in runs for number in (1, 2, 3)] == [True, True, False]
    assert len(runs) == 0


def test_runs_that_may_end_a_wait_come_first() -> None:
    """If no run of the commit is in progress, all that have ended are requested at once."""
    goal, ended = WaitGoal("dist", None, SHA), [run(id=number) for number in range(1, 9)]
    runs = KnownRuns()
    for number in range(1, 9):
        runs.note_request(number, NOW - number)
    turns = runs.turns([goal], [*ended, run(id=9, **RUNNING)], [])
    assert not turns.now
    assert turns.later == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    turns = runs.turns([goal], [*ended, run(id=9)], [])
    assert sorted(turns.now) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert turns.later == []


def test_runs_in_progress_take_turns() -> None:
    """Of many runs in progress, two have their turn in each poll."""
    runs, numbers = KnownRuns(), range(1, 8)
    for number in numbers:
        runs.note_request(number, NOW - number)
    goals = [WaitGoal("dist", number) for number in numbers]
    turns = runs.turns(goals, [run(id=3), run(id=4, **RUNNING)], [5])
    assert sorted(turns.now) == [3, 5]
    assert turns.later == [7, 6]
    assert sorted(runs.turns(goals[:5], [], []).now) == [1, 2, 3, 4, 5]


def test_the_runs_that_were_not_requested_for_longest() -> None:
    """Runs that were never requested come first, and then the one requested longest ago."""
    runs = KnownRuns()
    for number, moment in ((1, 5.0), (2, 3.0), (3, 4.0)):
        runs.note_request(number, moment)
    assert runs.by_last_request([1, 2, 3, 4]) == [4, 2, 3, 1]
    runs.note_request(SHA, 1.0)
    assert runs.by_last_request([SHA, OTHER_COMMIT]) == [OTHER_COMMIT, SHA]
