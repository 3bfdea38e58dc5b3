"""How long a download goes on failing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from ghartifacts_async._api import retry
from ghartifacts_async._http import redirects
from ghartifacts_async.errors import (
    ArtifactsError,
    CertificateRefused,
    IncompleteDownload,
    StoreError,
    TransportError,
)
from ghartifacts_async.models import RetryPolicy

_log = logging.getLogger("ghartifacts_async")


class Retrier:
    """How long a download goes on failing: as a call does, anew with what came.

    Args:
        policy: The client's.
        chance: Random numbers from 0 to 1.
    """

    def __init__(self, policy: RetryPolicy, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._chance = chance
        self._streak = retry.Streak()

    def got(self, received: int) -> None:
        """So many bytes came; only those count of which there were not as many before."""
        self._streak.got(received, _now())

    def wanted(self) -> None:
        """A reader wants more, who may have taken their time."""
        self._streak.wanted(_now())

    def start_over(self) -> None:
        """All bytes are gone."""
        self._streak.start_over()

    async def again(self, error: ArtifactsError, connection: int = 0) -> None:
        """Wait before the next try of a connection: what strikes all of them is one failure each.

        Raises:
            ArtifactsError: This one: there is no other try.
        """
        failures, elapsed = self._streak.failed(_now(), connection)
        attempt = retry.Attempt(failures, elapsed, self._chance())
        decision = retry.decide(self._policy, attempt, _failure(error))
        if isinstance(decision, retry.GiveUp):
            if (tries := self._streak.attempts(connection)) > 1:
                error.attempts, error.seconds = tries, elapsed
                error.summary += (
                    f" (tried {error.attempts} times in {error.seconds:.1f} s without getting on)"
                )
            raise error
        _log.info("%s; going on in %.1f s", error, decision.seconds)
        await asyncio.sleep(decision.seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _failure(error: ArtifactsError) -> retry.Failure:
    """What an error of the store or of the connection means for the next try."""
    if isinstance(error, StoreError):
        # Another URL may be taken.
        status = None if error.status in redirects.URL_REFUSED else error.status
        return retry.Failure(status, error.retry_after)
    # GitHub's calls are tried again where they are made.
    passing = isinstance(error, TransportError | IncompleteDownload) and error.attempts == 1
    return retry.Failure(permanent=not passing or isinstance(error, CertificateRefused))
