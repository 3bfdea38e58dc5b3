"""Fixtures of the tests that run commands."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def _sigint_reaches_children() -> Iterator[None]:
    """Let child processes react to SIGINT, even if the tests run as a shell's background job."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
