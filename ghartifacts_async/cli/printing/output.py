"""Output of the commands. Names are untrusted, so their control characters are escaped."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import ghartifacts_async
from ghartifacts_async.cli.printing.terminal_text import TerminalText
from ghartifacts_async.cli.values import format_seconds

if TYPE_CHECKING:
    from ghartifacts_async import Wait
    from ghartifacts_async.cli.common import Common

_FLUSH_INTERVAL = 0.1

WIDTHS = {"id": 12, "size": 9, "created": 16, "run": 12, "modified": 16, "status": 11}
"""Widths of the columns on a terminal. The last column of a row has any width."""


def printable(text: str) -> str:
    """Return the text with its control characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_error(text: str) -> None:
    """Print an error message to standard error, on one line."""
    write_to_stderr(f"{printable(f'error: {text}')}\n")


def write_to_stderr(text: str) -> None:
    """Write to standard error. If that fails, discard everything that follows."""
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Discard what is written to a stream from now on, and what it has not written yet."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def open_closed_streams() -> None:
    """Open the null device in place of standard streams that the caller has closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(null, mode, encoding="utf-8", closefd=False))


class Output:
    """The output of one command.

    Results go to standard output: in columns for a terminal, and otherwise as fields that are
    separated by tabs. Notes go to standard error.

    Args:
        common: The options of the command.

    Attributes:
        json: Whether results are printed as JSON.
        quiet: Whether there are no notes and no progress.
        is_terminal: Whether standard output is a terminal.
        has_colours: Whether colours are kept: on a terminal, unless NO_COLOR is set.
    """

    _note_writers: ClassVar[list[Callable[[str], None]]] = []

    def __init__(self, common: Common) -> None:
        self.json: bool = common.json
        self.quiet: bool = common.quiet
        self.is_terminal: bool = sys.stdout.isatty()
        self.has_colours: bool = self.is_terminal and not os.environ.get("NO_COLOR")
        self._flushed_at = float("-inf")
        self._countdown: object = None

    def line(self, text: str) -> None:
        """Print a line. Control characters in it are escaped."""
        self._write(printable(text))

    def value(self, value: Any) -> None:
        """Print a value of the library as a line of JSON."""
        self._write(ghartifacts_async.to_json(value))

    def flush(self) -> None:
        """Write all lines now, before work that cannot be undone."""
        sys.stdout.flush()

    def excerpt(self, place: str, text: str) -> None:
        """Print a line of a member, after the place where it is.

        Control characters except tabs are escaped. Colours are kept only on a terminal.
        """
        safe = TerminalText(keeps_colours=self.has_colours).feed(text.encode(), final=True)
        self._write(printable(place) + safe)

    def text(self, text: str) -> None:
        """Print text of ours, which may have several lines."""
        self._write(text)

    def binary(self) -> Callable[[bytes], None]:
        """Return a function that writes content to standard output.

        On a terminal, control characters are escaped, but colours are kept unless NO_COLOR is set.
        Elsewhere, the bytes are written unchanged.
        """
        sys.stdout.flush()
        text = TerminalText(keeps_colours=self.has_colours)

        def write(chunk: bytes) -> None:
            if self.is_terminal:
                sys.stdout.write(text.feed(chunk, final=not chunk))
            else:
                sys.stdout.buffer.write(chunk)

        return write

    def row(self, fields: Mapping[str, str]) -> None:
        """Print a row, of which the last field may have any width."""
        if not self.is_terminal:
            return self._write("\t".join(map(printable, fields.values())))
        *columns, last = fields.items()
        texts = [_aligned(name, printable(text)) for name, text in columns]
        return self._write("  ".join([*texts, printable(last[1])]).rstrip())

    def header(self, names: Iterable[str]) -> None:
        """Print the header of a table, on a terminal only."""
        if self.is_terminal:
            self.row({name: name.upper() for name in names})

    def note(self, text: str) -> None:
        """Print a line to standard error, unless the command is quiet."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Print a line to standard error."""
        if self._note_writers:
            self._note_writers[-1](printable(text))
        else:
            sys.stdout.flush()
            write_to_stderr(f"{printable(text)}\n")

    def waiting(self, wait: Wait) -> None:
        """Count the seconds of a wait down, if standard error is a terminal.

        Elsewhere, the log says once when the wait ends.
        """
        if not self.quiet and not self._note_writers and sys.stderr.isatty():
            import asyncio

            self._countdown = asyncio.ensure_future(_count_down(wait.seconds))

    @contextmanager
    def redirected_notes(self, write: Callable[[str], None]) -> Iterator[None]:
        """Print all notes with a function, because progress bars are on the terminal."""
        self._note_writers.append(write)
        try:
            yield
        finally:
            self._note_writers.remove(write)

    def _write(self, line: str) -> None:
        # The first lines appear at once. Later ones are written in blocks, which is faster.
        now = time.monotonic()
        due = now - self._flushed_at > _FLUSH_INTERVAL
        self._flushed_at = now if due else self._flushed_at
        print(line, flush=due)


async def _count_down(seconds: float) -> None:
    """Show the time left on one line of the terminal, and erase it at the end."""
    import asyncio

    ends_at = time.monotonic() + seconds
    try:
        while (left := ends_at - time.monotonic()) > 0:
            write_to_stderr(f"\r\x1b[K{format_seconds(left)} left; Ctrl-C to stop")
            await asyncio.sleep(min(1.0, left))
    finally:
        write_to_stderr("\r\x1b[K")


class FieldFormatter(Formatter):
    """Fills in a ``--format``, whose fields are names and give no access to attributes."""

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:  # noqa: ARG002 - the signature of Formatter
        """Return the value of a field.

        Raises:
            InvalidArgument: There is no such field.
        """
        if field_name not in kwargs:
            known = ", ".join(f"{{{name}}}" for name in kwargs)
            raise ghartifacts_async.InvalidArgument(
                f"--format: unknown field {{{field_name}}}; fields are {known}"
            )
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        """Format a value, and escape it. A value that GitHub does not report is empty."""
        has_spec = value is not None and format_spec
        return printable(format(value, format_spec) if has_spec else plain(value))


def formatted(template: str, fields: Mapping[str, Any]) -> str:
    r"""Replace the fields in a ``--format``, and escape control characters.

    The tabs and line ends of the format itself are kept, also those that it writes as ``\t`` and
    ``\n``.

    Raises:
        InvalidArgument: The format is invalid.
    """
    template = template.replace(r"\t", "\t").replace(r"\n", "\n")
    safe = "".join(c if c in "\t\n" else printable(c) for c in template)
    try:
        formatter = FieldFormatter()
        if not any(field for _, field, _, _ in formatter.parse(safe)):
            raise ghartifacts_async.InvalidArgument(
                f"--format {template!r} has no field, such as {{name}}; --json prints JSON"
            )
        return formatter.vformat(safe, (), fields)
    except ghartifacts_async.InvalidArgument:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise ghartifacts_async.InvalidArgument(f"--format {template!r}: {error}") from None
    except MemoryError:
        raise ghartifacts_async.InvalidArgument(f"--format {template!r}: too wide") from None


def plain(value: Any) -> str:
    """Return a value as text: a time in ISO 8601, and nothing for None."""
    if value is None:
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _aligned(name: str, text: str) -> str:
    width = WIDTHS.get(name, 0)
    return text.rjust(width) if name in {"id", "size", "run"} else text.ljust(width)
