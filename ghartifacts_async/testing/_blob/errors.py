"""Azure's error bodies, and the exception that carries an error response."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self
from xml.sax.saxutils import escape

import attrs

from ghartifacts_async.testing._shared.messages import Response, reason_phrase

_CODES = {
    400: "InvalidHeaderValue",
    403: "AuthenticationFailed",
    404: "BlobNotFound",
    405: "UnsupportedHttpVerb",
    412: "ConditionNotMet",
    416: "InvalidRange",
    500: "OperationTimedOut",
    503: "ServerBusy",
}
_MESSAGES = {
    400: "The value for one of the HTTP headers is not in the correct format.",
    403: "Server failed to authenticate the request. Make sure the value of "
    "Authorization header is formed correctly including the signature.",
    404: "The specified blob does not exist.",
    405: "The resource doesn't support specified Http Verb.",
    412: "The condition specified using HTTP conditional header(s) is not met.",
    416: "The range specified is invalid for the current size of the resource.",
    500: "Operation could not be completed within the specified time.",
    503: "The server is busy.",
}


@attrs.frozen
class BlobError(Exception):
    """An exception that ends the handling of a blob request with an error response.

    Attributes:
        status: The status.
        code: Azure's error code.
        message: Azure's error message.
        headers: Additional headers of the response.
        detail: The reason for an authentication error, or "".

    Source:
        https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
    """

    status: int
    code: str
    message: str
    headers: dict[str, str] = attrs.field(factory=dict)
    detail: str = ""

    @classmethod
    def from_status(
        cls, status: int, headers: dict[str, str] | None = None, detail: str = ""
    ) -> Self:
        """Create the error that Azure most often sends with a status."""
        phrase = reason_phrase(status)
        code = _CODES.get(status, phrase.title().replace(" ", "").replace("-", ""))
        return cls(status, code, _MESSAGES.get(status, f"{phrase}."), headers or {}, detail)

    def response(self, request_id: str, now: float) -> Response:
        """Return the error as a response with Azure's error body."""
        if self.status in {204, 304}:
            return Response(self.status, self.headers)
        time = datetime.fromtimestamp(now, UTC).isoformat()
        message = escape(f"{self.message}\nRequestId:{request_id}\nTime:{time}")
        detail = self.detail and (
            f"<AuthenticationErrorDetail>{escape(self.detail)}</AuthenticationErrorDetail>"
        )
        body = (
            '\ufeff<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{self.code}</Code><Message>{message}</Message>{detail}</Error>"
        )
        headers = {"Content-Type": "application/xml", "x-ms-error-code": self.code}
        return Response(self.status, headers | self.headers, body.encode())
