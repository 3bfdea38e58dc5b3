"""The pytest plugin: the fixture `fake_github`.

pytest loads this module on every run, so it imports the server only when the fixture is used.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

_SCOPES = (
    ("function", "class", "module", "package", "session") if find_spec("pytest_asyncio") else ()
)

if TYPE_CHECKING:
    from ghartifacts_async.testing import FakeGitHub

_OTHER_PLUGINS = ("aiohttp", "tornasync", "trio", "twisted")
_NO_PLUGIN = (
    "{} is an async test, but no plugin runs it: install pytest-asyncio and mark the test with "
    "@pytest.mark.asyncio (or set asyncio_mode = auto), or install anyio and mark it with "
    "@pytest.mark.anyio"
)


@pytest.fixture
def fake_github(request: pytest.FixtureRequest) -> Iterator[FakeGitHub]:
    """Yield a running `FakeGitHub` without artifacts, and close it after the test.

    In a test that pytest-asyncio runs, the server runs on the test's event loop, which may
    have any scope. In any other test, the server runs in a thread of its own.
    """
    scope = _loop_scope(request)
    if scope is not None:
        yield request.getfixturevalue(_name(scope))
        return
    with _new_server() as fake:
        yield fake


def _new_server() -> FakeGitHub:
    from ghartifacts_async.testing import FakeGitHub

    return FakeGitHub()


def _loop_scope(request: pytest.FixtureRequest) -> str | None:
    """Return the scope of the event loop on which pytest-asyncio runs the test, or None."""
    if not _is_async(request) or "anyio_backend" in request.fixturenames:
        return None
    marker = request.node.get_closest_marker("asyncio")
    if marker is None or not _SCOPES:
        if not any(request.config.pluginmanager.hasplugin(name) for name in _OTHER_PLUGINS):
            pytest.fail(_NO_PLUGIN.format(request.node.name), pytrace=False)
        return None
    chosen = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
    return chosen or request.config.getini("asyncio_default_test_loop_scope") or "function"


def _is_async(request: pytest.FixtureRequest) -> bool:
    test = getattr(request.node, "obj", None)
    test = getattr(getattr(test, "hypothesis", None), "inner_test", test)
    return inspect.iscoroutinefunction(test)


def _name(scope: str) -> str:
    return f"_fake_github_on_{scope}_loop"


def _fixture_on(scope: Any) -> Any:
    """Return a fixture whose server runs on the event loop of this scope."""
    import pytest_asyncio

    @pytest_asyncio.fixture(loop_scope=scope, name=_name(scope))
    async def running() -> AsyncIterator[FakeGitHub]:
        async with _new_server() as fake:
            yield fake

    return running


for _scope in _SCOPES:
    globals()[_name(_scope)] = _fixture_on(_scope)
