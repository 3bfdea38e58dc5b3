"""`WebhookMethods`: the methods of `FakeGitHub` that send webhooks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Collection, Mapping
from functools import partial

import aiohttp
import attrs

from ghartifacts_async.testing._api.documents.accounts import account_document
from ghartifacts_async.testing._api.documents.repositories import repository_document
from ghartifacts_async.testing._api.documents.runs import run_document
from ghartifacts_async.testing._run_methods import RunMethods
from ghartifacts_async.testing._server_thread import ServerThread
from ghartifacts_async.testing._shared.run import FakeRun

_HOOK_ID = 109948940
_TIMEOUT = aiohttp.ClientTimeout(total=10)  # GitHub waits as long


@attrs.frozen
class _Webhook:
    url: str
    secret: str | None
    events: frozenset[str]


class WebhookMethods(RunMethods):
    """Methods that send webhooks to the program under test, as GitHub does."""

    _thread: ServerThread | None

    @property
    def url(self) -> str:
        """The base URL of the API."""
        raise NotImplementedError

    def __init__(self) -> None:
        self._webhooks: list[_Webhook] = []
        self._deliveries: set[asyncio.Task[int]] = set()

    def add_webhook(
        self,
        url: str,
        *,
        secret: str | None = None,
        events: Collection[str] = ("workflow_run",),
    ) -> None:
        """Send a delivery to a URL whenever `complete_run` completes a run.

        The delivery is sent while the server's event loop runs; `deliver` sends one and waits for
        the answer.

        Args:
            url: The URL of the receiver.
            secret: The secret that signs the deliveries. None sends them without a signature.
            events: The events that the webhook wants. Only `"workflow_run"` is sent by itself.
        """
        self._webhooks.append(_Webhook(url, secret, frozenset(events)))

    def complete_run(self, run: FakeRun | int, conclusion: str = "success") -> FakeRun:
        """Complete the latest attempt of a run, and return the changed run.

        Sends a delivery to each webhook of `add_webhook`.

        Args:
            run: The run or its id.
            conclusion: `"success"`, `"failure"`, `"cancelled"` or another conclusion of GitHub.

        Raises:
            KeyError: The run does not exist.
            RuntimeError: There are webhooks, and the server is not running.
        """
        completed = super().complete_run(run, conclusion)
        for webhook in self._webhooks:
            if "workflow_run" in webhook.events:
                # The run may be changed again before the delivery is sent.
                payload = self._payload("workflow_run", completed, "completed")
                send = partial(self._start_delivery, webhook, payload)
                if self._thread is None:
                    send()
                else:
                    self._thread.call_soon(send)
        return completed

    async def deliver(
        self,
        url: str,
        event: str,
        payload: Mapping[str, object] | None = None,
        *,
        run: FakeRun | int | None = None,
        action: str = "completed",
        secret: str | None = None,
        delivery: str | None = None,
        installation_id: int | None = None,
    ) -> int:
        """Send a webhook delivery, and return the status of the answer.

        Redirects are not followed, as GitHub does not follow them.

        Args:
            url: The URL of the receiver.
            event: The name of the event, such as `"workflow_run"`.
            payload: The payload. None makes one for `"ping"` or, with `run`, `"workflow_run"`.
            run: The run of a `"workflow_run"` event, or its id.
            action: The action of a `"workflow_run"` event.
            secret: The secret that signs the delivery. None sends it without a signature.
            delivery: The id of the delivery. None chooses a new one; pass the id of an earlier
                delivery to send that one again.
            installation_id: The installation of an app that the webhook belongs to.

        Raises:
            ValueError: There is no payload, and none can be made for this event.
            KeyError: The run does not exist.
        """
        if payload is None:
            payload = self._payload(event, None if run is None else self.run(run), action)
        if installation_id is not None:
            payload = {**payload, "installation": {"id": installation_id}}
        body = json.dumps(payload).encode()
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(_HOOK_ID),
        }
        if secret is not None:
            signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature-256"] = f"sha256={signature}"
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status

    def _start_delivery(self, webhook: _Webhook, payload: Mapping[str, object]) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "the webhook of a completed run is sent on the event loop of the server; complete "
                "the run there, or run the server in a thread of its own, with `with`"
            ) from None
        task = loop.create_task(
            self.deliver(webhook.url, "workflow_run", payload, secret=webhook.secret)
        )
        self._deliveries.add(task)
        task.add_done_callback(self._delivered)

    def _payload(self, event: str, run: FakeRun | None, action: str) -> dict[str, object]:
        if event == "ping":
            zen = "Keep it logically awesome."
            return {"zen": zen, "hook_id": _HOOK_ID, "hook": {"id": _HOOK_ID, "type": "App"}}
        if event != "workflow_run" or run is None:
            raise ValueError(f"pass the payload of a {event!r} event, or the run of a workflow_run")
        repository = self._database.repository(run.repository_id)
        assert repository is not None
        head = self._database.repository(run.head_repository_id)
        full = repository_document(repository, self.url)
        organization = {"organization": full["owner"]} if repository.owned_by_organization else {}
        return {
            "action": action,
            "workflow_run": run_document(run, repository, head, self.url),
            "workflow": {"id": run.workflow_id, "path": run.workflow},
            "repository": full,
            **organization,
            "sender": account_document(run.actor, self.url),
        }

    def _delivered(self, task: asyncio.Task[int]) -> None:
        self._deliveries.discard(task)
        if not task.cancelled():
            task.exception()  # GitHub ignores that a receiver cannot be reached

    async def _cancel_deliveries(self) -> None:
        for task in self._deliveries:
            task.cancel()
        if self._deliveries:
            await asyncio.wait(self._deliveries)
