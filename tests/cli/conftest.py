"""Fixtures of the tests that run commands."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def _signals_reach_children() -> Iterator[None]:
    """Let child processes react to signals, even if the tests run in the background or by nohup."""
    before = {
        number: signal.signal(number, signal.SIG_DFL)
        for name in ("SIGINT", "SIGHUP")
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) is signal.SIG_IGN
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
