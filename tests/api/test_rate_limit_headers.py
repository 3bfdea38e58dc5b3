"""Rate limits are distinguished from missing permissions, and their reset time is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._api.rate_limit_headers import is_limit, poll_interval, retry_at
from tests.values import examples

DOCS = (
    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
)
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes"


@pytest.mark.parametrize(
    ("status", "headers", "message", "documentation", "limit"),
    [
        (429, {}, "", None, True),
        (429, {"x-ratelimit-remaining": "17"}, "Slow down", None, True),
        (403, {"x-ratelimit-remaining": "0"}, "API rate limit exceeded", None, True),
        (403, {}, "API rate limit exceeded for 192.0.2.1.", None, True),
        (403, {}, "Repository 'API rate limit exceeded' is disabled", None, False),
        (403, {"retry-after": "60"}, "", None, True),
        (403, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", None, True),
        (403, {"x-ratelimit-remaining": "4999"}, SECONDARY, None, True),
        (403, {}, SECONDARY.upper(), None, True),
        (403, {}, f"<p>Whoa there! {SECONDARY}</p>", None, True),
        (403, {}, f"<p>\n    {SECONDARY}</p>", None, True),
        (403, {}, f"The rule '{SECONDARY}' forbids this", None, False),
        (403, {}, "Only owners may change the secondary rate limit of an app", None, False),
        (403, {}, "'You have triggered an abuse detection mechanism' is no name", None, False),
        (403, {"retry-after": "60"}, "See the secondary rate limit", None, True),
        (403, {}, "\n" * 2**14, None, False),
        (403, {}, "You have triggered an abuse detection mechanism.", None, True),
        (403, {}, "Wait", DOCS, True),
        (403, {}, "Resource not accessible by integration", None, False),
        (403, {"x-ratelimit-remaining": "10"}, "Must have admin rights", "https://docs/x", False),
        (403, {}, "", None, False),
        (401, {"x-ratelimit-remaining": "0"}, "Bad credentials", None, False),
        (404, {"retry-after": "60"}, SECONDARY, DOCS, False),
        (503, {"retry-after": "60"}, "", None, False),
        (200, {"x-ratelimit-remaining": "0"}, "", None, False),
    ],
)
def test_is_limit(
    status: int, headers: dict[str, str], message: str, documentation: str | None, limit: bool
) -> None:
    """A 429 is a rate limit. A 403 is one if its headers, message or link indicate it."""
    assert is_limit(status, headers, message, documentation) is limit


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("60", 60), ("0", 0), ("99999", 3600), (None, 0), ("", 0), ("-1", 0), ("soon", 0)],
)
def test_poll_interval(value: str | None, seconds: float) -> None:
    """``X-Poll-Interval`` is a number of seconds, of which at most an hour is obeyed."""
    assert poll_interval({} if value is None else {"x-poll-interval": value}) == seconds


@pytest.mark.parametrize(
    ("remaining", "reset", "moment"),
    [
        ("0", "1372700873", datetime(2013, 7, 1, 17, 47, 53, tzinfo=UTC)),
        ("0", "0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1", "1372700873", None),
        (None, "1372700873", None),
        ("0", None, None),
        ("0", "", None),
        ("0", "soon", None),
        ("0", "-1", None),
        ("0", "1.5", None),
        ("0", "\u00b2", None),
        ("0", "9" * 12, None),
        ("0", "9" * 30, None),
        ("0", "9" * 5000, None),
    ],
)
def test_retry_at(remaining: str | None, reset: str | None, moment: datetime | None) -> None:
    """With no calls remaining, `retry_at` returns the reset time. Invalid headers give None."""
    headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    assert retry_at({name: value for name, value in headers.items() if value is not None}) == moment


@examples(100)
@given(st.text(), st.text() | st.integers().map(str))
def test_any_header(remaining: str, reset: str) -> None:
    """`retry_at` returns None or a time in UTC for any headers."""
    for value in (remaining, "0"):
        moment = retry_at({"x-ratelimit-remaining": value, "x-ratelimit-reset": reset})
        assert moment is None or moment.tzinfo is UTC
