"""Whether to try again, and when: a retry is a value.

Waits have full jitter (a random share of an exponentially growing ceiling), so that clients that
failed together do not come back together; a time that the server named is never undercut.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from ghartifacts_async.models import RetryPolicy

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
    if hopeless or attempt.number >= policy.tries:
        return GiveUp()
    # The exponent is bounded for its own sake: 2.0**1024 is an OverflowError.
    ceiling = min(policy.max_delay, policy.delay * 2.0 ** min(attempt.number - 1, 60))
    seconds = max(attempt.chance * ceiling, failure.retry_after or 0.0)
    return Wait(seconds) if attempt.elapsed + seconds <= policy.total else GiveUp()
