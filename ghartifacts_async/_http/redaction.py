"""Keep secrets out of logs, reprs and messages.

A `Secret` is a str whose repr is ``***``. Many services log the local variables of every frame of a
traceback, and such a log then does not contain the secret.
"""

from __future__ import annotations

from typing import TypeVar, cast

from attrs import evolve

from ghartifacts_async._http.messages import Response

_T = TypeVar("_T")

_HIDDEN = "***"

_MIN_LENGTH = 8
"""Shorter secrets are not redacted, because a short text may occur in any response by chance."""


class Secret(str):
    """A token, a header with a token, or a signed URL."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{_HIDDEN}'"


class _SecretBytes(bytes):
    """Bytes that a caller passed as a token by mistake."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{_HIDDEN}'"


def hidden(value: _T) -> _T:
    """Wrap an argument that may be a secret, so that its repr in a traceback is ``***``."""
    if isinstance(value, str):
        return cast("_T", Secret(value))
    return cast("_T", _SecretBytes(value)) if isinstance(value, bytes | bytearray) else value


def redacted(response: Response, secret: str) -> Response:
    """Replace the secret in a response by ``***``, because a proxy may echo the request."""
    raw = secret.encode()
    if len(secret) < _MIN_LENGTH:
        return response
    if raw not in response.body and not any(secret in value for value in response.headers.values()):
        return response
    return evolve(
        response,
        headers={
            # A Secret stays a Secret.
            name: type(value)(value.replace(secret, _HIDDEN))
            for name, value in response.headers.items()
        },
        body=response.body.replace(raw, _HIDDEN.encode()),
    )
