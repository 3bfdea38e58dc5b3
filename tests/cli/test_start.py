"""``python -m ghartifacts_async`` before a command starts."""

from __future__ import annotations

import pytest

from ghartifacts_async import __main__ as entry_point
from ghartifacts_async.cli import commands


def test_a_missing_extra_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra `cli`, the command exits with 1 and prints how to install it."""
    monkeypatch.setattr(entry_point, "find_spec", lambda _: None)
    assert entry_point.main() == 1
    assert "pip install 'ghartifacts_async[cli]'" in capsys.readouterr().err


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C outside the event loop also exits with status 130."""

    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "main", interrupted)
    assert entry_point.main() == 130
