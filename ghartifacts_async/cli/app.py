"""The program ``ghartifacts`` and its exit status."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module

import ghartifacts_async
from ghartifacts_async.cli.exit_status import FAILED, SIGINT, SIGPIPE, status_of
from ghartifacts_async.cli.overview import overview
from ghartifacts_async.cli.printing.explanations import explained
from ghartifacts_async.cli.printing.output import (
    discard,
    open_closed_streams,
    print_error,
)

_HELP_FLAGS = ("--help", "-h")


def main() -> int:
    """Run the command line.

    Returns:
        The exit status. After a signal it is 128 plus the signal's number, as in a shell.
    """
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        tokens = sys.argv[1:]
        status = _run([*tokens[1:], "--help"] if tokens[:1] == ["help"] else tokens)
        print(end="", flush=True)
    except ghartifacts_async.ArtifactsError as error:
        print_error(explained(error))
        return status_of(error)
    except KeyboardInterrupt:
        return 128 + SIGINT
    except BrokenPipeError:
        discard(sys.stdout)
        return 128 + SIGPIPE
    except OSError as error:
        print_error(f"cannot write the output: {error.strerror or error}")
        discard(sys.stdout)
        return FAILED
    return status


def _run(tokens: Sequence[str]) -> int:
    """Run a command, or print the overview, which needs none of the modules that commands need."""
    if not tokens or tokens[0] in _HELP_FLAGS:
        print(overview())
        return 0
    status: int = import_module("ghartifacts_async.cli.running").run_command(tokens)
    return status
