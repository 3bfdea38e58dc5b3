"""Fixtures that run a store, or skip the test if the store's program is not installed.

With ``REQUIRE_STORES=1`` in the environment a missing program fails the test instead, so CI
cannot skip these tests unnoticed.
"""

import os
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
import pytest

from ghartifacts_async import Client
from ghartifacts_async.testing import FakeGitHub
from tests.stores.azurite import Azurite
from tests.stores.base import Child, ProgramMissingError, Store
from tests.stores.nginx import Nginx
from tests.stores.s3 import S3rver
from tests.support import QUICK

AnyChild = TypeVar("AnyChild", bound=Child)


@contextmanager
def running(store: AnyChild) -> Iterator[AnyChild]:
    """Run a store during a ``with`` block, or skip the test if its program is missing."""
    try:
        store.__enter__()
    except ProgramMissingError as missing:
        if os.environ.get("REQUIRE_STORES"):
            raise
        pytest.skip(str(missing))
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def nginx() -> Iterator[Nginx]:
    """A new nginx over HTTP for each test, so its log has only the requests of that test."""
    with running(Nginx()) as store:
        yield store


@pytest.fixture
def nginx_tls() -> Iterator[Nginx]:
    """A new nginx over HTTPS for each test."""
    with running(Nginx(tls=True)) as store:
        yield store


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """One Azurite for all tests; each test uses its own ``blob_name``."""
    with running(Azurite()) as store:
        yield store


@pytest.fixture(scope="session")
def s3rver() -> Iterator[S3rver]:
    """One s3rver for all tests; each test uses its own ``blob_name``."""
    with running(S3rver()) as store:
        yield store


@pytest.fixture
def blob_name() -> str:
    """A unique blob name in the same form as GitHub's."""
    return f"actions-results/{uuid.uuid4()}/artifacts/{uuid.uuid4().hex}.zip"


@pytest.fixture(params=["nginx", "nginx_tls", "azurite", "s3rver"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of the stores in turn."""
    chosen: Store = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
async def session(store: Store) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that trusts the certificate of the store."""
    trust = ssl.create_default_context(cafile=store.ca) if store.ca else True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


@pytest.fixture
async def client(fake_github: FakeGitHub, session: aiohttp.ClientSession) -> AsyncIterator[Client]:
    """A client that uses the fixture ``session``."""
    async with Client(
        fake_github.token, base_url=fake_github.url, session=session, retry=QUICK
    ) as gh:
        yield gh
