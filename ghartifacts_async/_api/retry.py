"""Whether to try again, and when: a retry is a value.

Waits have full jitter (a random share of an exponentially growing ceiling), so that clients that
failed together do not come back together; a time that the server named is never undercut.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from attrs import frozen

from ghartifacts_async.models import RetryPolicy

WORTH_ITS_TIME = 2**16
"""Bytes of a download for which a policy's time is granted anew."""

RETRIED = frozenset({429, 500, 502, 503, 504})
"""Statuses that may pass; 403 is a matter of limits, everything else will not change."""

MAY_HAVE_WORKED = frozenset({500, 502, 504})
"""Errors of a server that may have carried out the call all the same; 503 says that it did not."""


@frozen
class Attempt:
    """A try that did not succeed.

    Attributes:
        number: 1 for the first.
        elapsed: Seconds since the first began, waits at limits not counted.
        chance: A random number, 0 to 1.
    """

    number: int
    elapsed: float
    chance: float


@frozen
class Failure:
    """What became of a try.

    Attributes:
        status: HTTP status, ``None`` where no answer came.
        retry_after: Seconds that the server asked for, or ``None``.
        permanent: Whether trying again cannot help, for another reason than the status.
    """

    status: int | None = None
    retry_after: float | None = None
    permanent: bool = False


@frozen
class Wait:
    """Try again after so many seconds."""

    seconds: float


@frozen
class GiveUp:
    """Do not try again."""


Decision: TypeAlias = Wait | GiveUp


def decide(policy: RetryPolicy, attempt: Attempt, failure: Failure) -> Decision:
    """Whether to try again after a failure."""
    hopeless = failure.permanent or (failure.status is not None and failure.status not in RETRIED)
    if hopeless or attempt.number >= policy.attempts:
        return GiveUp()
    # The exponent is bounded for its own sake: 2.0**1024 is an OverflowError.
    ceiling = min(policy.wait_max, policy.wait_initial * 2.0 ** min(attempt.number - 1, 60))
    seconds = max(attempt.chance * ceiling, failure.retry_after or 0.0)
    return Wait(seconds) if attempt.elapsed + seconds <= policy.timeout else GiveUp()


class Streak:
    """What a download has failed without getting on.

    Its tries count anew with each byte, and its time with each 64 KiB: so a store is followed
    that breaks off all the time, and none that stalls all the time. Bytes that were there before
    it started over are none.
    """

    def __init__(self) -> None:
        self._failures = Counter[int]()
        self._tries = Counter[int]()
        self._since: float | None = None
        self._got_at: float | None = None
        self._there = self._most = self._worth = 0

    def got(self, count: int, now: float) -> None:
        """So many bytes came."""
        self._got_at = now
        self._there += count
        if self._there > self._most:
            self._most = self._there
            self._failures.clear()
        if self._most >= self._worth:
            self._since = None

    def wanted(self, now: float) -> None:
        """More is wanted: until now, what had come was enough."""
        if self._since is not None and self._got_at is not None:
            self._since += now - self._got_at
        self._got_at = None

    def failed(self, now: float, connection: int) -> tuple[int, float]:
        """Of how many failures of a connection this is the last, and since how many seconds."""
        if self._since is None:
            self._since = now
            self._worth = self._most + WORTH_ITS_TIME
            self._tries.clear()
        self._got_at = None
        self._failures[connection] += 1
        self._tries[connection] += 1
        return self._failures[connection], now - self._since

    def attempts(self, connection: int) -> int:
        """Failures of a connection in that time."""
        return self._tries[connection]

    def start_over(self) -> None:
        """All bytes are gone."""
        self._there = 0
