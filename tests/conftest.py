"""A client of a running FakeGitHub, for every test that wants one."""

from collections.abc import AsyncIterator

import pytest

from ghartifacts_async import Client, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import QUICK, REPOSITORY


@pytest.fixture
async def gh(fake_github: FakeGitHub) -> AsyncIterator[Client]:
    """A client of the fake GitHub."""
    async with Client(fake_github.token, base_url=fake_github.url, retry=QUICK) as client:
        yield client


@pytest.fixture
def repo(gh: Client) -> Repo:
    """The repository that the tests fill."""
    return gh.repo(REPOSITORY)
