"""Parse a command line and run its command, whose module is imported only then."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from inspect import BoundArguments, iscoroutinefunction
from typing import Any

from cyclopts import (
    App,
    CycloptsError,
    Group,
    Parameter,
    UnknownOptionError,
    UnusedCliTokensError,
)

import ghartifacts_async
from ghartifacts_async.cli.common import Common
from ghartifacts_async.cli.overview import COMMANDS, DESCRIPTION, USAGE
from ghartifacts_async.cli.printing.help_formatter import HelpFormatter
from ghartifacts_async.cli.printing.log import start_logging
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.errors import InvalidArgument

_OF_GH = {
    "run download": "'ghartifacts extract --run ID'",
    "run list": "'ghartifacts runs'",
    "run view": "'ghartifacts list --run ID', and 'ghartifacts grep PATTERN --run ID'",
    "run watch": "'ghartifacts wait NAME --run ID'",
}
"""The commands for those of the GitHub CLI."""

_HABITS = {
    "--jq": "--json prints one object per line, for jq",
    "download --output": "-D names the directory",
    "download -o": "-D names the directory",
    "grep -E": "PATTERN is a regular expression of Python",
    "grep -n": "each line is printed with its number",
    "grep -r": "all members are searched",
}
"""What to do in place of the options that users of gh, curl and grep expect."""

app: App = App(
    name="ghartifacts",
    help=DESCRIPTION,
    usage=USAGE,
    version=lambda: ghartifacts_async.__version__,
    help_format="plaintext",
    help_formatter=HelpFormatter(),
    group_parameters=Group("Options", sort_key=5),
    default_parameter=Parameter(show_default=False, negative=""),
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
)

for _name, _command in COMMANDS.items():
    app.command(
        f"ghartifacts_async.cli.commands.{_command.function}",
        name=_name,
        help=_command.help,
        usage=f"Usage: ghartifacts {_name} {_command.usage}".rstrip(),
        help_epilogue="\n".join(
            ["Examples:", *(f"  ghartifacts {example}" for example in _command.examples)]
        ),
        sort_key=list(COMMANDS).index(_name),
        **({"help_flags": ()} if _name == "serve-fake" else {}),
    )


def run_command(tokens: Sequence[str]) -> int:
    """Run the command of a command line and return its exit status.

    Raises:
        InvalidArgument: The command line is wrong.
        ArtifactsError: The command failed.
    """
    command, bound = _parse(tokens)
    common = bound.arguments.get("common")
    common = common if isinstance(common, Common) else Common()
    if common.no_color:
        os.environ["NO_COLOR"] = "1"
    if "console" in bound.arguments:
        return _print_page(command, bound)
    if not iscoroutinefunction(command):
        return command(*bound.args, **bound.kwargs) or 0
    start_logging(Output(common), common.verbose)
    return _run_coroutine(command, bound)


def _parse(tokens: Sequence[str]) -> tuple[Callable[..., Any], BoundArguments]:
    try:
        command, bound, _ = app.parse_args(tokens)
    except CycloptsError as error:
        name = next((f"{token} " for token in tokens if token in COMMANDS), "")
        message = " ".join(str(error).split())
        if isinstance(error, UnknownOptionError):
            option = (error.token.keyword or str(error.token.value)).partition("=")[0]
            if habit := _HABITS.get(f"{name}{option}", _HABITS.get(option)):
                message = f"unknown option {option}; {habit}"
        if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
            message = f"unexpected argument {error.unused_tokens[0]!r}"
        if tokens[:1] == ["run"]:
            words = " ".join(tokens[:2])
            message = f"'gh {words}' is {_OF_GH.get(words, 'no command of this program')}"
        raise InvalidArgument(f"{message} (see: ghartifacts {name}--help)") from None
    return command, bound


def _print_page(command: Callable[..., Any], bound: BoundArguments) -> int:
    """Print the help of a command, or the version.

    The console of rich would exit with status 1 if the reader of the output has gone.
    """
    with bound.arguments["console"].capture() as page:
        command(*bound.args, **bound.kwargs)
    print(page.get(), end="")
    return 0


def _run_coroutine(command: Any, bound: BoundArguments) -> int:
    """Run a coroutine function. SIGTERM and SIGHUP cancel it, as Ctrl-C does."""
    import asyncio
    import signal
    from contextlib import suppress

    received: list[int] = []

    async def run() -> int:
        task = asyncio.current_task()
        assert task is not None

        def cancel(number: int) -> None:
            received.append(number)
            task.cancel()

        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # `nohup` ignores SIGHUP, and a signal that is ignored must stay so.
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                with suppress(NotImplementedError):
                    asyncio.get_running_loop().add_signal_handler(number, cancel, number)
        return await command(*bound.args, **bound.kwargs) or 0

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        return 128 + received[0]
