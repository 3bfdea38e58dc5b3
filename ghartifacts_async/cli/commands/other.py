"""The commands about the account, the shell and the fake GitHub."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib import import_module
from typing import Annotated, Literal

from cyclopts import Parameter

from ghartifacts_async.cli.common import Common
from ghartifacts_async.cli.connection import open_client
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.values import format_seconds
from ghartifacts_async.errors import NotFound

_ZSH_END = """
if [[ $zsh_eval_context[-1] == *func ]]; then
  _cyclopts_ghartifacts "$@"
else
  compdef _cyclopts_ghartifacts ghartifacts
fi
"""
"""Completes when zsh loads the script as a function, and registers it when it is sourced."""


async def rate_limit(*, common: Common = Common()) -> int:
    """Show how many calls the token has left. This uses none of them."""
    out = Output(common)
    async with open_client(common, out, anonymous=True) as client:
        try:
            await client.request("GET", "/rate_limit")
        except NotFound as error:
            # This is how an Enterprise Server without limits answers.
            if "not enabled" not in error.message:
                raise
        limit = client.rate_limit
    if out.json:
        out.text("null") if limit is None else out.value(limit)
    elif limit is None:
        out.line("the server has no rate limit")
    else:
        left = format_seconds((limit.resets_at - datetime.now(UTC)).total_seconds())
        out.line(
            f"{limit.remaining} of {limit.limit} calls left; all of them again in {left} "
            f"({limit.resets_at:%Y-%m-%d %H:%M:%S} UTC)"
        )
    return 0


async def demo() -> int:
    """List and download artifacts of a fake GitHub on this machine. Needs no token."""
    status: int = await import_module("ghartifacts_async.cli.commands.demo").run_demo()
    return status


def serve_fake(
    *options: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
) -> int:
    """Run a fake GitHub, for tests of programs in any language."""
    program = import_module("ghartifacts_async.testing.__main__")
    status: int = program.main(list(options), "ghartifacts serve-fake")
    return status


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print a script that completes commands, options and artifact names in a shell."""
    app = import_module("ghartifacts_async.cli.running").app
    script = app.generate_completion(prog_name="ghartifacts", shell=shell)
    sys.stdout.write(script + _ZSH_END if shell == "zsh" else script)
    return 0
