"""Recognizable secrets, and functions that search errors and text for them."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).parents[1])
LIBRARY = "ghartifacts_async"

TOKEN = "ghp_canaryToken0123456789"
JWT_START = "eyJ"
"""The start of every JWT: the opening brace and quote of its header in base64."""
SIGNATURE = "canarySignature0123456789"
QUERY = f"sig={SIGNATURE}&se=2027"
NETRC = "canaryNetrc0123456789"
PROXY = "canaryProxy0123456789"
KEY = "canaryPrivateKey0123456789"

SECRETS = (TOKEN, JWT_START, SIGNATURE, NETRC, PROXY, KEY)


def error_text(error: BaseException) -> str:
    """Return all text in an error: message, arguments, notes, chain, traceback and variables."""
    return "\n".join(_texts(error, set()))


def _texts(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield from (str(error), repr(error), *_values(error.args), *_values(vars(error)))
    yield from getattr(error, "__notes__", ())
    yield "".join(traceback.format_exception(error))
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    for frame in shown.stack:
        # Variables of tests may hold secrets; variables of the library must not.
        if not frame.filename.startswith(HERE):
            yield f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"
    for other in (error.__cause__, error.__context__):
        if other is not None:
            yield from _texts(other, seen)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _texts(inner, seen)


def _values(value: Any) -> Iterator[str]:
    yield repr(value)
    yield str(value)
    if isinstance(value, dict):
        for item in value.values():
            yield from _values(item)
    elif isinstance(value, tuple | list | set):
        for item in value:
            yield from _values(item)


def lines_with_secrets(text: str) -> list[str]:
    """Return an excerpt of each line that holds a secret."""
    return [
        f"{secret}: …{line[max(0, at - 200) : at + 60]}"
        for line in text.splitlines()
        for secret in SECRETS
        if (at := line.find(secret)) >= 0
    ]
