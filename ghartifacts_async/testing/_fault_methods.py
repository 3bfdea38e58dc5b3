"""`FaultMethods`: the methods of `FakeGitHub` for faults, held requests and rate limits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

from ghartifacts_async.testing._api.faults import Fault
from ghartifacts_async.testing._api.handler import ApiControls
from ghartifacts_async.testing._blob.faults import BlobFault
from ghartifacts_async.testing._blob.handler import BlobControls
from ghartifacts_async.testing._shared.fault_schedule import FaultChooser
from ghartifacts_async.testing._shared.request_matcher import RequestMatcher


class FaultMethods:
    """Methods that make requests fail or wait, and counters of the rate limits.

    They work before the server is started as well as while it runs.
    """

    _api_controls: ApiControls
    _blob_controls: BlobControls

    def fail_next(
        self, *faults: Fault | int, method: str | None = None, path: str | None = None
    ) -> None:
        """Make the next API requests fail, one for each fault, in this order.

        Several calls may queue faults for different requests. A request that matches several
        queues meets the fault that was queued first. A request that a rate limit refuses meets
        no fault.

        Args:
            faults: The faults. A number is a `Fault` with that status.
            method: Fail only requests with this method. None fails every method.
            path: Fail only requests whose percent-decoded path contains a match of this regular
                expression. None fails every path.
        """
        self._api_controls.faults.queue(RequestMatcher.of(method, path), faults)

    def fail_when(self, choose: FaultChooser[Fault]) -> None:
        """Let a function decide whether an API request fails, if no queued fault applies.

        Args:
            choose: Takes the request, and returns a fault, a status or None. `fault_bursts`
                returns a function that makes requests fail at random.
        """
        self._api_controls.faults.add_chooser(choose)

    def fail_blobs_next(self, *faults: BlobFault | int) -> None:
        """Make the next requests to the blob store fail, one for each fault, in this order.

        Args:
            faults: The faults. A number is a `BlobFault` with that status.
        """
        self._blob_controls.faults.queue(RequestMatcher.of(), faults)

    def fail_blobs_when(self, choose: FaultChooser[BlobFault]) -> None:
        """Let a function decide whether a blob request fails, if no queued fault applies.

        Args:
            choose: Takes the request, and returns a fault, a status or None. `fault_bursts`
                returns a function that makes requests fail at random.
        """
        self._blob_controls.faults.add_chooser(choose)

    def clear_faults(self) -> None:
        """Remove all faults of the API and of the blob store.

        Signed URLs that `BlobFault.expire` made expire work again.
        """
        self._api_controls.faults.clear()
        self._blob_controls.faults.clear()
        self._blob_controls.expired.clear()

    @property
    def faults_left(self) -> int:
        """The number of queued faults, of both origins, that no request has met yet."""
        return self._api_controls.faults.queued + self._blob_controls.faults.queued

    def holding(
        self,
        *,
        origin: Literal["api", "blob"] = "api",
        method: str | None = None,
        path: str | None = None,
    ) -> AbstractContextManager[None]:
        """Hold the requests that arrive within a `with` block, and answer them when it ends.

        Held requests are in progress: they count against `FakeLimits.concurrent`.

        Args:
            origin: Hold requests to the API or to the blob store.
            method: As in `fail_next`.
            path: As in `fail_next`.
        """
        controls = self._api_controls if origin == "api" else self._blob_controls
        return controls.held.holding(RequestMatcher.of(method, path))

    @property
    def sent_while_told_to_wait(self) -> int:
        """The number of API requests that arrived before the end of a requested wait.

        A response asks its account to wait by `Retry-After` with status 403 or 429, or by
        `X-RateLimit-Remaining: 0`. Faults, enforced limits and limits that are only counted all
        have this effect. On each connection, the first request within one second after the
        response that started the wait does not count, because the client may have sent it
        before it received that response.
        """
        return self._api_controls.rate_limiter.wait_violations

    @property
    def secondary_trips(self) -> int:
        """How often an account exceeded a secondary limit. Later refusals do not count."""
        return self._api_controls.rate_limiter.secondary_trips

    @property
    def most_under_way(self) -> int:
        """The highest number of API requests that were in progress at the same time."""
        return self._api_controls.rate_limiter.max_in_progress
