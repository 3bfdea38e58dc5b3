"""`FaultMethods`: the methods of `FakeGitHub` for faults, held requests and rate limits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

from ghartifacts_async.testing._api.faults import Fault
from ghartifacts_async.testing._api.handler import ApiControls
from ghartifacts_async.testing._blob.faults import BlobFault
from ghartifacts_async.testing._blob.handler import BlobControls
from ghartifacts_async.testing._shared.fault_schedule import FaultChooser
from ghartifacts_async.testing._shared.messages import RequestMatcher


class FaultMethods:
    """Methods that make requests fail or wait, and counters of the rate limits.

    They can be called before the server is started and while it runs.
    """

    _api_controls: ApiControls
    _blob_controls: BlobControls

    def fail_next(
        self, *faults: Fault | int, method: str | None = None, path: str | None = None
    ) -> None:
        """Make the next API requests fail: the first with the first fault, and so on.

        Several calls may queue faults for different methods and paths. If a request matches
        several of these queues, the oldest queue supplies the fault. A request that is refused
        by a rate limit leaves the queues unchanged.

        Args:
            faults: The faults. A number stands for a `Fault` with that status.
            method: Fail only requests with this method. None fails every method.
            path: Fail only requests whose percent-decoded path contains a match of this regular
                expression. None fails every path.
        """
        self._api_controls.faults.queue(RequestMatcher.of(method, path), faults)

    def fail_when(self, choose: FaultChooser[Fault]) -> None:
        """Let a function choose the fault of each API request to which no queued fault applies.

        Args:
            choose: A function that takes the request, and returns a fault, a status, or None
                for no fault. `fault_bursts` returns one for random faults.
        """
        self._api_controls.faults.add_chooser(choose)

    def fail_blobs_next(self, *faults: BlobFault | int) -> None:
        """Make the next blob store requests fail: the first with the first fault, and so on.

        Args:
            faults: The faults. A number stands for a `BlobFault` with that status.
        """
        self._blob_controls.faults.queue(RequestMatcher.of(), faults)

    def fail_blobs_when(self, choose: FaultChooser[BlobFault]) -> None:
        """Let a function choose the fault of each blob request to which no queued fault applies.

        Args:
            choose: A function that takes the request, and returns a fault, a status, or None
                for no fault. `fault_bursts` returns one for random faults.
        """
        self._blob_controls.faults.add_chooser(choose)

    def distort_run_lists(
        self, *, shuffle: bool = False, drop: float = 0.0, freeze: bool = False, seed: int = 0
    ) -> None:
        """Make listings of runs differ from the truth, as GitHub's have been seen to do.

        Each call replaces the faults of the previous one, so a call without arguments restores
        the truth. Requests for a single run, and listings of artifacts, always have the truth.

        Args:
            shuffle: Whether listings are in a random order, which differs in each response.
            drop: The share of runs, from 0 to 1, that are missing in each response, chosen at
                random.
            freeze: Whether listings show the runs as they are now, without later changes.
            seed: The seed of the random numbers.

        Raises:
            ValueError: The share is not between 0 and 1.
        """
        run_lists = self._api_controls.run_lists
        run_lists.set(shuffle=shuffle, drop=drop, freeze=freeze, seed=seed)

    def clear_faults(self) -> None:
        """Remove all faults of the API and of the blob store.

        Signed URLs that were invalidated by `BlobFault.expire` work again.
        """
        self._api_controls.faults.clear()
        self._api_controls.run_lists.restore()
        self._blob_controls.faults.clear()
        self._blob_controls.expired.clear()

    @property
    def queued_faults(self) -> int:
        """The number of queued faults, of both origins, that have not been used yet."""
        return self._api_controls.faults.queued + self._blob_controls.faults.queued

    def holding(
        self,
        *,
        origin: Literal["api", "blob"] = "api",
        method: str | None = None,
        path: str | None = None,
    ) -> AbstractContextManager[None]:
        """Hold the requests that arrive within a `with` block, and answer them when it ends.

        Held requests count as in progress, and therefore against `FakeLimits.concurrent`.

        Args:
            origin: Whether to hold requests to the API or to the blob store.
            method: Hold only requests with this method. None holds every method.
            path: Hold only requests whose percent-decoded path contains a match of this regular
                expression. None holds every path.
        """
        controls = self._api_controls if origin == "api" else self._blob_controls
        return controls.held.holding(RequestMatcher.of(method, path))

    @property
    def wait_violations(self) -> int:
        """The number of API requests that arrived while their account was asked to wait.

        A response asks its account to wait if it has `Retry-After` and status 403 or 429, or if
        it has `X-RateLimit-Remaining: 0`. It does not matter whether a fault or a rate limit
        caused the response, or whether the rate limits are enforced.

        A client may send requests before it reads the response that asks it to wait. Therefore
        the first request on each other connection does not count if it arrives within one second
        after that response.
        """
        return self._api_controls.rate_limiter.wait_violations

    @property
    def secondary_limit_hits(self) -> int:
        """How many times an account exceeded a secondary limit.

        The refusals that follow, until the account has waited, are not counted.
        """
        return self._api_controls.rate_limiter.secondary_limit_hits

    @property
    def max_concurrent_requests(self) -> int:
        """The highest number of API requests that were in progress at the same time."""
        return self._api_controls.rate_limiter.max_in_progress
