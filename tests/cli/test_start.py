"""``python -m ghartifacts_async`` before a command runs."""

from __future__ import annotations

import pytest

from ghartifacts_async import __main__ as start
from ghartifacts_async.cli import commands


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the extra is missing, the error names it."""
    monkeypatch.setattr(start, "find_spec", lambda _: None)
    assert start.main() == 1
    assert "pip install 'ghartifacts_async[cli]'" in capsys.readouterr().err


def test_ctrl_c_at_any_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt outside of the event loop becomes the status of a shell, too."""

    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "main", interrupted)
    assert start.main() == 130
