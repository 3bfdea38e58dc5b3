"""FakeGitHub sends webhooks that `webhooks.parse` accepts."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, field

from ghartifacts_async import Repo, WebhookError, webhooks
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

SECRET = "It's a Secret to Everybody"


@define(eq=False)
class Receiver:
    """A receiver of webhooks, with its URL and the events that it has received."""

    url: str = ""
    events: list[webhooks.Event] = field(factory=list)
    arrived: asyncio.Event = field(factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Receive a webhook."""
        try:
            event = webhooks.parse(request.headers, await request.read(), secret=SECRET)
        except WebhookError as error:
            return web.Response(status=error.status)
        self.events.append(event)
        self.arrived.set()
        return web.Response(status=204)


async def redirect(_: web.Request) -> web.Response:
    """Redirect to the receiver."""
    raise web.HTTPTemporaryRedirect("/")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A running receiver."""
    received, app = Receiver(), web.Application()
    app.router.add_post("/", received.handle)
    app.router.add_post("/moved", redirect)
    async with TestServer(app) as server:
        received.url = str(server.make_url("/"))
        yield received


async def test_a_completed_run_is_delivered(
    fake_github: FakeGitHub, repo: Repo, receiver: Receiver
) -> None:
    """Completing a run sends its webhook, which describes the run as the API does."""
    fake_github.add_webhook(receiver.url, secret=SECRET)
    fake_github.add_webhook(receiver.url, secret=SECRET, events=["push"])
    fake_github.add_webhook("http://127.0.0.1:1/")
    run = fake_github.add_run(REPOSITORY, status="in_progress")
    fake_github.complete_run(run, "failure")
    async with asyncio.timeout(10):
        await receiver.arrived.wait()
    (event,) = receiver.events
    assert isinstance(event, webhooks.WorkflowRunEvent)
    assert (event.action, event.run.conclusion) == ("completed", "failure")
    assert event.run == await repo.get_run(run.id)


async def test_deliveries_of_a_test(fake_github: FakeGitHub, receiver: Receiver) -> None:
    """A test can send any event, wait for the answer, and send the same delivery again."""
    run = fake_github.add_run(REPOSITORY, status="in_progress", head_repository="someone/fork")
    deliver = fake_github.deliver
    assert await deliver(receiver.url, "ping", secret=SECRET) == 204
    for _ in range(2):
        options = {"run": run, "action": "requested", "delivery": "7-7"}
        status = await deliver(
            receiver.url,
            "workflow_run",
            secret=SECRET,
            installation_id=7,
            **options,  # type: ignore[arg-type]
        )
        assert status == 204
    payload = {"ref": "refs/heads/main"}
    assert await deliver(receiver.url, "push", payload, secret=SECRET) == 204
    assert [event.name for event in receiver.events] == [
        "ping", "workflow_run", "workflow_run", "push",
    ]  # fmt: skip
    first, second = receiver.events[1:3]
    assert first == second
    assert (first.delivery, first.installation_id) == ("7-7", 7)
    assert first.run is not None
    assert first.run.is_fork


async def test_wrong_secrets_and_payloads(fake_github: FakeGitHub, receiver: Receiver) -> None:
    """A delivery without the right signature is refused; an unknown event needs a payload."""
    run = fake_github.add_run(REPOSITORY)
    for secret in (None, "wrong"):
        status = await fake_github.deliver(receiver.url, "workflow_run", run=run, secret=secret)
        assert status == 401
    assert receiver.events == []
    with pytest.raises(ValueError, match="payload"):
        await fake_github.deliver(receiver.url, "push")
    with pytest.raises(KeyError):
        await fake_github.deliver(receiver.url, "workflow_run", run=5)


def test_a_test_without_an_event_loop() -> None:
    """A server in a thread of its own sends the webhook of a completed run, too."""
    received: queue.Queue[webhooks.Event] = queue.Queue()

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put(webhooks.parse(self.headers.items(), body, secret=SECRET))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Receive) as server, FakeGitHub() as fake:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            fake.add_webhook(f"http://127.0.0.1:{server.server_port}/", secret=SECRET)
            run = fake.add_run(REPOSITORY, status="in_progress")
            fake.complete_run(run)
            event = received.get(timeout=30)
        finally:
            server.shutdown()
            thread.join()
    assert event.run is not None
    assert (event.run.id, event.run.conclusion) == (run.id, "success")


def test_a_server_that_does_not_run() -> None:
    """Without a running server, a run with a webhook cannot be completed, and the error says so."""
    fake = FakeGitHub()
    fake.add_webhook("http://127.0.0.1:1/")
    run = fake.add_run(REPOSITORY, status="in_progress")
    with pytest.raises(RuntimeError, match="has not been started"):
        fake.complete_run(run)


async def test_a_run_that_is_completed_in_another_thread(fake_github: FakeGitHub) -> None:
    """A run with a webhook must be completed on the server's loop, and the error says so."""
    fake_github.add_webhook("http://127.0.0.1:1/")
    run = fake_github.add_run(REPOSITORY, status="in_progress")
    with pytest.raises(RuntimeError, match="on the event loop of the server"):
        await asyncio.to_thread(fake_github.complete_run, run)


async def test_a_run_that_is_started_again_at_once(
    fake_github: FakeGitHub, receiver: Receiver
) -> None:
    """The delivery describes the run as it was completed, even if it is re-run at once."""
    fake_github.add_webhook(receiver.url, secret=SECRET)
    run = fake_github.add_run(REPOSITORY, status="in_progress")
    completed = fake_github.complete_run(run, "failure")
    fake_github.rerun(run)
    async with asyncio.timeout(10):
        await receiver.arrived.wait()
    (event,) = receiver.events
    assert event.run is not None
    assert (event.run.run_attempt, event.run.conclusion) == (1, "failure")
    assert event.run.updated_at == completed.updated_at


async def test_a_receiver_that_redirects(fake_github: FakeGitHub, receiver: Receiver) -> None:
    """A delivery is not sent to the target of a redirect, as GitHub does not follow redirects."""
    url = f"{receiver.url}moved"
    assert await fake_github.deliver(url, "ping", secret=SECRET) == 307
    assert receiver.events == []
