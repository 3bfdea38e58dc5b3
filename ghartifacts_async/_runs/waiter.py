"""Wait for artifacts and runs. All waits for one repository share their polls."""

from __future__ import annotations

import asyncio
from copy import copy

from ghartifacts_async._context import ClientContext
from ghartifacts_async._runs.poller import Poller, Watch
from ghartifacts_async._runs.watch import WaitGoal
from ghartifacts_async.errors import ArtifactsError, WaitTimedOut
from ghartifacts_async.models import Artifact, Run
from ghartifacts_async.webhooks import Event


class Waiter:
    """The waits of one client, grouped by repository: `Repo.waiter`.

    Without webhooks, `Repo.wait_for_artifact` and `Repo.wait_for_run` ask GitHub every 2 to 30
    seconds, with at most 30 calls of the primary rate limit in ten minutes, plus those that end a
    wait. If your service receives webhooks, pass them to `notify`, and the waits that they concern
    ask GitHub at once, or within a minute if very many webhooks arrive.
    """

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self._pollers: dict[str, Poller] = {}

    def notify(self, event: Event) -> None:
        """Wake the waits that an event concerns. Other events are ignored.

        Args:
            event: An event that `webhooks.parse` returned.
        """
        if event.repository is not None:
            poller = self._pollers.get(event.repository.full_name.lower())
            if poller is not None:
                poller.notify(event)

    async def wait(
        self,
        repository: str,
        goal: WaitGoal,
        seconds: float | None,
        poll_interval: float | None,
    ) -> Artifact | Run:
        """Wait for an artifact or for the end of a run; see `Repo.wait_for_artifact`."""
        key = repository.lower()
        poller = self._pollers.get(key)
        if poller is None:
            poller = self._pollers[key] = Poller(self._context, repository)
        watch = poller.join(goal, poll_interval)
        try:
            async with self._context.lifetime.scope():
                return await _result(watch, seconds)
        finally:
            poller.leave(watch, poll_interval)
            if poller.is_idle:
                if self._pollers.get(key) is poller:
                    del self._pollers[key]
                await poller.stop()


async def _result(watch: Watch, seconds: float | None) -> Artifact | Run:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await asyncio.shield(watch.done)
    except TimeoutError:
        failure: ArtifactsError = WaitTimedOut(
            f"timed out after {seconds:g} s waiting for {watch.goal}; {watch.state}"
        )
    except ArtifactsError as error:
        # Several waits may raise this error, and each adds its own traceback.
        failure = copy(error)
    raise failure
