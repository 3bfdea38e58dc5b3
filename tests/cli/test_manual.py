"""The page that is made from the help."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghartifacts_async.cli.manual import manual
from ghartifacts_async.cli.overview import COMMANDS

PAGE = Path(__file__).parents[2] / ".github" / "COMMANDS.md"


@pytest.mark.skipif(not PAGE.exists(), reason="needs the directory .github")
def test_the_manual_is_up_to_date() -> None:
    """The manual in the repository contains the current help of every command."""
    page = manual()
    assert PAGE.read_text(encoding="utf-8") == page
    for name in COMMANDS:
        assert name in page


def test_the_general_help_fits_80_columns() -> None:
    """Each line below a heading of the general help is indented, so none of them was broken."""
    general = manual().partition("\n## ")[0].partition("\nRepositories and artifacts:\n")[2]
    lines = [line for line in general.removesuffix("```\n").splitlines() if line]
    assert len(lines) > 20
    assert [line for line in lines if line[0] != " " and line[-1] != ":"] == []
