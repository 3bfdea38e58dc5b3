"""Signed URLs: each gives read access to one blob until it expires.

Azure verifies the decoded values of path and query, so a client may rewrite `%2F` to `/`. CDNs and
several other stores verify the bytes, and so refuse a client that does this. A `Signer` does
either.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPIRY = "se"
_SIGNATURE = "&sig="
_SIGNED = (_EXPIRY, "sp", "sv", "sr", "rscd", "rsct", "escapes")
"""The parameters that Azure signs. Like Azure, a signer that is not exact ignores others."""

_ESCAPES = "escapes=%2F%2B%3D%27%7E%20"
"""A parameter with every percent-encoded character that clients are known to rewrite."""


class Signer:
    """Signs and verifies request targets (path and query) with a random key.

    Args:
        exact: Whether to verify the bytes of a target instead of its decoded values.
    """

    def __init__(self, *, exact: bool) -> None:
        self._exact = exact
        self._key = secrets.token_bytes(32)

    def sign(self, path: str, parameters: Mapping[str, str], expires: float) -> str:
        """Return a signed target.

        Args:
            path: The percent-encoded path.
            parameters: Other query parameters, not yet percent-encoded.
            expires: When the target expires, in seconds since the epoch.
        """
        expiry = datetime.fromtimestamp(expires, UTC).isoformat(timespec="microseconds")
        query = {_EXPIRY: expiry.replace("+00:00", "Z"), **parameters}
        pairs = [f"{name}={quote(value, safe='')}" for name, value in query.items()]
        target = f"{path}?{'&'.join([*pairs, _ESCAPES])}"
        return f"{target}{_SIGNATURE}{quote(self._signature(self._signed(target)), safe='')}"

    def error(self, target: str, now: float) -> str | None:
        """Return why a target is invalid, or None if it is valid.

        Args:
            target: Path and query as sent.
            now: The time, in seconds since the epoch.
        """
        signed, signature = self._split(target)
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(signed))):
            return "Signature did not match."
        expiry = dict(parse_qsl(target.partition("?")[2]))[_EXPIRY]
        if now >= datetime.fromisoformat(expiry).timestamp():
            current = datetime.fromtimestamp(now, UTC).isoformat()
            return (
                "Signature not valid in the specified time frame: "
                f"Expiry [{expiry}] - Current [{current}]"
            )
        return None

    def identify(self, target: str) -> str:
        """Return a text that is the same for all spellings of a valid target."""
        return "\n".join(self._split(target))

    def _split(self, target: str) -> tuple[str, str]:
        """Return what is signed, and the signature that the target has."""
        if self._exact:
            signed, _, signature = target.rpartition(_SIGNATURE)
            return signed, unquote(signature)
        values = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
        return self._signed(target), values.get(_SIGNATURE[1:-1], "")

    def _signed(self, target: str) -> str:
        """Return the part of a target that its signature covers."""
        if self._exact:
            return target.rpartition(_SIGNATURE)[0] or target
        path, _, query = target.partition("?")
        values = dict(parse_qsl(query, keep_blank_values=True))
        return "\n".join([unquote(path), *(values.get(name, "") for name in _SIGNED)])

    def _signature(self, signed: str) -> str:
        digest = hmac.digest(self._key, _bytes(signed), hashlib.sha256)
        return base64.b64encode(digest).decode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
