"""Rate limits, read from the headers of GitHub's responses.

There are two kinds. The *primary* limit is a number of calls per time window. Every response
reports it in ``x-ratelimit-*`` headers. When no calls are left, calls must wait until the window
resets. *Secondary* limits restrict the pace of calls. GitHub reports them only by refusing a call.
The refusal names the time to wait in ``Retry-After``. If it does not, the wait is one minute,
doubled with each further refusal.

A wait until a time that the server names is counted from the ``Date`` of the same response, so it
is right even if the local clock is wrong.

Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from ghartifacts_async.models import RateLimit

RESET_MARGIN = 1.0
"""Seconds to wait after the reset of a window, because GitHub rounds that time to seconds."""

SECONDARY_WAIT = 60.0
"""Seconds to wait if a refusal at a secondary limit names no time; doubled with each refusal."""

MAX_WINDOW = 7200.0
"""Longest plausible window of the primary limit in seconds; GitHub's is 3,600."""

MAX_RETRY_AFTER = 3600.0
"""Longest wait in seconds that ``Retry-After`` may ask for, so that a wrong value does not stop a
client for good. GitHub asks for at most an hour."""

POINTS_OF_A_WRITE = 5
"""Points that a call costs if it changes something. A call that only reads costs 1 point."""

CORE = "core"
"""The primary limit to which all calls for artifacts and runs belong."""

_NUMBER = re.compile(r"[0-9]{1,12}")
_RESOURCE = re.compile(r"[A-Za-z0-9_-]{1,100}")

_SENTENCE = re.compile(
    r"\AAPI rate limit exceeded\b|(?:\A|[>.!\n])\s{0,100}+You (?:have )?"
    r"(?:exceeded a secondary rate limit|triggered an abuse detection mechanism)\b",
    re.IGNORECASE,
)
"""The beginning of GitHub's own sentences. Other messages may quote a part of them."""

_SECONDARY_PAGE = re.compile(r"#(?:about-)?(?:secondary|abuse)-rate-limits\Z")
_PRIMARY = re.compile(r"\brate limit|\btoo many requests", re.IGNORECASE)
_REFUSAL = re.compile(
    r"not accessible by|\bSAML\b|IP allow list|not permitted|must have|has been suspended|"
    r"access blocked|forbids access|login attempts",
    re.IGNORECASE,
)


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Return the primary rate limit that a response reports, or None."""
    remaining, reset = (headers.get(f"x-ratelimit-{name}", "") for name in ("remaining", "reset"))
    limit = headers.get("x-ratelimit-limit", remaining)
    if not all(_NUMBER.fullmatch(number) for number in (limit, remaining, reset)):
        return None
    resets_at = moment(int(reset))
    if resets_at is None:
        return None
    resource = headers.get("x-ratelimit-resource", "")
    return RateLimit(
        limit=int(limit),
        remaining=int(remaining),
        used=max(0, int(limit) - int(remaining)),
        resets_at=resets_at,
        resource=resource if _RESOURCE.fullmatch(resource) else CORE,
    )


def newer(known: RateLimit | None, reported: RateLimit, *, later: bool) -> RateLimit:
    """Return the newer of two reports, because responses may arrive in any order.

    Args:
        known: The report that was valid so far, or ``None``.
        reported: The report of another response.
        later: Whether the request of `reported` was sent after that of `known`.
    """
    if known is None:
        return reported
    if reported.resets_at == known.resets_at:
        return reported if reported.remaining < known.remaining else known
    return reported if later else known


def is_limit(
    status: int, headers: Mapping[str, str], message: str, documentation_url: str | None
) -> bool:
    """Return True if an error response means a rate limit, and not a missing permission.

    A 403 for a missing permission, SAML or an IP allow list may be the last call of the window, so
    ``x-ratelimit-remaining: 0`` alone is no proof, and the message may quote names and rules.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if status != HTTPStatus.FORBIDDEN:
        return False
    if _SENTENCE.search(message) or _SECONDARY_PAGE.search(documentation_url or ""):
        return True
    if _REFUSAL.search(message) or "x-github-sso" in headers:
        return False
    if "retry-after" in headers:
        return True
    exhausted = headers.get("x-ratelimit-remaining") == "0"
    return exhausted and (not message or _PRIMARY.search(message) is not None)


def seconds_to_wait(headers: Mapping[str, str], refusals: int, now: float) -> float:
    """Return how many seconds to wait after a response for which `is_limit` is true.

    Args:
        headers: Headers of the response.
        refusals: Number of refusals in a row, including this one.
        now: Local time in seconds since the epoch, used if the response has no ``Date``.
    """
    requested = retry_after(headers, now)
    if requested is not None:
        # GitHub bans clients that keep retrying at once, so short waits grow too.
        at_least = min(SECONDARY_WAIT, 2.0 ** min(refusals - 1, 10))
        return max(requested, at_least)
    reported = rate_limit(headers)
    if reported is not None and reported.remaining == 0:
        wait = until_reset(reported, headers, now)
        if wait <= MAX_WINDOW:
            return wait
    return SECONDARY_WAIT * 2.0 ** min(refusals - 1, 10)


def until_reset(reported: RateLimit, headers: Mapping[str, str], now: float) -> float:
    """Return how many seconds after a response the window that it reports resets."""
    return max(0.0, reported.resets_at.timestamp() - server_time(headers, now)) + RESET_MARGIN


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait that ``Retry-After`` (a number or an HTTP date) names, or None.

    The result is at most `MAX_RETRY_AFTER`.
    """
    value = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(value):
        return min(float(value), MAX_RETRY_AFTER)
    date = http_date(value)
    if date is None:
        return None
    return max(0.0, min(date - server_time(headers, now), MAX_RETRY_AFTER))


def poll_interval(headers: Mapping[str, str]) -> float:
    """Return the seconds that GitHub asks to leave between two polls (``X-Poll-Interval``)."""
    value = headers.get("x-poll-interval", "")
    return min(float(value), MAX_RETRY_AFTER) if _NUMBER.fullmatch(value) else 0.0


def server_time(headers: Mapping[str, str], now: float) -> float:
    """Return the ``Date`` of a response in seconds since the epoch, or `now` if it has none."""
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
    """Return how many points a call costs; see `RateLimitPolicy.points_per_minute`."""
    return 1 if method in {"GET", "HEAD", "OPTIONS"} else POINTS_OF_A_WRITE


def retry_at(headers: Mapping[str, str]) -> datetime | None:
    """Return when GitHub accepts calls again (UTC) after a refusal, or None if it does not say."""
    requested = retry_after(headers, float("nan"))
    if requested is None:
        reported = rate_limit(headers)
        return reported.resets_at if reported is not None and reported.remaining == 0 else None
    return moment(server_time(headers, float("nan")) + requested)


def moment(seconds: float) -> datetime | None:
    """Convert seconds since the epoch to a datetime. Return None if they are out of range."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
