"""Secrets to be searched for, and where to search."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).parents[1])
LIBRARY = "ghartifacts_async"

TOKEN = "ghp_canaryToken0123456789"
JWT_START = "eyJ"
"""Of every JWT: what base64 makes of its opening brace."""
SIGNATURE = "canarySignature0123456789"
QUERY = f"sig={SIGNATURE}&se=2027"
NETRC = "canaryNetrc0123456789"
PROXY = "canaryProxy0123456789"
KEY = "canaryPrivateKey0123456789"

SECRETS = (TOKEN, JWT_START, SIGNATURE, NETRC, PROXY, KEY)


def told(error: BaseException) -> str:
    """All that an error tells: itself, its arguments, its chain, its traceback and variables."""
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
        # The variables of a test hold its secrets; those of the library must not.
        if not frame.filename.startswith(HERE):
            yield f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"
    for other in (error.__cause__, error.__context__):
        if other is not None:
            yield from _texts(other, seen)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _texts(one, seen)


def _values(value: Any) -> Iterator[str]:
    yield repr(value)
    yield str(value)
    if isinstance(value, dict):
        for one in value.values():
            yield from _values(one)
    elif isinstance(value, tuple | list | set):
        for one in value:
            yield from _values(one)


def found(text: str) -> list[str]:
    """The lines with a secret."""
    return [
        f"{secret}: …{line[max(0, at - 200) : at + 60]}"
        for line in text.splitlines()
        for secret in SECRETS
        if (at := line.find(secret)) >= 0
    ]
