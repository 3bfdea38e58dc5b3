"""Endpoints are called as GitHub documents them. A response is parsed or raises an error."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import (
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
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.endpoints import error_of
from ghartifacts_async._http.messages import Response
from tests.values import (
    ANY_TEXT,
    CALL,
    JSON_VALUES,
    OPENAPI,
    REPOSITORY,
    SECRET,
    artifact_json,
    examples,
    make_response,
)

PATH = "/repos/octo-org/octo-docs/actions"


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            endpoints.list_repository_artifacts(REPOSITORY, name=None, per_page=100),
            f"GET {PATH}/artifacts?per_page=100",
        ),
        (
            endpoints.list_repository_artifacts(REPOSITORY, name="dist & more/\xe9", per_page=1),
            f"GET {PATH}/artifacts?per_page=1&name=dist+%26+more%2F%C3%A9",
        ),
        (
            endpoints.list_run_artifacts(REPOSITORY, 7, name=None, direction="desc", per_page=30),
            f"GET {PATH}/runs/7/artifacts?per_page=30&direction=desc",
        ),
        (
            endpoints.list_run_artifacts(REPOSITORY, 7, name="dist", direction="asc", per_page=30),
            f"GET {PATH}/runs/7/artifacts?per_page=30&direction=asc&name=dist",
        ),
        (endpoints.get_artifact(REPOSITORY, 11), f"GET {PATH}/artifacts/11"),
        (endpoints.delete_artifact(REPOSITORY, 11), f"DELETE {PATH}/artifacts/11"),
        (endpoints.download_artifact(REPOSITORY, 11), f"GET {PATH}/artifacts/11/zip"),
    ],
)
def test_endpoint(call: ApiCall[Any], line: str) -> None:
    """Each endpoint has its documented method, path and parameters, without a trailing slash."""
    assert f"{call.method} {call.target}" == line
    assert str(call) == line.partition("?")[0]


@examples(100)
@given(st.text(min_size=1))
def test_any_name(name: str) -> None:
    """A name of any characters is encoded so that GitHub receives it unchanged."""
    target = endpoints.list_repository_artifacts(REPOSITORY, name=name, per_page=30).target
    assert target.isascii()
    assert dict(parse_qsl(target.partition("?")[2])) == {"per_page": "30", "name": name}


def test_repr_of_a_response() -> None:
    """The repr of a response shows its status, but neither its body nor a signed URL."""
    shown = repr(
        make_response(302, SECRET.encode(), location=f"https://store.example/?sig={SECRET}")
    )
    assert "302" in shown
    assert SECRET not in shown


def test_read_artifact() -> None:
    """The response to a get is parsed as an artifact."""
    assert endpoints.read_artifact(CALL, make_response(body=artifact_json())).name == "Rails"


def test_read_page() -> None:
    """The response to a listing is parsed as a page, which may be empty."""
    page = endpoints.read_page(CALL, make_response(body=OPENAPI["examples"]["artifact-paginated"]))
    assert [each.id for each in page.artifacts] == [11, 13]
    assert (
        endpoints.read_page(CALL, make_response(body={"total_count": 0, "artifacts": []})).artifacts
        == ()
    )


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (make_response(body=b""), "not valid JSON"),
        (make_response(body=b'{"total_count": 2, "artifacts": [{"id": 11, "na'), "not valid JSON"),
        (
            make_response(body=b"<html>502</html>", content_type="text/html"),
            "text/html, 16 bytes, starting '<html>502</html>')",
        ),
        (make_response(content_encoding="x-gzip"), "no content type, Content-Encoding: x-gzip, 0"),
        (make_response(body=b"x" * 99), f"99 bytes, starting '{'x' * 60}')"),
        (make_response(body=b"[" * 100_000), "not valid JSON (RecursionError)"),
        (make_response(body=b'{"total_count":' + b"9" * 5000 + b"}"), "not valid JSON"),
        (make_response(body=b"\xff\xfe\x00"), "no content type, 3 bytes"),
        (make_response(body=[]), "expected an object, got list"),
        (make_response(body={"message": "hi"}), "required field missing @ $.total_count"),
        (make_response(204), "status 204"),
        (make_response(206, {"total_count": 0, "artifacts": []}), "status 206"),
        (
            make_response(
                body={"total_count": 1, "artifacts": [artifact_json(size_in_bytes="556")]}
            ),
            "expected int, got str @ $.artifacts[0].size_in_bytes",
        ),
    ],
)
def test_malformed_page(response: Response, problem: str) -> None:
    """A malformed page raises UnexpectedReply, which names the call and the problem."""
    with pytest.raises(UnexpectedReply) as caught:
        endpoints.read_page(CALL, response)
    assert caught.value.summary.startswith(
        f"GET {PATH}/artifacts/11: the response is not a valid ArtifactPage"
    )
    assert problem in caught.value.summary
    assert caught.value.status == response.status


@examples(200)
@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body(body: bytes) -> None:
    """Any malformed body raises UnexpectedReply and no other exception."""
    for read in (endpoints.read_artifact, endpoints.read_page):
        with pytest.raises(UnexpectedReply):
            read(CALL, make_response(body=body))


def test_truncated_anywhere() -> None:
    """A truncated page raises UnexpectedReply. It is never read as a shorter page."""
    body = json.dumps(OPENAPI["examples"]["artifact-paginated"]).encode()
    for end in range(0, len(body), 7):
        with pytest.raises(UnexpectedReply, match="not valid JSON"):
            endpoints.read_page(CALL, make_response(body=body[:end]))


def test_check_deleted() -> None:
    """Only a 204 confirms a deletion."""
    endpoints.check_deleted(CALL, make_response(204))
    for status in (200, 202, 304):
        with pytest.raises(UnexpectedReply, match=f"expected status 204, got {status}"):
            endpoints.check_deleted(CALL, make_response(status))


@pytest.mark.parametrize("status", [*range(200, 210), *range(300, 309)])
def test_no_error(status: int) -> None:
    """Successes and redirects are not errors."""
    assert error_of(CALL, make_response(status, {"message": "Moved Permanently"})) is None


EXPECTED: dict[int, type[GitHubError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    410: ArtifactExpired,
    429: RateLimited,
} | dict.fromkeys(range(500, 600), ServerError)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", {}, {"message": None}, {"message": "No"}])
def test_class_of_every_status(body: object) -> None:
    """Every status from 400 on has its documented error class."""
    for status in range(400, 600):
        response = make_response(status, body)
        error = error_of(CALL, response)
        assert type(error) is EXPECTED.get(status, UnexpectedReply)
        assert error is not None
        assert error.status == status
        assert error.message == ("No" if body == {"message": "No"} else "")
        assert error.summary.startswith(f"GET {PATH}/artifacts/11: {status}")
        assert (error.request_id, error.documentation_url) == (None, None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 415, 422, 429, 451, 500, 503])
def test_details_of_an_error(status: int) -> None:
    """An error holds GitHub's message, the documentation URL and the request id."""
    body = {"message": "No luck", "documentation_url": "https://docs.github.com/x", "status": "1"}
    error = error_of(CALL, make_response(status, body, x_github_request_id="C0FF:EE"))
    assert error is not None
    assert error.message == "No luck"
    assert error.documentation_url == "https://docs.github.com/x"
    assert error.request_id == "C0FF:EE"
    assert "No luck" in error.summary
    assert error.summary.endswith("(request C0FF:EE)")


@pytest.mark.parametrize(
    ("response", "error_class", "problem"),
    [
        (
            make_response(401, {"message": "Bad credentials"}),
            AuthenticationError,
            "check the token",
        ),
        (make_response(404, {"message": "Not Found"}), NotFound, "actions=read"),
        (
            make_response(403, {"message": "No"}, x_accepted_github_permissions="actions=write"),
            PermissionDenied,
            "GitHub accepts a token with actions=write",
        ),
        (make_response(410, {"message": "Artifact has expired"}), ArtifactExpired, "has expired"),
        (
            make_response(410, {"message": "Artifact has expired. See the version 4 notes."}),
            ArtifactExpired,
            "has expired",
        ),
        (
            make_response(410, {"message": "API version 2020-01-01 is retired"}),
            ApiVersionRetired,
            "retired",
        ),
        (
            make_response(400, {"message": "Unknown API version"}),
            UnexpectedReply,
            "Unknown API version",
        ),
        (make_response(403, {"message": "API rate limit exceeded"}), RateLimited, "exceeded"),
        (
            make_response(403, {"message": "API rate limit exceeded"}, x_ratelimit_remaining="0"),
            RateLimited,
            "403 API rate limit exceeded",
        ),
        (
            make_response(403, {"message": "You exceeded a secondary rate limit"}),
            RateLimited,
            "secondary",
        ),
        (make_response(403, b"", retry_after="60"), RateLimited, "403"),
        (
            make_response(429, b"", x_ratelimit_remaining="0", x_ratelimit_reset="x"),
            RateLimited,
            "429",
        ),
        (
            make_response(502, b"<html>Bad gateway</html>", content_type="text/html"),
            ServerError,
            "502",
        ),
    ],
)
def test_error_of(response: Response, error_class: type[GitHubError], problem: str) -> None:
    """Each kind of error response has its error class, and the error's text gives the details."""
    error = error_of(CALL, response)
    assert type(error) is error_class
    assert problem in str(error)


def test_needed_permission() -> None:
    """PermissionDenied holds the permission that GitHub would accept."""
    error = error_of(CALL, make_response(403, x_accepted_github_permissions="actions=read"))
    assert isinstance(error, PermissionDenied)
    assert error.accepted_permissions == "actions=read"


def test_end_of_a_limit() -> None:
    """The error for a primary rate limit gives the reset time, in its text and in `retry_at`."""
    error = error_of(
        CALL, make_response(403, x_ratelimit_remaining="0", x_ratelimit_reset="1372700873")
    )
    assert isinstance(error, RateLimited)
    assert error.retry_at is not None
    assert error.retry_at.timestamp() == 1372700873
    assert "; wait until 2013-07-01 17:47:53 UTC" in str(error)


@pytest.mark.parametrize("message", ["x" * 1_000_000, "a\nb\r\x1b[31mc", "\ud800", "\u202ex"])
def test_hostile_message(message: str) -> None:
    """An error's text is one short, printable line, even if the server's message is hostile."""
    error = error_of(CALL, make_response(500, {"message": message}))
    assert len(str(error)) < 2000
    assert str(error).isprintable()
    str(error).encode()


@examples(150)
@given(st.integers(400, 599), JSON_VALUES, ANY_TEXT, st.dictionaries(st.text(), st.text()))
def test_any_error_response(status: int, value: Any, message: str, headers: dict[str, str]) -> None:
    """An error response with any headers and any body becomes a GitHubError."""
    for body in (value, {"message": message, "documentation_url": value}, {"message": value}):
        error = error_of(CALL, Response(status, headers, json.dumps(body).encode()))
        assert isinstance(error, GitHubError)
        assert isinstance(error.message, str)


def test_calls_of_an_app() -> None:
    """An app looks up its installation by repository and requests a token with permissions."""
    assert str(endpoints.find_installation(REPOSITORY)) == f"GET /repos/{REPOSITORY}/installation"
    call = endpoints.create_installation_token(7, {"actions": "read"})
    assert str(call) == "POST /app/installations/7/access_tokens"
    assert call.body == {"permissions": {"actions": "read"}}
    assert endpoints.create_installation_token(7, None).body == {}
