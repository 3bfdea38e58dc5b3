"""The calls to GitHub's endpoints, and the functions that decode the responses.

Source: https://docs.github.com/rest/actions/artifacts
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from attrs import frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.filters import Item
from ghartifacts_async._api.pagination import ListingPage, Page, has_more
from ghartifacts_async._api.responses import hints
from ghartifacts_async._api.responses.errors import error_of as error_of
from ghartifacts_async._api.responses.errors import github_error
from ghartifacts_async._http import redirects
from ghartifacts_async._http.messages import Response, json_in, printable
from ghartifacts_async._http.redaction import Secret, decoded
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.urls import origin
from ghartifacts_async.errors import InvalidArgument, RedirectRefused, UnexpectedReply
from ghartifacts_async.models import Artifact, ArtifactPage, Direction

_I = TypeVar("_I", bound=Item)
_T = TypeVar("_T")

ACCEPT = "application/vnd.github+json"
"""The ``Accept`` header of every call.

Downloads send it too: GitHub answers 415 if a download accepts the media type of the payload.
"""


@frozen
class Installation:
    """An installation of a GitHub App."""

    id: int


@frozen
class InstallationToken:
    """The body of the response to `create_installation_token`."""

    token: Secret
    expires_at: datetime
    permissions: dict[str, str] | None = None


@frozen
class IssuedToken:
    """A new installation token with the times of its issue and expiry.

    Attributes:
        token: The token itself.
        expires_at: Time of expiry, in seconds since the epoch.
        issued_at: Time of issue on the server's clock, in seconds since the epoch. ``None`` if the
            response has no ``Date``.
        permissions: Access by the name of the permission, or ``None`` if it is not known.
    """

    token: Secret
    expires_at: float
    issued_at: float | None
    permissions: Mapping[str, str] | None


def list_repository_artifacts(
    repository: str, *, name: str | None, per_page: int
) -> ApiCall[ListingPage[Artifact]]:
    """Return the call for the first page of a repository's artifacts."""
    query = {"per_page": str(per_page)} | ({} if name is None else {"name": name})
    path = f"/repos/{repository}/actions/artifacts"
    return ApiCall("GET", path, read_listing_page, query, conditional=True)


def list_run_artifacts(
    repository: str, run_id: int, *, name: str | None, direction: Direction, per_page: int
) -> ApiCall[ListingPage[Artifact]]:
    """Return the call for the first page of a workflow run's artifacts."""
    query = {"per_page": str(per_page), "direction": direction}
    query |= {} if name is None else {"name": name}
    path = f"/repos/{repository}/actions/runs/{run_id}/artifacts"
    return ApiCall("GET", path, read_listing_page, query, conditional=True)


def get_artifact(repository: str, artifact_id: int) -> ApiCall[Artifact]:
    """Return the call that gets one artifact."""
    path = f"/repos/{repository}/actions/artifacts/{artifact_id}"
    return ApiCall("GET", path, read_artifact, conditional=True)


def delete_artifact(repository: str, artifact_id: int) -> ApiCall[None]:
    """Return the call that deletes one artifact."""
    path = f"/repos/{repository}/actions/artifacts/{artifact_id}"
    return ApiCall("DELETE", path, check_deleted)


def download_artifact(
    repository: str, artifact_id: int, expires_at: datetime | None = None
) -> ApiCall[SignedUrl]:
    """Return the call whose response redirects to the signed URL of an artifact's payload.

    Args:
        repository: ``owner/name``.
        artifact_id: Id of the artifact.
        expires_at: Time at which the artifact expires, for the error of an expired one.
    """
    path = f"/repos/{repository}/actions/artifacts/{artifact_id}/zip"
    notes = {} if expires_at is None else {410: f"it expired on {expires_at:%Y-%m-%d}"}
    return ApiCall("GET", path, read_signed_url, notes=notes)


def find_installation(repository: str) -> ApiCall[Installation]:
    """Return the call that finds an app's installation on a repository.

    The call must be made with the app's JWT.
    """
    path = f"/repos/{repository}/installation"
    return ApiCall("GET", path, partial(read_as, Installation), permission="")


def create_installation_token(
    installation_id: int, permissions: Mapping[str, str] | None
) -> ApiCall[IssuedToken]:
    """Return the call that creates a token for an installation of an app.

    The call must be made with the app's JWT.
    """
    body = {} if permissions is None else {"permissions": dict(permissions)}
    path = f"/app/installations/{installation_id}/access_tokens"
    return ApiCall("POST", path, read_issued_token, body=body, permission="")


def request(
    method: str, path: str, params: Mapping[str, object] | None, body: object
) -> ApiCall[Any]:
    """Return the call of any endpoint, whose response is JSON.

    Args:
        method: HTTP method.
        path: Path below the API's base URL, which may have a query.
        params: Query parameters.
        body: JSON to send, or None.

    Raises:
        InvalidArgument: An argument is invalid.
    """
    method = _arguments.request_method(method)
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        problem = type(error).__name__
    else:
        return ApiCall(
            method,
            path,
            read_json,
            _arguments.query(params),
            body=body,
            repeatable=method not in {"POST", "PATCH"},
            permission="",
        )
    raise InvalidArgument(f"json must consist of JSON values ({problem})")


def read_json(call: ApiCall[Any], response: Response) -> Any:
    """Return the JSON of a response, or None if its body is empty."""
    _refuse_redirect(call, response)
    if not response.body:
        return None
    try:
        return json_in(response.body)
    except ValueError as error:
        problem = str(error)
    summary = f"{call}: the response ({_content_type(response)}) is {problem}"
    raise github_error(UnexpectedReply, summary, response)


def read_artifact(call: ApiCall[Any], response: Response) -> Artifact:
    """Decode the response to `get_artifact`."""
    return read_as(Artifact, call, response)


def read_page(call: ApiCall[Any], response: Response) -> ArtifactPage:
    """Decode a page of a listing."""
    return read_as(ArtifactPage, call, response)


def read_listing_page(call: ApiCall[Any], response: Response) -> ListingPage[Artifact]:
    """Decode a page of artifacts, and determine whether another page follows."""
    return read_listing(ArtifactPage, call, response)


def read_listing(model: type[Page[_I]], call: ApiCall[Any], response: Response) -> ListingPage[_I]:
    """Decode a page of a listing, and determine whether another page follows."""
    page = read_as(model, call, response)
    return ListingPage(page, has_more(call, response, page))


def read_issued_token(call: ApiCall[Any], response: Response) -> IssuedToken:
    """Decode the response to `create_installation_token`."""
    created = read_as(InstallationToken, call, response)
    issued_at = rate_limit_headers.http_date(response.headers.get("date", ""))
    expires_at = created.expires_at.timestamp()
    return IssuedToken(created.token, expires_at, issued_at, created.permissions)


def read_signed_url(call: ApiCall[Any], response: Response) -> SignedUrl:
    """Return the signed URL that the response to `download_artifact` redirects to.

    Raises:
        RedirectRefused: The response is no redirect to a payload, or the URL is insecure.
    """
    url = redirects.store_hop(response.url, response.status, response.location)
    if url is None:
        raise RedirectRefused(
            f"{call}: expected a redirect to the payload, got status {response.status}"
        )
    if url.path == urlsplit(response.url).path:
        # It is the same call on another server, or with https, and no URL of a payload.
        raise RedirectRefused(
            f"{call}: refused the redirect to {url.host}; {hints.for_redirect(call, response, url)}"
        )
    return url


def check_deleted(call: ApiCall[Any], response: Response) -> None:
    """Check that the response to `delete_artifact` is 204."""
    _refuse_redirect(call, response)
    if response.status != HTTPStatus.NO_CONTENT:
        raise github_error(
            UnexpectedReply, f"{call}: expected status 204, got {response.status}", response
        )


def read_as(model: type[_T], call: ApiCall[Any], response: Response) -> _T:
    """Decode the JSON of a response as a model.

    Raises:
        RedirectRefused: The response redirects to a target outside the API.
        UnexpectedReply: The status is neither 200 nor 201, or the body does not match the model.
    """
    # Imported only when needed: cattrs takes a third as long to import as everything else together.
    from ghartifacts_async._api.converters import ShapeError, from_body

    _refuse_redirect(call, response)
    try:
        if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise ShapeError(f"status {response.status}")
        return from_body(response.body, model)
    except ShapeError as error:
        # The response to a POST may contain a token, so it is not quoted.
        quotes = call.method != "POST"
        problem = str(error) if quotes else error.without_values
    size = f"{len(response.body)} bytes"
    start = f", starting {response.redact(decoded(response.body))[:60]!r}" if quotes else ""
    hint = hints.for_base_url(call, response)
    raise github_error(
        UnexpectedReply,
        f"{call}: the response is not a valid {model.__name__}: {problem} "
        f"({_content_type(response)}, {size}{start}){'; ' if hint else ''}{hint}",
        response,
    )


def _content_type(response: Response) -> str:
    """Return the content type of a response, and its Content-Encoding if it has one."""
    kind = response.headers.get("content-type", "no content type")
    encoding = response.headers.get("content-encoding")
    return printable(f"{kind}, Content-Encoding: {encoding}" if encoding else kind)


def _refuse_redirect(call: ApiCall[Any], response: Response) -> None:
    """Raise an error if a redirect was not followed, because its target would get the token."""
    target = redirects.store_hop(response.url, response.status, response.location)
    if target is not None:
        is_same = origin(urlsplit(response.url)) == origin(urlsplit(target.reveal()))
        where = f"another page of {target.host}" if is_same else target.host
        raise RedirectRefused(
            f"{call}: refused the redirect to {where}; {hints.for_redirect(call, response, target)}"
        )
