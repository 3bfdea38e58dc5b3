"""Signed URLs: who holds one may read one blob until it expires.

The signature covers the bytes of path and query as they were handed out, not what they mean.
A client that rewrites `%2F` into `/` on the way has altered the URL, and is refused: so do the
signers of several real stores.
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
_ALTERABLE = "escapes=%2F%2B%3D%27%7E%20"
"""Every escape that sloppy clients rewrite, in every URL."""


class Signer:
    """Signs and checks request targets (path and query) with a key of its own."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def sign(self, path: str, parameters: Mapping[str, str], expires: float) -> str:
        """Return a target that `refusal` accepts until it expires.

        Args:
            path: The path, its escapes in place.
            parameters: What else the query holds, unescaped.
            expires: When it ends, in seconds since the epoch.
        """
        until = datetime.fromtimestamp(expires, UTC).isoformat(timespec="microseconds")
        query = {_EXPIRY: until.replace("+00:00", "Z"), **parameters}
        pairs = [f"{name}={quote(value, safe='')}" for name, value in query.items()]
        target = f"{path}?{'&'.join([*pairs, _ALTERABLE])}"
        return f"{target}{_SIGNATURE}{self._signature(target)}"

    def refusal(self, target: str, now: float) -> str | None:
        """Say why a target is not to be served, or return None where it is.

        Args:
            target: Path and query, exactly as sent.
            now: Seconds since the epoch.
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
