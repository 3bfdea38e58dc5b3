"""Fixtures: an open client of a running FakeGitHub, and one of its repositories."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from typing import cast

import pytest

from ghartifacts_async import Client, Repo
from ghartifacts_async.testing import FakeGitHub
from ghartifacts_async.testing.server import Signing
from tests.support import QUICK, REPOSITORY
from tests.system_calls import SystemCalls

if os.environ.get("EVENT_LOOP") == "uvloop":
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

# The suite passes with both ways to verify signed URLs; "exact" is the stricter one.
FakeGitHub.default_signing = cast("Signing", os.environ.get("FAKE_SIGNING", "exact"))


def pytest_collection_finish() -> None:
    """Let the garbage collector skip the collected tests, so that `gc.collect` takes no second."""
    gc.freeze()


@pytest.fixture
async def gh(fake_github: FakeGitHub) -> AsyncIterator[Client]:
    """An open client of the fake GitHub that retries without long waits."""
    async with Client(fake_github.token, base_url=fake_github.url, retry=QUICK) as client:
        yield client


@pytest.fixture
def repo(gh: Client) -> Repo:
    """The repository to which tests add artifacts."""
    return gh.repo(REPOSITORY)


@pytest.fixture
def system_calls(monkeypatch: pytest.MonkeyPatch) -> SystemCalls:
    """Faults of the functions of `os`, until the end of the test."""
    return SystemCalls(monkeypatch)
