"""Content that is safe for a terminal."""

from __future__ import annotations

import codecs
import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"
_UNFINISHED = re.compile(r"(?:\r|\x1b(?:\[[0-9;]{0,32})?)\Z")
_SPECIAL = re.compile(r"\x1b\[[0-9;]*m|\r\n|[^\n\t]", re.DOTALL)


class TerminalText:
    """Makes content safe for a terminal: escapes control characters, but keeps colours.

    Colours, and other attributes such as hidden text, are reset at the end.

    Args:
        keeps_colours: Whether to keep colours. Otherwise they are left out.
    """

    def __init__(self, *, keeps_colours: bool = True) -> None:
        self._keeps_colours = keeps_colours
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._pending = ""
        self._is_coloured = False

    def feed(self, chunk: bytes, *, final: bool = False) -> str:
        """Return the text of the next chunk.

        Args:
            chunk: Bytes of the content.
            final: Whether they are the last ones.
        """
        text = self._pending + self._decoder.decode(chunk, final)
        unfinished = None if final else _UNFINISHED.search(text)
        self._pending = unfinished[0] if unfinished else ""
        text = text[: len(text) - len(self._pending)]
        self._is_coloured |= self._keeps_colours and _COLOUR.search(text) is not None
        safe = _SPECIAL.sub(self._safe, text)
        return safe + _RESET if final and self._is_coloured else safe

    def _safe(self, found: re.Match[str]) -> str:
        text = found[0]
        if text.isprintable():
            return text
        if _COLOUR.fullmatch(text):
            return text if self._keeps_colours else ""
        return "\n" if text == "\r\n" else ascii(text)[1:-1]
