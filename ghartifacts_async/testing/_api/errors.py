"""JSON responses, error responses in GitHub's format, and an exception that carries one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ghartifacts_async.testing._shared.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTATION = "https://docs.github.com/rest"
JSON_CONTENT_TYPE = "application/json; charset=utf-8"


class ApiError(Exception):
    """An exception that ends the handling of a request with an error response.

    Args:
        status: The status.
        message: The `message` of the error body.
        documentation_url: The `documentation_url` of the error body.
        headers: Additional headers of the response.

    Attributes:
        response: The error response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        documentation_url: str = DOCUMENTATION,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.response = error_response(status, message, documentation_url, headers)


def encode_json(document: object) -> bytes:
    """Encode a document as compact UTF-8 JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def json_response(
    status: int, document: object, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a JSON body."""
    content_type = {"Content-Type": JSON_CONTENT_TYPE}
    return Response(status, {**content_type, **(headers or {})}, encode_json(document))


def error_response(
    status: int,
    message: str,
    documentation_url: str = DOCUMENTATION,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response with GitHub's error body."""
    document = {"message": message, "documentation_url": documentation_url, "status": str(status)}
    return json_response(status, document, headers)
