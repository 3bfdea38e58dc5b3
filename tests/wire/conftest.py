"""Fixtures that make aioresponses work with aiohttp 3.14.

aioresponses fails in two ways (aioresponses#289): it creates responses without the required
``stream_writer``, and a body over 64 KiB makes aiohttp pause a parser that the mocked protocol does
not have. The fixture tries both and patches aioresponses only where it fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aioresponses import aioresponses, core
from yarl import URL


def _works(body: bytes) -> bool:
    try:
        core.RequestMatch("http://probe")._build_response(URL("http://probe"), body=body)
    except (TypeError, AssertionError):
        return False
    return True


def _response(*args: Any, **kwargs: Any) -> aiohttp.ClientResponse:
    return aiohttp.ClientResponse(*args, stream_writer=Mock(output_size=0), **kwargs)


def _reader(loop: Any = None) -> aiohttp.StreamReader:
    return aiohttp.StreamReader(ResponseHandler(loop=loop), limit=2**30, loop=loop)


@pytest.fixture(autouse=True)
def _patched(monkeypatch: pytest.MonkeyPatch) -> None:
    if not _works(b""):
        monkeypatch.setattr(core, "ClientResponse", _response)
    if not _works(b"x" * 2**20):
        monkeypatch.setattr(core, "stream_reader_factory", _reader)


@pytest.fixture
def wire(_patched: None) -> Iterator[aioresponses]:
    """The mock of aiohttp's network; a request without a registered response fails."""
    with aioresponses() as mocked:
        yield mocked
