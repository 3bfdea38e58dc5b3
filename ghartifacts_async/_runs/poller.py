"""The polls of one repository, shared by all waits for its artifacts and runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextlib import suppress

from attrs import define, field

from ghartifacts_async._api.pagination import Page
from ghartifacts_async._context import ClientContext
from ghartifacts_async._runs.known_runs import MANY, KnownRuns
from ghartifacts_async._runs.poll_requests import PollRequests
from ghartifacts_async._runs.watch import (
    Pending,
    WaitGoal,
    calls_in_budget,
    evaluate,
    is_over_budget,
    next_delay,
    next_pause,
    reaches_back_to,
    redacted,
    urgent_delay,
)
from ghartifacts_async.errors import NotFound, RunEnded, ServerError, TransportError
from ghartifacts_async.models import Artifact, Run
from ghartifacts_async.webhooks import Event

_MIN_SPACING = 1.0
"""Minimum number of seconds between two polls, however many events arrive."""

_log = logging.getLogger("ghartifacts_async")


@define(eq=False)
class Watch:
    """The waits that have the same goal.

    Attributes:
        goal: The artifact or the run that they wait for.
        done: The result, or the error that ended the waits.
        intervals: Seconds between polls that each wait has requested. None means the default.
        state: What GitHub last returned about the goal, for the message of a timeout.
        soon: Whether the artifact should be listed within seconds.
        woken: Whether an event arrived, so that the next poll must request the goal's runs.
    """

    goal: WaitGoal
    done: asyncio.Future[Artifact | Run]
    intervals: list[float | None] = field(factory=list)
    state: str = "GitHub has not answered yet"
    soon: bool = False
    woken: bool = False

    def finish(self, result: Artifact | Run | Exception) -> None:
        """Set the result or the error, unless one is set."""
        if self.done.done():
            return
        if isinstance(result, Exception):
            self.done.set_exception(result)
            self.done.exception()  # keeps asyncio from logging it
        else:
            self.done.set_result(result)


class Poller:
    """The polls of one repository.

    Args:
        context: The context of the open client.
        repository: ``owner/name``.
    """

    def __init__(self, context: ClientContext, repository: str) -> None:
        self._api = context.api
        self._lifetime = context.lifetime
        self._requests = PollRequests(context.api, repository)
        self._watches: dict[WaitGoal, Watch] = {}
        self._runs = KnownRuns()
        self._listed: set[tuple[int, str]] = set()
        self._artifacts: list[Artifact] = []
        self._joined = asyncio.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no wait is in progress."""
        return not self._watches

    def join(self, goal: WaitGoal, interval: float | None) -> Watch:
        """Add a wait, and return the watch that it shares with the other waits for its goal."""
        watch = self._watches.get(goal)
        if watch is None or watch.done.done():
            done = asyncio.get_running_loop().create_future()
            watch = self._watches[goal] = Watch(goal, done)
        if interval not in watch.intervals:
            self._joined.set()
            self._wake.set()
        watch.intervals.append(interval)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())
        return watch

    def leave(self, watch: Watch, interval: float | None) -> None:
        """Remove a wait that `join` added with the same interval."""
        watch.intervals.remove(interval)
        if not watch.intervals and self._watches.get(watch.goal) is watch:
            del self._watches[watch.goal]

    async def stop(self) -> None:
        """Cancel the running poll, and wait for it to end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def notify(self, event: Event) -> None:
        """Poll at once if an event is about a watched run; see `Waiter.notify`."""
        for watch in self._watches.values():
            if watch.goal.is_subject_of(event):
                watch.woken = True
                self._wake.set()

    async def _run(self) -> None:
        """Poll until the task is cancelled or the client is closed."""
        loop, requests = asyncio.get_running_loop(), self._requests
        polled_at, delay = loop.time(), None
        try:
            async with self._lifetime.scope():
                while True:
                    self._joined.clear()
                    self._wake.clear()
                    counted = calls_in_budget(requests.counted, loop.time() - polled_at)
                    requests.counted, polled_at = counted, loop.time()
                    watches = self._pending()
                    await self._poll()
                    if any(watch.done.done() for watch in watches):
                        requests.counted = counted  # the calls that end a wait have to be made
                    self._runs.keep_only(watch.goal for watch in self._pending())
                    delay = next_delay(delay)
                    if await self._pause(self._wait(delay)):
                        delay = None
        except Exception as error:
            for watch in [*self._watches.values()]:
                watch.finish(error)

    def _wait(self, delay: float) -> float:
        """Return the seconds until the next poll."""
        pending = self._pending()
        intervals = {interval for watch in pending for interval in watch.intervals}
        soon = any(watch.soon for watch in pending)
        return max(
            next_pause(delay, intervals, self._requests.counted, soon=soon),
            self._requests.min_delay,
        )

    async def _pause(self, seconds: float) -> bool:
        """Wait until the next poll. Return True if an event or a new wait made it due earlier."""
        first = min(_MIN_SPACING, seconds)
        urgent = min(
            seconds, max(first, self._requests.min_delay, urgent_delay(self._requests.counted))
        )
        await asyncio.sleep(first)
        for event, limit in ((self._joined, urgent - first), (self._wake, seconds - urgent)):
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await event.wait()
                    return True
        return False

    async def _poll(self) -> None:
        """Poll GitHub once for all waits, and finish those whose result is known."""
        self._requests.min_delay = 0.0
        self._listed.clear()
        self._artifacts.clear()
        # An event that arrives from here on may be about a state that is not requested again.
        woken = {watch for watch in self._pending() if watch.woken}
        for watch in woken:
            watch.woken = False
        try:
            await self._request_runs(woken)
            await self._request_artifacts()
            for watch in self._pending():
                await self._evaluate(watch)
        except (ServerError, TransportError) as error:
            # The call was retried. A wait may outlast a longer outage.
            _log.warning("%s; polling continues", error.summary)
            for watch in self._pending():
                watch.state = error.summary
            for watch in woken:
                watch.woken = True

    async def _evaluate(self, watch: Watch) -> None:
        """Finish a watch if its artifact is listed or its runs have ended without it."""
        goal, now = watch.goal, asyncio.get_running_loop().time()
        states = self._runs.concerning(goal)
        result = evaluate(goal, states, self._artifacts, now)
        if goal.name is not None and isinstance(result, RunEnded):
            # This ends the wait, so it must be certain.
            for run_id in sorted(state.run.id for state in states):
                await self._list_artifacts_of_run(run_id, goal.name)
            result = evaluate(goal, states, self._artifacts, now)
        result = redacted(result, self._api.redact)
        if isinstance(result, Pending):
            watch.state, watch.soon = result.state, result.soon
        else:
            watch.finish(result)

    async def _request_runs(self, woken: Collection[Watch]) -> None:
        """Request the runs that may have changed their state.

        Args:
            woken: The watches that an event woke.
        """
        now = asyncio.get_running_loop().time()
        watches = self._pending()
        run_ids, commits = _run_ids(watches), _commits(watches)
        to_list, listed = commits, list[Run]()
        if len(run_ids) > MANY or len(commits) > MANY:
            listed += await self._requests.newest_runs({})
        if len(commits) > MANY:
            # That listing may be stale or incomplete, so list the runs of a commit in any case.
            to_list = _commits(woken) | {*self._runs.by_last_request(commits)[:1]}
        for sha in sorted(to_list):
            self._runs.note_request(sha, now)
            listed += await self._requests.newest_runs({"head_sha": sha})
        urgent = _run_ids(watch for watch in watches if watch in woken or watch.soon)
        goals = [watch.goal for watch in watches]
        turns = self._runs.turns(goals, listed, urgent)
        for run_id in sorted(turns.now):
            await self._request_run(run_id)
        for number, run_id in enumerate(turns.later):
            # One call is reserved for the listing of artifacts.
            if number == 0 or not is_over_budget(self._requests.counted + 1):
                await self._request_run(run_id)

    async def _request_run(self, run_id: int) -> None:
        """Request a run, and finish the watches of a run that does not exist or cannot match."""
        self._runs.note_request(run_id, asyncio.get_running_loop().time())
        try:
            run, headers = await self._requests.run(run_id)
        except NotFound as error:
            self._runs.remove(run_id)
            for watch in self._pending():
                if watch.goal.run_id == run_id:
                    watch.finish(error)
            return
        self._runs.note(run, headers, asyncio.get_running_loop().time())
        for watch in self._pending():
            if watch.goal.run_id == run_id and not watch.goal.concerns(run):
                other = f"run {run_id} belongs to workflow {run.workflow_file or run.workflow_id}"
                summary = f"{other}, not to {watch.goal.workflow}"
                watch.finish(NotFound(self._api.redact(summary), status=404))

    async def _request_artifacts(self) -> None:
        """Request the newest artifacts with one call that covers all waits for artifacts.

        That listing may not reach back to a run, so the run's own artifacts are listed, too.
        """
        goals = [watch.goal for watch in self._pending() if watch.goal.name is not None]
        if not goals:
            return
        names = {goal.name for goal in goals}
        name = names.pop() if len(names) == 1 else None
        runs = {goal.run_id for goal in goals}
        run_id = runs.pop() if len(runs) == 1 else None
        newest: Page[Artifact] | None = None
        if run_id is not None and name is not None:
            await self._list_artifacts_of_run(run_id, name)
        else:
            newest = await self._requests.newest_artifacts(name)
            self._artifacts += newest.items
        for artifact in self._artifacts:
            run_id = artifact.workflow_run.id if artifact.workflow_run is not None else None
            if run_id is None or run_id in self._runs:
                continue
            if any(goal.may_come_from(artifact) for goal in goals):
                await self._request_run(run_id)
        unlisted = {
            (state.run.id, goal.name)
            for goal in goals
            for state in self._runs.concerning(goal)
            if goal.name is not None
            and goal.accepts(state.run)
            and not reaches_back_to(newest, state.run)
        }
        in_turn = self._runs.by_last_request(sorted(unlisted - self._listed))[:MANY]
        for number, (run_id, name) in enumerate(in_turn):
            if number == 0 or not is_over_budget(self._requests.counted):
                await self._list_artifacts_of_run(run_id, name)

    async def _list_artifacts_of_run(self, run_id: int, name: str) -> None:
        """List the artifacts of a run, unless this poll has done so."""
        if (run_id, name) in self._listed:
            return
        self._listed.add((run_id, name))
        self._runs.note_request((run_id, name), asyncio.get_running_loop().time())
        with suppress(NotFound):  # the request for the run itself reports this
            self._artifacts += await self._requests.artifacts_of_run(run_id, name)

    def _pending(self) -> list[Watch]:
        return [watch for watch in self._watches.values() if not watch.done.done()]


def _run_ids(watches: Iterable[Watch]) -> set[int]:
    return {watch.goal.run_id for watch in watches if watch.goal.run_id is not None}


def _commits(watches: Iterable[Watch]) -> set[str]:
    return {watch.goal.head_sha for watch in watches if watch.goal.head_sha is not None}
