"""The pytest plugin: the fixture `fake_github`, available if pytest-asyncio is installed.

pytest loads this module on every run, so it imports the server only when the fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import pytest_asyncio
except ImportError:
    pass
else:
    if TYPE_CHECKING:
        from collections.abc import AsyncIterator

        from ghartifacts_async.testing import FakeGitHub

    @pytest_asyncio.fixture
    async def fake_github() -> AsyncIterator[FakeGitHub]:
        """Yield a running `FakeGitHub` without artifacts, and close it after the test."""
        from ghartifacts_async.testing import FakeGitHub

        async with FakeGitHub() as fake:
            yield fake
