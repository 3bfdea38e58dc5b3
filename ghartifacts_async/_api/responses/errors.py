"""The error that a response of the API reports."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.responses import hints
from ghartifacts_async._api.responses.message import read_message
from ghartifacts_async._http.messages import Response, printable
from ghartifacts_async.errors import (
    ApiVersionRetired,
    ArtifactExpired,
    AuthenticationError,
    GitHubError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    UnexpectedReply,
)


def error_of(
    call: ApiCall[Any], response: Response, *, anonymous: bool = False
) -> GitHubError | None:
    """Return the error that a response reports, or None if it is a success or a redirect.

    Args:
        call: The call.
        response: Its response.
        anonymous: Whether the call was made without a token.
    """
    status = response.status
    if status < HTTPStatus.BAD_REQUEST:
        return None
    message, headers = read_message(response), response.headers
    kind: type[GitHubError] = UnexpectedReply
    hint = ""
    more: dict[str, Any] = {}
    match status:
        case _ if rate_limit_headers.is_limit(
            status, headers, message.text or message.page_text, message.documentation_url
        ):
            retry_at = rate_limit_headers.retry_at(headers)
            kind, more = RateLimited, {"retry_at": retry_at}
            hint = f"wait until {retry_at:%Y-%m-%d %H:%M:%S} UTC" if retry_at else ""
            if anonymous and (advice := hints.limit_for_anonymous(response)):
                hint = f"{hint}; {advice}" if hint else advice
        case HTTPStatus.UNAUTHORIZED:
            kind, hint = AuthenticationError, hints.for_unauthorized(response, anonymous=anonymous)
            date = rate_limit_headers.http_date(headers.get("date", ""))
            more = {"server_time": None if date is None else rate_limit_headers.moment(date)}
        case HTTPStatus.FORBIDDEN:
            kind, hint = PermissionDenied, hints.for_forbidden(response, anonymous=anonymous)
            more = {
                "accepted_permissions": headers.get("x-accepted-github-permissions"),
                "sso_url": hints.sso_url(response),
            }
        case HTTPStatus.NOT_FOUND:
            kind, hint = NotFound, hints.for_not_found(call, anonymous=anonymous)
        case HTTPStatus.GONE if _is_about_versions(message.text):
            kind = ApiVersionRetired
            hint = "GitHub has retired this API version; pass a later one as api_version"
        case HTTPStatus.GONE:
            kind = ArtifactExpired
        case HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            hint = "put credentials into the proxy's URL"
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = ServerError
    advice = hints.for_base_url(call, response) or hint
    more_words = filter(None, (call.notes.get(status), advice))
    summary = "; ".join((f"{call}: {status} {message}".rstrip(), *more_words))
    return github_error(
        kind,
        summary,
        response,
        message=message.text,
        documentation_url=message.documentation_url,
        errors=message.errors,
        **more,
    )


def _is_about_versions(message: str) -> bool:
    """Return True if a 410 concerns the version of the API, not an artifact."""
    return "artifact" not in message.lower() and "version" in message.lower()


_E = TypeVar("_E", bound=GitHubError)


def github_error(cls: type[_E], summary: str, response: Response, **more: Any) -> _E:
    """Create an error. All text of the server in it is shortened, and secrets are removed."""
    request_id = response.headers.get("x-github-request-id")
    return cls(
        response.redact(f"{summary} (request {printable(request_id)})" if request_id else summary),
        status=response.status,
        request_id=_redacted(request_id, response),
        **{name: _redacted(value, response) for name, value in more.items()},
    )


def _redacted(value: Any, response: Response) -> Any:
    if isinstance(value, tuple):
        return tuple(_redacted(one, response) for one in value)
    return response.redact(value) if isinstance(value, str) else value
