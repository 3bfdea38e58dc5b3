"""Advice on an error response, derived from the response and its call."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._http.messages import Response, printable
from ghartifacts_async._http.redirects import SignedUrl
from ghartifacts_async._http.urls import origin, split_url

_FROM_WEB_PAGES = frozenset({200, 301, 302, 303, 307, 308, 404, 406})
"""Statuses of a GHES's web pages, or of a login page in front of it, in response to a call."""


def for_unauthorized(response: Response, *, anonymous: bool) -> str:
    """Return the advice for a 401."""
    if anonymous:
        return "this call needs a token; pass one as auth"
    expiry = response.headers.get("github-authentication-token-expiration")
    return f"check the token, which expires at {printable(expiry)}" if expiry else "check the token"


def for_forbidden(response: Response, *, anonymous: bool) -> str:
    """Return the advice for a 403."""
    needed = response.headers.get("x-accepted-github-permissions")
    if anonymous:
        return f"pass a token with {printable(needed)}" if needed else "pass a token as auth"
    if url := sso_url(response):
        return f"authorize the token for the organization at {printable(url)}"
    return f"GitHub accepts a token with {printable(needed)}" if needed else ""


def for_not_found(call: ApiCall[Any], *, anonymous: bool) -> str:
    """Return the advice for a 404, with which GitHub also hides what a token may not see."""
    if anonymous:
        return "it does not exist, or it is private and needs a token"
    if not call.permission:
        return "it does not exist, or the token may not access it"
    access = "read" if call.method == "GET" else "write"
    return f"it does not exist, or the token lacks {call.permission}={access} on this repository"


def for_base_url(call: ApiCall[Any], response: Response) -> str:
    """Return the advice for a call that got a web page instead of JSON, or ``""``."""
    parts = urlsplit(response.url)
    host = parts.hostname or ""
    is_page = response.headers.get("content-type", "").startswith("text/html")
    is_root = parts.path == call.path.partition("?")[0]
    is_cloud = host == "api.github.com" or host.endswith(".ghe.com")
    if is_cloud or not (is_page and is_root and response.status in _FROM_WEB_PAGES):
        return ""
    base_url = f"{parts.scheme}://{parts.netloc}/api/v3"
    return f"the base_url of an Enterprise Server ends with /api/v3: {base_url!r}"


def for_redirect(call: ApiCall[Any], response: Response, target: SignedUrl) -> str:
    """Return the advice for a redirect that leaves the API or leads to another part of it."""
    asked, found = urlsplit(response.url), urlsplit(target.reveal())
    if asked.hostname != found.hostname:
        return "the token is sent only to the API. If the server has moved, change base_url"
    if (asked.scheme, found.scheme) == ("http", "https"):
        return "base_url must begin with https://"
    if advice := for_base_url(call, response):
        return advice
    if origin(asked) == origin(found):
        return (
            "GitHub redirects calls only to repositories, organizations and users. Check base_url "
            "and the proxy in front of the server, if there is one"
        )
    return "the token is sent only to the API"


def sso_url(response: Response) -> str | None:
    """Return the page at which SAML single sign-on is completed, or None if it is not required.

    Source: https://docs.github.com/rest/authentication/authenticating-to-the-rest-api
    """
    required, _, rest = response.headers.get("x-github-sso", "").partition(";")
    name, _, value = rest.strip().partition("=")
    url = split_url(value.strip('"'))
    if required.strip().lower() != "required" or name.lower() != "url" or url is None:
        return None
    return value.strip('"') if url.scheme in {"http", "https"} else None


def limit_for_anonymous(response: Response) -> str:
    """Return the advice for an anonymous call at the primary rate limit, or ``""``."""
    reported = rate_limit_headers.rate_limit(response.headers)
    if reported is None or reported.remaining:
        return ""
    return f"calls without a token are limited to {reported.limit} per hour; pass a token as auth"
