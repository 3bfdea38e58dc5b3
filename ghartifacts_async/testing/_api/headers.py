"""The headers that GitHub sends with every response, and the compression of bodies.

Source:
    Replies of api.github.com that PyGithub's test suite has recorded (`tests/ReplayData`).
"""

from __future__ import annotations

import re
import zlib

import attrs

from ghartifacts_async.testing._shared.messages import Request, Response

_GZIP = 16 + zlib.MAX_WBITS
_REFUSED = re.compile(r"\s*q\s*=\s*0(?:\.0*)?\s*", re.IGNORECASE)
_EXPOSED = (
    "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, "
    "X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, "
    "X-Accepted-OAuth-Scopes, X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, "
    "X-GitHub-Request-Id, Deprecation, Sunset"
)
_ALLOWED = (
    "Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, "
    "If-Unmodified-Since, Accept-Encoding, X-GitHub-OTP, X-Requested-With, User-Agent, "
    "GraphQL-Features, X-GitHub-Api-Version"
)
_GITHUB_TYPE = re.compile(
    r"application/vnd\.github(?:\.(v[0-9]+|beta|[a-z-]+-preview))?(?:\.([a-z-]+))?(\+json)?"
)
VARY_ENCODING = "Accept-Encoding, Accept, X-Requested-With"

COMMON = {
    "Server": "github.com",
    "Access-Control-Expose-Headers": _EXPOSED,
    "Access-Control-Allow-Origin": "*",
    "Strict-Transport-Security": "max-age=31536000; includeSubdomains; preload",
    "X-Frame-Options": "deny",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "0",
    "Referrer-Policy": "origin-when-cross-origin, strict-origin-when-cross-origin",
    "Content-Security-Policy": "default-src 'none'",
    "Vary": VARY_ENCODING,
}
"""The headers of every response of the API."""


def media_type(accept: str) -> tuple[str, str]:
    """Return the `X-GitHub-Media-Type` for a value of `Accept`, and the parameter in it."""
    for part in accept.lower().split(","):
        found = _GITHUB_TYPE.fullmatch(part.partition(";")[0].strip())
        if found:
            version, parameter, has_format = found.groups("")
            is_named = bool(has_format or not (version or parameter))
            values = [f"github.{version or 'v3'}"]
            values += [f"param={parameter}"] if parameter else []
            values += ["format=json"] if is_named else []
            return "; ".join(values), parameter
    return "github.v3; format=json", ""


def caching(*, is_authenticated: bool) -> dict[str, str]:
    """Return the headers that let caches keep a document."""
    scope, vary = "public", f"Accept, {VARY_ENCODING}"
    if is_authenticated:
        scope, vary = "private", f"Accept, Authorization, Cookie, X-GitHub-OTP, {VARY_ENCODING}"
    return {"Cache-Control": f"{scope}, max-age=60, s-maxage=60", "Vary": vary}


def compress(request: Request, response: Response) -> Response:
    """Return the response with its body compressed, if the client accepts gzip."""
    accepted = request.headers.get("Accept-Encoding", "")
    if not isinstance(response.body, bytes) or not response.body or not _accepts_gzip(accepted):
        return response
    encoder = zlib.compressobj(level=1, wbits=_GZIP)
    body = encoder.compress(response.body) + encoder.flush()
    headers = {**response.headers, "Content-Encoding": "gzip"}
    return attrs.evolve(response, headers=headers, body=body)


def preflight(request: Request) -> Response | None:
    """Return the response to a request for the options of a path, or None for other requests.

    Source:
        https://docs.github.com/rest/using-the-rest-api/using-cors-and-jsonp-to-make-cross-origin-requests
    """
    if request.method != "OPTIONS":
        return None
    return Response(
        204,
        {
            "Access-Control-Allow-Headers": _ALLOWED,
            "Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE",
            "Access-Control-Max-Age": "86400",
        },
    )


def _accepts_gzip(accepted: str) -> bool:
    """Return True if a value of `Accept-Encoding` allows gzip."""
    for coding in accepted.split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() in {"gzip", "*"}:
            return not _REFUSED.fullmatch(weight)
    return False
