"""A webhook bot that comments the coverage of a pull request once its run has succeeded.

It answers GitHub at once and works in the background. A delivery that is sent again, by GitHub or
by somebody who recorded it, is recognized by its id and ignored.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator

from aiohttp import web

from ghartifacts_async import Client, WaitError, WebhookError, webhooks

MOST_REMEMBERED = 10_000


class CoverageBot:
    """The bot: `handle` receives webhooks, `run` keeps its client open.

    Args:
        secret: Secret of the webhook.
        token: Token that may read actions and write comments.
        api_url: Base URL of the API.
    """

    def __init__(self, secret: str, token: str, api_url: str) -> None:
        self._secret = secret
        self._token = token
        self._api_url = api_url
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Keep the client open for as long as the service runs."""
        async with Client(self._token, base_url=self._api_url) as self._gh:
            yield
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def handle(self, request: web.Request) -> web.Response:
        """Receive a webhook."""
        try:
            event = webhooks.parse(request.headers, await request.read(), secret=self._secret)
        except WebhookError as error:
            return web.Response(status=error.status, text=str(error))
        if event.delivery in self._seen:
            return web.Response(status=202, text="received before")
        self._seen[event.delivery] = None
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        if isinstance(event, webhooks.WorkflowRunEvent) and event.action == "completed":
            repo = self._gh.repo(event.repository.full_name)
            repo.waiter.notify(event)
            if event.run.event == "pull_request" and event.run.conclusion == "success":
                task = asyncio.create_task(self._comment(event))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return web.Response(status=202)

    async def _comment(self, event: webhooks.WorkflowRunEvent) -> None:
        """Comment the coverage. The report is data of the pull request: do not trust it."""
        repo = self._gh.repo(event.repository.full_name)
        try:
            artifact = await repo.wait_for_artifact("coverage", run_id=event.run, timeout=120)
        except WaitError:
            return
        async with repo.open_artifact(artifact) as archive:
            report = await archive.read_json("report.json", max_size=100_000)
        percent = float(report["percent"])
        for pull_request in event.payload["workflow_run"]["pull_requests"]:
            path = f"/issues/{pull_request['number']}/comments"
            await repo.request("POST", path, json={"body": f"Coverage: {percent:.1f} %"})


def create_app() -> web.Application:
    """Return the service, configured by environment variables."""
    bot = CoverageBot(
        os.environ["WEBHOOK_SECRET"],
        os.environ["GH_TOKEN"],
        os.environ.get("GITHUB_API_URL", "https://api.github.com"),
    )
    app = web.Application()
    app.cleanup_ctx.append(bot.run)
    app.router.add_post("/webhook", bot.handle)
    return app


if __name__ == "__main__":
    web.run_app(create_app(), port=8080)
