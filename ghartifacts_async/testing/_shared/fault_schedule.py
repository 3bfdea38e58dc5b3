"""Schedules that decide which requests fail, and with which faults."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, overload

from ghartifacts_async.testing._shared.messages import Request, RequestMatcher
from ghartifacts_async.testing._shared.request_log import LoggedRequest, OriginName

F = TypeVar("F")
FaultChooser = Callable[[LoggedRequest], F | int | None]


class FaultSchedule(Generic[F]):
    """The faults that are scheduled for requests to one origin.

    Args:
        origin: The name of the origin.
        from_status: A function that creates a fault from a status code.
    """

    def __init__(self, origin: OriginName, from_status: Callable[[int], F]) -> None:
        self._origin: OriginName = origin
        self._from_status = from_status
        self._queues: list[tuple[RequestMatcher, deque[F]]] = []
        self._choosers: list[FaultChooser[F]] = []

    @property
    def queued(self) -> int:
        """The number of queued faults that have not been used yet."""
        return sum(len(queue) for _, queue in self._queues)

    def queue(self, matches: RequestMatcher, faults: Sequence[F | int]) -> None:
        """Queue faults for the next matching requests."""
        self._queues.append((matches, deque(map(self._fault, faults))))

    def add_chooser(self, choose: FaultChooser[F]) -> None:
        """Let a function choose the fault of each request to which no queued fault applies."""
        self._choosers.append(choose)

    def clear(self) -> None:
        """Remove all queued faults and choosers."""
        self._queues.clear()
        self._choosers.clear()

    def next_for(self, request: Request) -> F | None:
        """Return the fault for a request, or None. A queued fault leaves its queue."""
        for matches, queue in self._queues:
            if queue and matches(request):
                fault = queue.popleft()
                self._queues = [entry for entry in self._queues if entry[1]]
                return fault
        if self._choosers:
            logged = LoggedRequest.of(self._origin, request)
            for choose in self._choosers:
                chosen = choose(logged)
                if chosen is not None:
                    return self._fault(chosen)
        return None

    def _fault(self, fault: F | int) -> F:
        return self._from_status(fault) if isinstance(fault, int) else fault


@overload
def fault_bursts(
    seed: int, *, share: float = ..., longest: int = ...
) -> Callable[[LoggedRequest], int | None]: ...


@overload
def fault_bursts(
    seed: int, *, share: float = ..., longest: int = ..., faults: Sequence[F | int]
) -> FaultChooser[F]: ...


def fault_bursts(
    seed: int,
    *,
    share: float = 0.02,
    longest: int = 5,
    faults: Sequence[object] = (500, 502, 503, 504),
) -> Callable[[LoggedRequest], object]:
    """Return a function that makes requests fail in random, reproducible bursts.

    Pass it to `FakeGitHub.fail_when` or `FakeGitHub.fail_blobs_when`.

    Args:
        seed: The seed of the random numbers. The same seed produces the same bursts.
        share: The probability that a request outside a burst starts one.
        longest: The maximum number of consecutive requests in a burst.
        faults: The faults to choose from at random. For the API, each is a `Fault` or a status;
            for the blob store, a `BlobFault` or a status.
    """
    rng = random.Random(seed)  # noqa: S311 - the sequence has to be reproducible
    remaining = 0

    def choose(_: LoggedRequest) -> object:
        nonlocal remaining
        if not remaining and rng.random() < share:
            remaining = rng.randint(1, longest)
        if not remaining:
            return None
        remaining -= 1
        return rng.choice(faults)

    return choose
