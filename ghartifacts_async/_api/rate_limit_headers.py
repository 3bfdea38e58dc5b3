"""What the rate limits allow, read off GitHub's answers.

There are two kinds. The *primary* limit is a budget for a window, told by ``x-ratelimit-*`` on
every answer; when it is used up, calls must wait for the window's reset. *Secondary* limits are
about pace and are told by refusals alone: then the wait is ``Retry-After``, or else a minute, and
doubles as long as refusals go on.

All times here are seconds on the server's clock, or lengths of time: the difference between the
server's ``Date`` and what it names is what counts, not what a clock on this side says.

Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from attrs import frozen

from ghartifacts_async.models import RateLimit

RESET_MARGIN = 1.0
"""Seconds to wait beyond a reset, which GitHub tells in whole seconds."""

SECONDARY_WAIT = 60.0
"""Seconds to wait at a secondary limit that names no time; doubled each time after."""

MAX_WINDOW = 7200.0
"""Seconds beyond which a window of the primary limit is not believed; GitHub's last 3,600."""

POINTS_OF_A_WRITE = 5
"""Points of a call that changes something; one that reads has 1."""

_NUMBER = re.compile(r"[0-9]{1,12}")


@frozen
class Refusal:
    """An answer that is a limit.

    Attributes:
        wait: Seconds until calls are taken again.
        primary: Whether the window's budget is used up.
    """

    wait: float
    primary: bool


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """The primary limit as an answer tells it, ``None`` where it does not."""
    remaining, reset = (headers.get(f"x-ratelimit-{name}", "") for name in ("remaining", "reset"))
    limit = headers.get("x-ratelimit-limit", remaining)
    if not all(_NUMBER.fullmatch(number) for number in (limit, remaining, reset)):
        return None
    resets_at = moment(int(reset))
    if resets_at is None:
        return None
    return RateLimit(
        limit=int(limit),
        remaining=int(remaining),
        used=max(0, int(limit) - int(remaining)),
        resets_at=resets_at,
        resource=headers.get("x-ratelimit-resource", "core"),
    )


def newer(known: RateLimit | None, told: RateLimit, *, later: bool) -> RateLimit:
    """What holds after another answer: answers may overtake each other.

    Args:
        known: What held before it.
        told: What it tells.
        later: Whether it was asked for after the answer that told `known`.
    """
    if known is None:
        return told
    if told.resets_at == known.resets_at:
        return told if told.remaining < known.remaining else known
    return told if later else known


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


def refusal(headers: Mapping[str, str], refusals: int, now: float) -> Refusal:
    """How long an answer that `is_limit` asks to wait.

    Args:
        headers: Of the answer.
        refusals: How many refusals in a row, this one included.
        now: Seconds since the epoch, for an answer without ``Date``.
    """
    asked = retry_after(headers, now)
    if asked is not None:
        # Going on at once, again and again, is what GitHub bans for.
        return Refusal(max(asked, min(SECONDARY_WAIT, 2.0 ** min(refusals - 1, 10))), primary=False)
    told = rate_limit(headers)
    if told is not None and told.remaining == 0:
        wait = until_reset(told, headers, now)
        if wait <= MAX_WINDOW:
            return Refusal(wait, primary=True)
    return Refusal(SECONDARY_WAIT * 2.0 ** min(refusals - 1, 10), primary=False)


def until_reset(told: RateLimit, headers: Mapping[str, str], now: float) -> float:
    """Seconds from an answer until the window that it told of is over."""
    return max(0.0, told.resets_at.timestamp() - server_time(headers, now)) + RESET_MARGIN


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for (a number, or an HTTP date), or ``None``."""
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(value):
        return float(value)
    date = http_date(value)
    return None if date is None else max(0.0, date - server_time(headers, now))


def server_time(headers: Mapping[str, str], now: float) -> float:
    """Seconds since the epoch by the server's clock, or `now` where it does not tell."""
    date = http_date(headers.get("date", ""))
    return now if date is None else date


def http_date(value: str) -> float | None:
    """Parse an HTTP date into seconds since the epoch; return None if it is not one.

    Source: RFC 9110, section 5.6.7
    """
    try:
        date = parsedate_to_datetime(value)
        return (date.replace(tzinfo=UTC) if date.tzinfo is None else date).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def points(method: str) -> int:
    """What a call costs of the points of a minute."""
    return 1 if method in {"GET", "HEAD", "OPTIONS"} else POINTS_OF_A_WRITE


def retry_at(headers: Mapping[str, str]) -> datetime | None:
    """When a refusal says that calls are taken again (UTC), as far as its own headers tell."""
    asked = retry_after(headers, float("nan"))
    if asked is None:
        told = rate_limit(headers)
        return told.resets_at if told is not None and told.remaining == 0 else None
    return moment(server_time(headers, float("nan")) + asked)


def moment(seconds: float) -> datetime | None:
    """Seconds since the epoch as a datetime, ``None`` where there is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
