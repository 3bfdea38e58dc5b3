"""Keep secrets out of logs, reprs and messages.

Many services log the local variables of every frame of a traceback, and shorten or format them. So
the library keeps a secret in a `Secret`, and reveals its text only in the expression that passes it
on: to aiohttp, which sends it, or to a function that only computes.

A server may repeat a secret in its response, for example a proxy that quotes the request. Text from
a response is therefore redacted before it becomes a part of an error or of a log record.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable
from inspect import isawaitable
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

MAX_TEXT = 1000
"""Maximum length of a text from a server that is kept in an error, in characters."""

_HIDDEN = "***"

_MIN_LENGTH = 8
"""Shorter secrets are not redacted, because a short text may occur in any response by chance."""

_WINDOW = 12
"""Minimum length of a piece of a secret that is redacted even without the rest of the secret."""

_MAX_SECRETS = 8
_MAX_URL = 4096
_MAX_BODY = 2**14
_UNICODE_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


class Secret:
    """A text that no repr, format, comparison with plain text, or pickle reveals."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text. Do not keep it in a variable, because tracebacks show variables."""
        return self._text

    def parts(self) -> Iterable[str]:
        """Yield the texts to redact, in every encoding in which they may occur."""
        yield self._text
        yield from _in_base64(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return _HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "this object contains a secret (a token, a private key or a signed URL) and cannot be "
            "pickled or copied; create it anew where you need it"
        )


class SecretUrl(Secret):
    """A URL with a secret query, or with a password."""

    __slots__ = ()

    def parts(self) -> Iterable[str]:
        """Yield the query, its values, and the credentials, but not the host."""
        try:
            url = urlsplit(self._text[:_MAX_URL])
        except ValueError:
            yield self._text[:_MAX_URL]
            return
        userinfo = unquote(url.netloc.rpartition("@")[0])
        yield from (userinfo, userinfo.partition(":")[2], *_in_base64(userinfo))
        yield from (url.query, unquote(url.query))
        for parameter in url.query.split("&"):
            value = parameter.partition("=")[2]
            yield from (value, unquote(value))


def plain(text: str | Secret) -> str:
    """Return the text of a secret, or any other text unchanged."""
    return text if isinstance(text, str) else text.reveal()


class _WrongType:
    """An argument of the wrong type. It may contain a secret, so only its type's name is kept."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def hidden(value: object) -> Any:
    """Wrap an argument that may be a secret, so that a traceback with variables does not show it.

    Texts become a `Secret`. None, functions, awaitables and objects with a method ``token`` are
    returned unchanged.
    """
    if isinstance(value, str):
        return Secret(value)
    known = value is None or isinstance(value, Secret | _WrongType) or isawaitable(value)
    if known or callable(value) or hasattr(value, "token"):
        return value
    return _WrongType(type(value).__name__)


def kind_of(value: object) -> str:
    """Return the name of the type of an argument that may have been wrapped by `hidden`."""
    return value.kind if isinstance(value, _WrongType) else type(value).__name__


class Redactor:
    """The secrets that a client used last, and the redaction of text that repeats them."""

    def __init__(self) -> None:
        self._secrets: deque[Secret] = deque(maxlen=_MAX_SECRETS)

    def add(self, secret: Secret) -> None:
        """Redact this secret from now on, because it is about to be sent."""
        if secret in self._secrets:
            self._secrets.remove(secret)
        self._secrets.append(secret)

    def including(self, values: Iterable[str | Secret]) -> Callable[[str], str]:
        """Return a function that redacts text from the response to a request.

        By the time the response arrives, other requests may have sent so many secrets that this
        object has forgotten those of the request.

        Args:
            values: Values of the headers of the request.
        """
        own = [value for value in values if isinstance(value, Secret)]
        return lambda text: self.redact(text, *own)

    def redact(self, text: str, *more: Secret) -> str:
        """Shorten a text from a server, and replace all parts of secrets in it by ``***``.

        Args:
            text: The text.
            more: Further secrets that the server knows.
        """
        # Parts of a secret at the end are cut off with the rest.
        text = text[: 2 * MAX_TEXT]
        parts = [part for secret in (*self._secrets, *more) for part in secret.parts()]
        parts = [part for part in parts if len(part) >= _MIN_LENGTH]
        if not parts:
            return text[:MAX_TEXT]
        for part in parts:
            text = text.replace(part, _HIDDEN)
        return _without_pieces(text, "\n".join(parts))[:MAX_TEXT]


def decoded(body: bytes) -> str:
    """Return the text of a body that is not JSON, with escapes of JSON and UTF-16 decoded."""
    text = body[:_MAX_BODY].replace(b"\0", b"").decode(errors="replace")
    text = _UNICODE_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return text.replace("\\/", "/")


def _without_pieces(text: str, secrets: str) -> str:
    """Replace each piece of the secrets that has at least `_WINDOW` characters."""
    # Searching for each piece of a long text would take a tenth of a second. Every piece contains a
    # block of half its length that begins at a multiple of that length.
    half = _WINDOW // 2
    blocks = range(0, len(text), half)
    found = {at for at in blocks if text[at : at + half] in secrets}
    kept: list[str] = []
    at = 0
    while at < len(text):
        stop = at + _WINDOW
        is_piece = -(-at // half) * half in found and stop <= len(text)
        if not is_piece or text[at:stop] not in secrets:
            kept.append(text[at])
            at += 1
            continue
        while stop < len(text) and text[at : stop + 1] in secrets:
            stop += 1
        kept.append(_HIDDEN)
        at = stop
    return "".join(kept)


def _in_base64(text: str) -> Iterable[str]:
    """Yield three texts. The base64 of any text that contains `text` contains one of them."""
    raw = text.encode(errors="replace")
    for before in range(3):
        encoded = b64encode(b"\0" * before + raw).decode().rstrip("=")
        # The first and the last characters also depend on the neighbours.
        yield encoded[0 if before == 0 else before + 1 : -1]
