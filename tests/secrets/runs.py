"""Operations on workflow runs and webhooks that raise errors in a process that holds secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ghartifacts_async import errors, webhooks
from ghartifacts_async.testing import FakeGitHub
from tests.secrets import canaries
from tests.secrets.driving import Drive, client
from tests.support import REPOSITORY
from tests.webhooks import deliveries


async def failed_run(fake: FakeGitHub, _: Path) -> Any:
    """Wait for an artifact of a failed run."""
    run = fake.add_run(REPOSITORY, conclusion="failure")
    async with client(fake) as gh:
        return await gh.repo(REPOSITORY).wait_for_artifact("dist", run_id=run.id)


async def nothing_to_find(fake: FakeGitHub, _: Path) -> Any:
    """Search for an artifact of a branch that has none."""
    async with client(fake) as gh:
        return await gh.repo(REPOSITORY).latest_artifact("dist", branch="none")


async def endless_run(fake: FakeGitHub, _: Path) -> Any:
    """Wait too long for the end of a run."""
    run = fake.add_run(REPOSITORY, status="in_progress")
    async with client(fake) as gh:
        return await gh.repo(REPOSITORY).wait_for_run(run.id, timeout=5)


async def unsigned_webhook(_: FakeGitHub, __: Path) -> Any:
    """Parse a webhook that was signed with another secret."""
    headers, body = deliveries.delivery("push")
    return webhooks.parse(headers, body, secret=canaries.TOKEN)


async def malformed_webhook(_: FakeGitHub, __: Path) -> Any:
    """Parse a signed webhook that is not JSON."""
    signed = deliveries.signed("push", b"no JSON", canaries.TOKEN)
    return webhooks.parse(*signed, secret=[canaries.TOKEN, canaries.TOKEN])


async def webhook_as_text(_: FakeGitHub, __: Path) -> Any:
    """Pass the body of a webhook as text."""
    body: Any = "{}"
    return webhooks.parse({}, body, secret=[canaries.TOKEN])


RUNS: list[tuple[type[errors.ArtifactsError], Drive]] = [
    (errors.NotFound, nothing_to_find),
    (errors.RunEnded, failed_run),
    (errors.WaitTimedOut, endless_run),
    (errors.SignatureMismatch, unsigned_webhook),
    (errors.InvalidDelivery, malformed_webhook),
    (errors.InvalidArgument, webhook_as_text),
]
