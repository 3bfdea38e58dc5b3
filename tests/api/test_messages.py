"""The text of an error gives the server's own words, and what to do about them."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import (
    ArtifactExpired,
    AuthenticationError,
    GitHubError,
    NotFound,
    PermissionDenied,
    RateLimited,
    RedirectRefused,
    UnexpectedReply,
)
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.endpoints import error_of
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Secret
from tests.values import CALL, REPOSITORY, assert_not_quadratic, examples, make_response

ROOT = "https://ghe.example"
SSO = "https://github.com/orgs/octo-org/sso?authorization_request=AZSCKL"
ALLOW_LIST = (
    "Although you appear to have the correct authorization credentials, the `{}` organization has "
    "an IP allow list enabled, and your IP address is not permitted to access this resource."
)
EXHAUSTED = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1372700873"}


def error_for(response: Response, **options: Any) -> GitHubError:
    """Return the error of a response."""
    error = error_of(CALL, response, **options)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (
            b"<title>Access  Denied\n- Filter</title>",
            "text/html",
            "text/html: Access Denied - Filter",
        ),
        (b"<TITLE lang=en>A &amp; B</TITLE>", "text/html; charset=x", "text/html: A & B"),
        (b"<title> </title><style>p {}</style><h1>Down</h1>", "text/html", "text/html: Down"),
        (b"\n\n  Forbidden by rules.  \nMore", "text/plain", "text/plain: Forbidden by rules."),
        (b"<html></html>", "text/html", ""),
        (b"", None, ""),
        (b"\xff\xfe", None, "no content type: \ufffd\ufffd"),
        (b"upstream timed out", None, "no content type: upstream timed out"),
        (b"[]", "application/json", ""),
        (b'{"message": 5}', "application/json", ""),
    ],
)
def test_a_body_that_is_no_json(body: bytes, content_type: str | None, words: str) -> None:
    """An error shows the title or first line of a page, with its content type."""
    headers = {} if content_type is None else {"content_type": content_type}
    error = error_for(make_response(418, body, **headers))
    assert error.summary == f"{CALL}: 418 {words}".rstrip()
    assert error.message == ""


@pytest.mark.parametrize(
    ("errors", "found"),
    [
        (
            [{"resource": "Artifact", "field": "name", "code": "invalid", "message": "too long"}],
            ("Artifact.name: too long",),
        ),
        (
            [{"resource": "Artifact", "field": "name", "code": "missing"}],
            ("Artifact.name: missing",),
        ),
        ([{"code": "custom"}], ("custom",)),
        (["pagination is limited"], ("pagination is limited",)),
        ([{}, 5, None, ""], ()),
        ("text", ()),
        (None, ()),
    ],
)
def test_errors_of_a_422(errors: object, found: tuple[str, ...]) -> None:
    """The list of what is wrong with a request is in the error's text and in `errors`."""
    error = error_for(make_response(422, {"message": "Validation Failed", "errors": errors}))
    assert error.errors == found
    assert error.summary == "; ".join((f"{CALL}: 422 Validation Failed", *found))


def test_only_the_first_errors_are_shown() -> None:
    """The text of an error stays short, however many errors a 422 lists."""
    error = error_for(make_response(422, {"message": "No", "errors": ["bad"] * 50}))
    assert len(error.errors) == 50
    assert str(error).endswith("; bad; and 45 more errors")
    error = error_for(make_response(422, {"message": "No", "errors": ["bad"] * 5}))
    assert str(error).endswith("; bad" * 5)


@pytest.mark.parametrize(
    "message",
    [
        "Resource not accessible by integration",
        "Resource not accessible by personal access token",
        "Resource protected by organization SAML enforcement.",
        ALLOW_LIST.format("octo-org"),
        ALLOW_LIST.format("stop-abuse"),
        ALLOW_LIST.format("rate-limit"),
        "Must have admin rights to Repository.",
        "Maximum number of login attempts exceeded. Please try again later.",
        "This installation has been suspended",
        "Repository access blocked",
        "`octo-org` forbids access via a personal access token (classic).",
        "You must have the actions scope to download artifacts.",
        "Something that GitHub may say tomorrow",
    ],
)
def test_a_refusal_is_no_rate_limit(message: str) -> None:
    """A 403 for a permission, SAML or an IP allow list is no limit, also as the last call."""
    for headers in ({}, EXHAUSTED):
        error = error_for(Response(403, headers, b'{"message": "%s"}' % message.encode()))
        assert type(error) is PermissionDenied
        assert message in str(error)


def test_single_sign_on() -> None:
    """A 403 for SAML names the page at which to authorize the token, in text and attribute."""
    header = f"required; url={SSO}"
    error = error_for(
        make_response(403, {"message": "SAML"}, x_github_sso=header, retry_after="60")
    )
    assert isinstance(error, PermissionDenied)
    assert error.sso_url == SSO
    assert SSO in str(error)
    error = error_for(
        make_response(403, {"message": "SAML"}, x_github_sso=f'Required; URL="{SSO}"')
    )
    assert isinstance(error, PermissionDenied)
    assert error.sso_url == SSO
    for other in (
        "partial-results; organizations=1",
        "required",
        "required; url=",
        "required; url=javascript:alert(1)",
        "required; url=javascript://example/%0aalert(1)",
        "required; x=1",
    ):
        error = error_for(make_response(403, {"message": "No"}, x_github_sso=other))
        assert isinstance(error, PermissionDenied)
        assert error.sso_url is None


@pytest.mark.parametrize(
    ("message", "headers", "limited"),
    [
        ("API rate limit exceeded for user ID 1.", EXHAUSTED, True),
        ("You have triggered an abuse detection mechanism.", {}, True),
        ("", EXHAUSTED, True),
        ("Slow down", {"retry-after": "60"}, True),
        ("Resource not accessible by integration", {"retry-after": "60"}, False),
        ("We take abuse seriously", {}, False),
    ],
)
def test_a_rate_limit_says_so(message: str, headers: dict[str, str], limited: bool) -> None:
    """A 403 is a rate limit if GitHub says so in its own words, or asks to wait."""
    error = error_for(Response(403, headers, b'{"message": "%s"}' % message.encode()))
    assert isinstance(error, RateLimited) is limited


def test_a_page_about_a_rate_limit() -> None:
    """A page of GitHub about a secondary limit is a rate limit, although it is no JSON."""
    page = b"<title>Oops</title><p>You have exceeded a secondary rate limit.</p>"
    assert isinstance(error_for(Response(403, {}, page)), RateLimited)
    assert isinstance(
        error_for(Response(403, EXHAUSTED, b"<title>Blocked</title>")), PermissionDenied
    )


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (401, {}, AuthenticationError, "this call needs a token; pass one as auth"),
        (403, {}, PermissionDenied, "pass a token as auth"),
        (403, {"x-github-sso": f"required; url={SSO}"}, PermissionDenied, "pass a token as auth"),
        (
            403,
            {"x-accepted-github-permissions": "actions=read"},
            PermissionDenied,
            "pass a token with actions=read",
        ),
        (404, {}, NotFound, "it is private and needs a token"),
        (
            403,
            {**EXHAUSTED, "x-ratelimit-limit": "60"},
            RateLimited,
            "UTC; calls without a token are limited to 60 per hour",
        ),
        (429, EXHAUSTED | {"x-ratelimit-reset": "x"}, RateLimited, ""),
        (429, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1"}, RateLimited, ""),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 12}, RateLimited, ""),
    ],
)
def test_an_anonymous_client(
    status: int, headers: dict[str, str], kind: type[GitHubError], words: str
) -> None:
    """The error of a client without a token says that it needs one, not what its token lacks."""
    error = error_for(Response(status, headers), anonymous=True)
    assert type(error) is kind
    assert words in str(error)
    assert "check the token" not in str(error)
    assert "token lacks" not in str(error)
    assert "authorize the token" not in str(error)


def test_a_token_with_an_expiry() -> None:
    """A 401 gives the time at which the token expires, if GitHub reports it."""
    response = make_response(401, github_authentication_token_expiration="2025-01-01 00:00:00 UTC")
    assert "check the token, which expires at 2025-01-01 00:00:00 UTC" in str(error_for(response))


def test_an_expired_artifact() -> None:
    """The error of an expired artifact gives the date if it is known."""
    artifact_listing = endpoints.download_artifact(REPOSITORY, 11)
    assert not artifact_listing.notes
    expires_at = endpoints.read_artifact(CALL, make_response(body=EXPIRED_ARTIFACT)).expires_at
    call = endpoints.download_artifact(REPOSITORY, 11, expires_at)
    error = error_of(call, make_response(410, {"message": "Artifact has expired"}))
    assert isinstance(error, ArtifactExpired)
    assert "410 Artifact has expired; it expired on 2020-03-21" in str(error)


def test_calls_of_an_app_name_no_repository_permission() -> None:
    """The 404 of an app's own call does not blame the permission for artifacts."""
    error = error_of(endpoints.find_installation(REPOSITORY), make_response(404))
    assert "actions=" not in str(error)


WEB = {"content-type": "text/html; charset=utf-8"}
HINT = "base_url of an Enterprise Server ends with /api/v3: 'https://ghe.example/api/v3'"


@pytest.mark.parametrize(
    ("root", "response", "hinted"),
    [
        (ROOT, Response(404, WEB, b"<title>Page not found</title>"), True),
        (ROOT, Response(406, WEB), True),
        (ROOT, Response(404, {"content-type": "application/json"}, b"{}"), False),
        (ROOT, Response(502, WEB), False),
        (f"{ROOT}/api/v3", Response(404, WEB), False),
        ("https://api.github.com", Response(404, WEB), False),
        ("https://api.octo.ghe.com", Response(404, WEB), False),
    ],
)
def test_a_base_url_without_its_path(root: str, response: Response, hinted: bool) -> None:
    """If the web pages of an Enterprise Server answer, the error names the right base URL."""
    error = error_for(evolve(response, url=root + CALL.path))
    assert (HINT in str(error)) is hinted


def test_a_page_instead_of_an_artifact() -> None:
    """A login page with status 200 is quoted, with the hint at the base URL."""
    response = Response(200, WEB, b"<title>Sign in</title>", ROOT + CALL.path)
    with pytest.raises(UnexpectedReply, match=r"Sign in.*ends with /api/v3"):
        endpoints.read_artifact(CALL, response)


@pytest.mark.parametrize(
    ("base_url", "location", "words"),
    [
        (ROOT, f"{ROOT}/login", HINT),
        (f"{ROOT}/api/v3", f"{ROOT}/login", "another page of ghe.example; GitHub redirects calls"),
        (f"{ROOT}/api/v3", f"{ROOT}:8443/login", "to ghe.example:8443; the token is sent only"),
        ("http://ghe.example", f"{ROOT}/api/v3/x", "base_url must begin with https://"),
        (ROOT, "https://new.example/api/v3/x", "If the server has moved, change base_url"),
    ],
)
def test_a_redirect_that_leaves_the_api(base_url: str, location: str, words: str) -> None:
    """The error for a refused redirect says which base URL may be meant."""
    response = Response(302, WEB, b"", base_url + CALL.path, Secret(location))
    with pytest.raises(RedirectRefused) as caught:
        endpoints.read_artifact(CALL, response)
    assert words in str(caught.value)


@examples(150)
@given(st.binary() | st.text().map(str.encode))
def test_any_page(body: bytes) -> None:
    """The words of any page become one short printable line."""
    error = error_for(Response(500, {"content-type": "text/html"}, b"<title>" + body))
    assert error.summary.isprintable()
    assert len(error.summary) < 1000


@pytest.mark.parametrize("part", [b"<title>", b"<", b"<script>", b"<title", b"<style>x"])
def test_long_pages_take_no_time(part: bytes) -> None:
    """A page of any shape is read in linear time."""
    assert_not_quadratic(lambda count: error_for(Response(500, {}, part * count)))


EXPIRED_ARTIFACT = {
    "id": 11,
    "node_id": "n",
    "name": "dist",
    "size_in_bytes": 1,
    "url": "u",
    "archive_download_url": "d",
    "expired": True,
    "created_at": None,
    "expires_at": "2020-03-21T00:00:00Z",
    "updated_at": None,
}
