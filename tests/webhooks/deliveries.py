"""Webhook deliveries as GitHub sends them."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from tests.values import run_json

SECRET = "It's a Secret to Everybody"
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"

RUN = run_json()
REPOSITORY_JSON = RUN["repository"]
SENDER = {"login": "octocat", "id": 1, "type": "User"}

JOB = {
    "id": 29679449,
    "run_id": 30433642,
    "workflow_name": "Build",
    "head_branch": "main",
    "run_url": "https://api.github.com/repos/octo-org/octo-docs/actions/runs/30433642",
    "run_attempt": 2,
    "node_id": "MDEyOldvcmtmbG93IEpvYjI2OTI4OQ==",
    "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
    "url": "https://api.github.com/repos/octo-org/octo-docs/actions/jobs/29679449",
    "html_url": "https://github.com/octo-org/octo-docs/runs/29679449",
    "status": "completed",
    "conclusion": "failure",
    "started_at": "2026-01-22T19:33:08Z",
    "completed_at": "2026-01-22T19:34:08Z",
    "name": "build",
    "steps": [],
    "labels": ["ubuntu-latest"],
    "runner_id": 1,
}

COMMON = {"repository": REPOSITORY_JSON, "sender": SENDER, "installation": {"id": 7}}

PAYLOADS: dict[str, dict[str, Any]] = {
    "workflow_run": {
        "action": "completed",
        "workflow_run": RUN,
        "workflow": {"id": 159038, "name": "Build"},
        **COMMON,
    },
    "workflow_job": {"action": "completed", "workflow_job": JOB, **COMMON},
    "ping": {"zen": "Keep it logically awesome.", "hook_id": 109948940, "hook": {"id": 109948940}},
    "push": {"ref": "refs/heads/main", "commits": [], **COMMON},
    "installation": {"action": "created", "installation": {"id": 7, "app_id": 12345}},
    # The run of a deployment is abridged, so it is not an `Event.run`.
    "deployment": {"action": "created", "workflow_run": {"id": 30433642}, **COMMON},
}


def signature(body: bytes, secret: str | bytes = SECRET) -> str:
    """Return the value of ``X-Hub-Signature-256`` for a body."""
    key = secret.encode() if isinstance(secret, str) else secret
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def signed(
    name: str, body: bytes, secret: str | bytes = SECRET, **changes: str | None
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a signed delivery; a change to None removes a header."""
    headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": DELIVERY,
        "X-GitHub-Event": name,
        "X-GitHub-Hook-ID": "109948940",
        "X-Hub-Signature": "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6",
        "X-Hub-Signature-256": signature(body, secret),
    }
    headers |= {key.replace("_", "-"): value for key, value in changes.items()}
    return {key: value for key, value in headers.items() if value is not None}, body


def delivery(name: str, **changes: Any) -> tuple[dict[str, str], bytes]:
    """Return a signed delivery of an event, with some fields of its payload changed."""
    return signed(name, json.dumps({**PAYLOADS[name], **changes}).encode())


def form(name: str) -> tuple[dict[str, str], bytes]:
    """Return a signed delivery whose webhook has the content type of a form."""
    body = urlencode({"payload": json.dumps(PAYLOADS[name])}).encode()
    return signed(name, body, Content_Type="application/x-www-form-urlencoded")
