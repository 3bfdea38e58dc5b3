"""The manual: the help of the program and of all commands, as one page of Markdown.

``python -m ghartifacts_async.cli.manual > .github/COMMANDS.md`` writes the page of this project.
"""

from __future__ import annotations

import io

from rich.console import Console

from ghartifacts_async.cli.overview import COMMANDS, overview
from ghartifacts_async.cli.running import app
from ghartifacts_async.testing.__main__ import create_parser

_WIDTH = 80
_SERVE_FAKE = "serve-fake"
"""The command that passes ``--help`` on to another program."""


def manual() -> str:
    """Return the manual."""
    parts = ["# ghartifacts", "This page is made from `ghartifacts --help`.", _fenced(overview())]
    for name in COMMANDS:
        parts += [f"## ghartifacts {name}", _fenced(_help(name))]
    return "\n\n".join(parts) + "\n"


def _help(name: str) -> str:
    if name == _SERVE_FAKE:
        return create_parser(f"ghartifacts {name}").format_help()
    file = io.StringIO()
    app.help_print([name], console=Console(file=file, width=_WIDTH, color_system=None))
    return file.getvalue()


def _fenced(text: str) -> str:
    lines = (line.rstrip() for line in text.strip().splitlines())
    return "\n".join(["```text", *lines, "```"])


if __name__ == "__main__":
    print(manual(), end="")
