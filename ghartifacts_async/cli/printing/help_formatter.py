"""The help of a command, in two columns as that of the GitHub CLI."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from cyclopts.help.formatters import PlainFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

_NAMES = 24
_LEAST = 20
"""Width of the column of names, and minimum width of that of texts."""

_UNWRAPPED = 10_000


class HelpFormatter(PlainFormatter):
    """Prints options in two columns, of which the second is wrapped."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print a panel: its title and its entries."""
        if not panel.entries:
            return
        lines = [f"{panel.title}:"]
        for entry in panel.entries:
            # The text is wrapped below, together with the notes.
            segments = console.render(entry.description or "", options.update(width=_UNWRAPPED))
            text = "".join(segment.text for segment in segments)
            lines += _entry(entry, text, console.width)
        console.print("\n".join([*lines, ""]), highlight=False, markup=False, soft_wrap=True)


def _entry(entry: HelpEntry, text: str, width: int) -> list[str]:
    names = ", ".join(entry.display_labels_with_metavar)
    words = " ".join([text.strip(), *_notes(entry)])
    wrapped = textwrap.wrap(words, max(_LEAST, width - _NAMES - 3)) or [""]
    if len(names) > _NAMES:
        wrapped.insert(0, "")
    indent = " " * (_NAMES + 3)
    return [f"  {names:<{_NAMES}} {wrapped[0]}".rstrip(), *(indent + line for line in wrapped[1:])]


def _notes(entry: HelpEntry) -> list[str]:
    notes = [f"[choices: {', '.join(entry.choices)}]"] if entry.choices else []
    notes += [f"[default: {entry.default}]"] if entry.default is not None else []
    return [*notes, "[required]"] if entry.required else notes
