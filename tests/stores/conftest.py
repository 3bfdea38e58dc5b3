"""Fixtures that give a running store, or skip the test with the reason why there is none.

With ``REQUIRE_STORES=1`` in the environment a missing store fails instead: so no pipeline can
lose these tests silently.
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
from tests.support import QUICK

from .s3 import S3rver

AnyChild = TypeVar("AnyChild", bound=Child)


@contextmanager
def running(store: AnyChild) -> Iterator[AnyChild]:
    """Run a store for the length of a block, or skip the test."""
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
    """Run nginx over http, a new one for each test: its log holds that test's requests alone."""
    with running(Nginx()) as store:
        yield store


@pytest.fixture
def nginx_tls() -> Iterator[Nginx]:
    """Run nginx over https, a new one for each test."""
    with running(Nginx(tls=True)) as store:
        yield store


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """One Azurite for all tests: take a fresh ``blob_name``."""
    with running(Azurite()) as store:
        yield store


@pytest.fixture(scope="session")
def s3rver() -> Iterator[S3rver]:
    """One s3rver for all tests: take a fresh ``blob_name``."""
    with running(S3rver()) as store:
        yield store


@pytest.fixture
def blob_name() -> str:
    """Return a name that no other test has, of the shape GitHub's blobs have."""
    return f"actions-results/{uuid.uuid4()}/artifacts/{uuid.uuid4().hex}.zip"


@pytest.fixture(params=["nginx", "nginx_tls", "azurite", "s3rver"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each store in turn."""
    running: Store = request.getfixturevalue(request.param)
    return running


@pytest.fixture
async def session(store: Store) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that trusts the store's certificate."""
    trust = ssl.create_default_context(cafile=store.ca) if store.ca else True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


@pytest.fixture
async def client(fake_github: FakeGitHub, session: aiohttp.ClientSession) -> AsyncIterator[Client]:
    """A client on that session."""
    async with Client(
        fake_github.token, base_url=fake_github.url, session=session, retry=QUICK
    ) as gh:
        yield gh
