"""Signed URLs: each gives read access to one blob until it expires.

The signature covers the bytes of path and query, not their decoded values. A client that
rewrites `%2F` to `/` has altered the URL and is refused, as by several real stores.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPIRY = "se"
_SIGNATURE = "&sig="
_ESCAPES = "escapes=%2F%2B%3D%27%7E%20"
"""A parameter with every percent-encoded character that clients are known to rewrite."""


class Signer:
    """Signs and verifies request targets (path and query) with a random key."""

    def __init__(self) -> None:
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
        return f"{target}{_SIGNATURE}{self._signature(target)}"

    def error(self, target: str, now: float) -> str | None:
        """Return why a target is invalid, or None if it is valid.

        Args:
            target: Path and query exactly as sent.
            now: The time, in seconds since the epoch.
        """
        signed, _, signature = target.rpartition(_SIGNATURE)
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(signed))):
            return "Signature did not match."
        expiry = parse_qs(signed.partition("?")[2])[_EXPIRY][0]
        if now >= datetime.fromisoformat(expiry).timestamp():
            current = datetime.fromtimestamp(now, UTC).isoformat()
            return (
                "Signature not valid in the specified time frame: "
                f"Expiry [{expiry}] - Current [{current}]"
            )
        return None

    def _signature(self, target: str) -> str:
        digest = hmac.digest(self._key, _bytes(target), hashlib.sha256)
        return quote(base64.b64encode(digest), safe="")


def _bytes(target: str) -> bytes:
    return target.encode("utf-8", "surrogateescape")
