"""`Fault`: a faulty response of the API, and the functions that apply it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, Self

import attrs

from ghartifacts_async.testing._api.errors import JSON_CONTENT_TYPE, error_response
from ghartifacts_async.testing._api.rate_limits.limiter import SECONDARY_MESSAGE, SECONDARY_URL
from ghartifacts_async.testing._shared.messages import (
    Response,
    check_headers,
    check_status,
    http_date,
    reason_phrase,
)

_UNICORN = "<!DOCTYPE html>\n<html><head><title>Unicorn!</title></head><body>{}</body></html>\n"
_MAX_WAIT = 10**10


@attrs.frozen(hash=False)
class Fault:
    """A faulty response of the API.

    The response keeps the usual headers, such as `Date` and the rate limit headers, and the
    request counts against the rate limits. `Fault(503)` responds with that status; the class
    methods create other kinds of faults.

    Attributes:
        status: The status; None keeps the response that the API would send.
        headers: Headers that replace those of the response, ignoring case. A value of None
            removes a header.
        body: The body: bytes, text, or a mapping that is sent as JSON. None sends GitHub's error
            body for the status.
        retry_after: The wait that `Retry-After` asks for, in seconds. None omits the header.
        retry_after_date: Whether `Retry-After` is an HTTP date instead of a number of seconds.
        after: Whether the API executes the request before it sends the faulty response. If so,
            a DELETE deletes the artifact although the client sees a failure.
        connection: `"kept"` leaves the connection open; `"dropped"` closes it before the
            response; `"cut"` closes it half-way through the body, or before the response if it
            has no body.
    """

    status: int | None = attrs.field(validator=check_status)
    headers: Mapping[str, str | None] = attrs.field(
        factory=dict, kw_only=True, validator=check_headers
    )
    body: Mapping[str, object] | bytes | str | None = attrs.field(default=None, kw_only=True)
    retry_after: float | None = attrs.field(default=None, kw_only=True)
    retry_after_date: bool = attrs.field(default=False, kw_only=True)
    after: bool = attrs.field(default=False, kw_only=True)
    connection: Literal["kept", "dropped", "cut"] = attrs.field(default="kept", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.status is None and (not self.after or self.body is not None):
            raise ValueError(
                "a fault with status None keeps the API's response: set after=True and no body"
            )
        if self.retry_after_date and not 0 <= (self.retry_after or 0) <= _MAX_WAIT:
            raise ValueError(
                f"retry_after must be from 0 to {_MAX_WAIT} for a date, not {self.retry_after}"
            )

    @classmethod
    def dropped(cls, *, after: bool = False) -> Self:
        """Drop the connection before the response.

        aiohttp's client repeats an idempotent request, including DELETE, once if the connection
        is dropped. Queue this fault twice to make the client fail.

        Args:
            after: Whether the API executes the request before the connection is dropped.
        """
        return cls(None if after else 500, after=after, connection="dropped")

    @classmethod
    def cut(cls) -> Self:
        """Execute the request, and drop the connection half-way through the response body."""
        return cls(None, after=True, connection="cut")

    @classmethod
    def html(cls, status: int = 502) -> Self:
        """Send an HTML error page, as the proxies in front of the API do."""
        page = _UNICORN.format("This page is taking too long to load.")
        return cls(status, headers={"Content-Type": "text/html; charset=utf-8"}, body=page)

    @classmethod
    def secondary_limit(cls, retry_after: float | None = 60.0, *, status: int = 403) -> Self:
        """Refuse the request because of a secondary rate limit.

        Args:
            retry_after: The wait that `Retry-After` asks for, in seconds. None omits the header.
            status: The status; GitHub documents 403 and 429.
        """
        document = {"message": SECONDARY_MESSAGE, "documentation_url": SECONDARY_URL}
        return cls(status, body=document, retry_after=retry_after)


def faulty_response(
    fault: Fault, normal: Response | None, now: float, *, no_body: bool
) -> Response:
    """Return the response that a fault produces, without the headers that all responses have.

    Args:
        fault: The fault.
        normal: The API's normal response, or None if the API has not executed the request.
        now: The time, in seconds since the epoch.
        no_body: Whether the response is sent without its body, as for a HEAD request.
    """
    if fault.status is None:
        assert normal is not None
        response = Response(normal.status, dict(normal.headers), normal.body)
    else:
        response = _response_with_status(fault, fault.status)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = (
            http_date(now + fault.retry_after)
            if fault.retry_after_date
            else f"{fault.retry_after:g}"
        )
    disconnect: Literal["before_headers", "mid_body"] | None = None
    if fault.connection != "kept":
        mid_body = fault.connection == "cut" and response.body and not no_body
        disconnect = "mid_body" if mid_body else "before_headers"
    return Response(response.status, response.headers, response.body, disconnect)


def override_headers(fault: Fault, headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of a response after the fault has replaced or removed some of them."""
    if not fault.headers:
        return headers
    replaced = {name.lower() for name in fault.headers}
    kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
    return kept | {name: value for name, value in fault.headers.items() if value is not None}


def _response_with_status(fault: Fault, status: int) -> Response:
    if status in {204, 304}:
        return Response(status)
    if fault.body is None:
        return error_response(status, reason_phrase(status))
    if isinstance(fault.body, Mapping):
        body = json.dumps(dict(fault.body)).encode()
    else:
        body = fault.body.encode() if isinstance(fault.body, str) else fault.body
    return Response(status, {"Content-Type": JSON_CONTENT_TYPE}, body)
