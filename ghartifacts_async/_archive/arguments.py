"""Validation of the arguments that only archives have."""

from __future__ import annotations

from typing import get_args

from ghartifacts_async.errors import InvalidArgument


def choice(what: str, value: str, kind: object) -> None:
    """Validate an argument that takes one of a few strings.

    Args:
        what: The name of the argument.
        value: Its value.
        kind: The `Literal` of the strings.
    """
    allowed = get_args(kind)
    if value not in allowed:
        names = " or ".join(map(repr, allowed))
        raise InvalidArgument(f"{what} must be {names}, not {value!r}")


def encoding(name: str | None) -> str | None:
    """Validate the name of a text encoding; None means the default."""
    if name is None:
        return None
    try:
        known = isinstance(name, str) and isinstance(b"a".decode(name), str)
    except UnicodeError:
        known = True
    except (LookupError, ValueError):
        known = False
    if not known:
        raise InvalidArgument(f"encoding must be a text encoding such as 'cp932', not {name!r}")
    return name


def pattern(text: str) -> str:
    """Validate a glob pattern of member names."""
    if not isinstance(text, str) or not text.strip("./") or text.startswith("/"):
        raise InvalidArgument(f"a pattern must be a relative path with wildcards, not {text!r}")
    return text
