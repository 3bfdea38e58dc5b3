"""Text that is sent and never shown.

A `Secret` is the text itself to whoever sends it, and ``***`` to whoever prints the variables of a
traceback's frames, as many services do.
"""

from __future__ import annotations

from typing import TypeVar, cast

from attrs import evolve

from ghartifacts_async._http.messages import Response

_T = TypeVar("_T")

_HIDDEN = "***"

_SHORTEST = 8
"""Characters of a text that could be a secret: shorter ones occur in any reply."""


class Secret(str):
    """A token, a header that holds one, or a signed URL."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{_HIDDEN}'"


class _SecretBytes(bytes):
    """Bytes that hold one, by mistake."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{_HIDDEN}'"


def hidden(value: _T) -> _T:
    """What may be a secret, as one where it is text: for the names of a function's frame."""
    if isinstance(value, str):
        return cast("_T", Secret(value))
    return cast("_T", _SecretBytes(value)) if isinstance(value, bytes | bytearray) else value


def redacted(reply: Response, secret: str) -> Response:
    """The reply without the secret: a server in the way may echo what it was sent."""
    stars, raw = _HIDDEN, secret.encode()
    if len(secret) < _SHORTEST:
        return reply
    if raw not in reply.body and not any(secret in value for value in reply.headers.values()):
        return reply
    return evolve(
        reply,
        headers={
            # What shows nothing of itself goes on so.
            name: type(value)(value.replace(secret, stars))
            for name, value in reply.headers.items()
        },
        body=reply.body.replace(raw, stars.encode()),
    )
