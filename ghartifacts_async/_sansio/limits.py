"""What rate-limit headers say.

Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus


def is_limit(
    status: int, headers: Mapping[str, str], message: str, documentation_url: str | None
) -> bool:
    """Whether an error answer is a limit, and not a missing permission."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if status != HTTPStatus.FORBIDDEN:
        return False
    text = message.lower()
    return (
        headers.get("x-ratelimit-remaining") == "0"
        or "retry-after" in headers
        or "secondary rate limit" in text
        or "abuse" in text
        or (documentation_url or "").endswith("secondary-rate-limits")
    )


def retry_at(headers: Mapping[str, str]) -> datetime | None:
    """When a used-up primary limit is reset (UTC), as far as the headers say."""
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") != "0" or not reset.isdecimal():
        return None
    try:
        return datetime.fromtimestamp(int(reset), UTC)
    except (OverflowError, ValueError, OSError):
        return None
