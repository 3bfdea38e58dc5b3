"""The fixture `wire`: a mock of aiohttp's network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ghartifacts_async.testing.aioresponses_adapter import aioresponses


@pytest.fixture
def wire() -> Iterator[aioresponses]:
    """The mock of aiohttp's network; a request without a registered response fails."""
    with aioresponses() as mocked:
        yield mocked
