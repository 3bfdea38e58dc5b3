"""Operations of a client that holds secrets; `drivers` and `archives` build on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ghartifacts_async import Client, RateLimitPolicy, RetryPolicy
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.secrets import canaries
from tests.support import REPOSITORY, raw_server, says

ONCE = RetryPolicy(attempts=1)
TWICE = RetryPolicy(attempts=2, wait_initial=0)
DOWNLOAD_OPTIONS = {"if_exists", "on_progress", "wait_for_lock"}
STORE = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"

Drive = Callable[[FakeGitHub, Path], Awaitable[Any]]


def client(fake: FakeGitHub, **more: Any) -> Client:
    """Return a client with a secret token."""
    arguments: dict[str, Any] = {"retry": TWICE, "rate_limits": RateLimitPolicy(max_wait=0)}
    arguments |= {"base_url": fake.url} | more
    return Client(arguments.pop("auth", canaries.TOKEN), **arguments)


async def get(fake: FakeGitHub, **more: Any) -> Any:
    """Get an artifact."""
    async with client(fake, **more) as gh:
        return await gh.repo(REPOSITORY).get_artifact(1)


async def download(fake: FakeGitHub, to: Path, **more: Any) -> Any:
    """Download an artifact."""
    options = {name: more.pop(name) for name in DOWNLOAD_OPTIONS & more.keys()}
    async with client(fake, **more) as gh:
        return await gh.repo(REPOSITORY).download_artifact(1, to / "x.zip", **options)


def failing(*faults: Fault | int, **more: Any) -> Drive:
    """Return an operation that gets an artifact from a failing API whose errors echo the token."""

    async def drive(fake: FakeGitHub, _: Path) -> Any:
        echo = {"message": f"You sent {canaries.TOKEN}"}
        fake.fail_next(*[Fault(f, body=echo) if isinstance(f, int) else f for f in faults])
        return await get(fake, **more)

    return drive


async def located(fake: FakeGitHub, to: Path, url: str, **more: Any) -> Any:
    """Download an artifact from a signed URL at the server `url`."""
    secret = f"{url}/blob?{canaries.QUERY}"
    fake.fail_next(Fault(302, headers={"Location": secret}), path="/zip$")
    return await download(fake, to, **more)


def stored(status: bytes, body: bytes, **more: Any) -> Drive:
    """Return an operation that downloads from a store answering with this status and body."""

    async def drive(fake: FakeGitHub, to: Path) -> Any:
        async with raw_server(says(STORE % (status, len(body)) + body)) as url:
            return await located(fake, to, url, **more)

    return drive
