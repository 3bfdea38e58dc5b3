"""The page that is made from the help."""

from __future__ import annotations

from pathlib import Path

from ghartifacts_async.cli.app import COMMANDS
from ghartifacts_async.cli.manual import manual

PAGE = Path(__file__).parents[2] / ".github" / "COMMANDS.md"


def test_the_manual_is_up_to_date() -> None:
    """The manual in the repository has the help of every command, as it is now."""
    assert PAGE.read_text(encoding="utf-8") == manual()
    for name in COMMANDS:
        assert name in manual()
