"""The faults of a run of a schedule, assigned to the requests that the server receives."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.campaigns._faults import NamedFault
from benchmarks.campaigns._schedules import Run
from ghartifacts_async.testing import FakeGitHub, LoggedRequest


class RunFaults:
    """The faults that a server has during the runs of a schedule.

    Args:
        fake: The server.
        rng: The source of randomness.

    Attributes:
        met: The kinds of faults that requests of any run have met.
        met_in_run: The kinds of faults that requests of the current run have met.
        counts: The number of injected faults by kind.
    """

    def __init__(self, fake: FakeGitHub, rng: random.Random) -> None:
        self._fake = fake
        self._rng = rng
        self.met: set[str] = set()
        self.met_in_run: set[str] = set()
        self.counts: Counter[str] = Counter()

    def set_up(self, run: Run) -> None:
        """Replace the faults of the previous run by those of the next one."""
        self.met_in_run.clear()
        self._fake.clear_faults()
        self._fake.clear_requests()
        self._fake.url_ttl = run.url_ttl
        self._fake.fail_blobs_when(self._consecutive(run.faults, ""))
        if run.first_request_fault is not None:
            self._fake.fail_blobs_when(self._once_per_start(run.first_request_fault))
        if run.behaviour:
            self._fake.fail_blobs_when(lambda _: self._meet(self._rng.choice(run.behaviour)))
        self._fake.fail_when(self._consecutive(run.api_faults, "/zip"))

    def _consecutive(
        self, faults: Sequence[NamedFault | None], end: str
    ) -> Callable[[LoggedRequest], Any]:
        """Return a function that assigns the faults in turn to requests for paths with this end."""
        queue = deque(faults)

        def choose(request: LoggedRequest) -> Any:
            if not queue or not request.path.endswith(end) or (fault := queue.popleft()) is None:
                return None
            return self._meet(fault)

        return choose

    def _once_per_start(self, fault: NamedFault) -> Callable[[LoggedRequest], Any]:
        """Return a function that assigns the fault to the first request from each offset."""
        seen: set[str] = set()

        def choose(request: LoggedRequest) -> Any:
            start = request.headers.get("Range", "").partition("-")[0]
            if start in seen:
                return None
            seen.add(start)
            return self._meet(fault)

        return choose

    def _meet(self, fault: NamedFault) -> Any:
        kinds = fault[0].split(" & ")
        self.counts.update(kinds)
        self.met.update(kinds)
        self.met_in_run.update(kinds)
        return fault[1]
