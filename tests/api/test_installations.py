"""`Client.for_installation`: one app, many installations, one pool of connections."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from ghartifacts_async import Client, ClientStateError, GitHubApp, InvalidArgument, NotFound
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.support import QUICK, rsa_keys

ONE, TWO = "one/docs", "two/docs"


@pytest.fixture
async def app_client(fake_github: FakeGitHub) -> AsyncIterator[Client]:
    """A client of an app that is installed on two accounts, and names neither of them."""
    private, public = rsa_keys()
    fake_github.add_app(7, public, 41, [ONE])
    fake_github.add_app(7, public, 42, [TWO])
    for name in (ONE, TWO):
        fake_github.add_artifact(name, "dist", name.encode())
        fake_github.add_repository(name, private=True)
    async with Client(GitHubApp(7, private), base_url=fake_github.url, retry=QUICK) as gh:
        yield gh


async def test_each_installation_has_its_token(app_client: Client, fake_github: FakeGitHub) -> None:
    """A client of an installation sees its repositories only, and is the same when asked again."""
    first, second = app_client.for_installation(41), app_client.for_installation("42")
    assert len(await first.repo(ONE).list_artifacts().collect()) == 1
    assert len(await second.repo(TWO).list_artifacts().collect()) == 1
    with pytest.raises(NotFound):
        await second.repo(ONE).list_artifacts().collect()
    assert app_client.for_installation(41) is first
    assert second.for_installation(41) is first
    await asyncio.gather(*(first.repo(ONE).get_artifact(1) for _ in range(5)))
    tokens = [each for each in fake_github.requests if each.method == "POST"]
    assert len(tokens) == 2


async def test_unused_installations_are_forgotten(app_client: Client) -> None:
    """Clients of installations are kept while in use, and only the latest of the others."""
    used = app_client.for_installation(41)
    unused = weakref.ref(app_client.for_installation(42))
    for number in range(1000, 1300):
        app_client.for_installation(number)
    gc.collect()
    assert app_client.for_installation(41) is used
    assert unused() is None
    recent = weakref.ref(app_client.for_installation(43))
    gc.collect()
    assert recent() is not None


async def test_limits_are_separate(app_client: Client, fake_github: FakeGitHub) -> None:
    """If GitHub asks one installation to wait, the calls of the others continue."""
    first, second = app_client.for_installation(41), app_client.for_installation(42)
    await first.repo(ONE).get_artifact(1)
    await second.repo(TWO).get_artifact(2)
    fake_github.fail_next(Fault.secondary_limit(60), path="/one/")
    held = asyncio.ensure_future(first.repo(ONE).get_artifact(1))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        await second.repo(TWO).get_artifact(2)
    assert not held.done()
    assert first.stats.waiting is not None
    assert second.stats.waiting is None
    held.cancel()


async def test_installations_close_with_their_app(app_client: Client) -> None:
    """The clients of installations are open exactly as long as the app's client."""
    first = app_client.for_installation(41)
    with pytest.raises(ClientStateError, match="opened and closed with"):
        await first.open()
    assert "open" in repr(first)
    await first.aclose()
    assert "open" in repr(first)
    await app_client.aclose()
    assert "closed" in repr(first)
    with pytest.raises(ClientStateError, match="closed"):
        await first.repo(ONE).get_artifact(1)


async def test_mistakes(app_client: Client, gh: Client) -> None:
    """An app without an installation cannot make calls, and a token has no installations."""
    with pytest.raises(InvalidArgument, match=r"Client\.for_installation"):
        await app_client.repo(ONE).get_artifact(1)
    with pytest.raises(InvalidArgument, match="auth is a GitHubApp"):
        gh.for_installation(41)
    with pytest.raises(InvalidArgument):
        app_client.for_installation(0)
