"""Decide which redirects to follow, and whether to send the token to their targets.

The token is sent only to targets within the API: they have the origin of the base URL and a path
below it. Every other target is treated as a blob store, which does not get the token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from urllib.parse import unquote, urljoin, urlsplit

from ghartifacts_async._http.redaction import MAX_TEXT, Secret, SecretUrl, plain
from ghartifacts_async._http.urls import host_of, is_local, origin, split_url
from ghartifacts_async.errors import RedirectRefused

MAX_HOPS = 5

STORE_REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses with which a blob store, or a gateway before it, redirects a request."""

URL_REFUSED = frozenset({400, 401, 403})
"""Statuses with which a blob store refuses an expired signed URL. A new URL may work."""

_REDIRECTS = STORE_REDIRECTS - {303}
_REDIRECT_TARGETS = ("repos", "repositories", "organizations", "orgs", "user", "users")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSENDABLE = re.compile(r"[^\x21-\x7e]")


class SignedUrl(SecretUrl):
    """A URL whose query is a credential until the URL expires.

    The URL is kept byte for byte as the server wrote it, because the signature may cover every
    byte. The repr shows only the host.
    """

    __slots__ = ()

    @property
    def host(self) -> str:
        """Host and port, which are not secret."""
        return host_of(self.reveal())

    @property
    def path(self) -> str:
        """Percent-encoded path."""
        return urlsplit(self.reveal()).path

    def __repr__(self) -> str:
        return f"<SignedUrl of {self.host}>"


def api_hop(base_url: str, url: str, status: int, location: Secret | None) -> str | None:
    """Return the target of a redirect within the API, or None for any other response.

    The token may be sent to this target. GitHub redirects calls to a renamed repository with a 301
    to ``/repositories/{id}/…``.

    Args:
        base_url: Base URL of the API.
        url: The URL that was requested.
        status: Status of the response.
        location: Value of its ``Location``, or None.

    Raises:
        RedirectRefused: The target must not be followed.
    """
    if status not in _REDIRECTS or not location:
        return None
    target = _resolve(url, location).reveal()
    parts, base = urlsplit(target), urlsplit(base_url)
    inside = origin(parts) == origin(base) and _is_below(parts.path, base.path)
    return target if inside else None


def store_hop(
    url: str | SignedUrl,
    status: int,
    location: Secret | None,
    followed: Container[int] = _REDIRECTS,
) -> SignedUrl | None:
    """Return the target of a redirect, or None if the response is not a redirect.

    Do not send the token to this target.

    Args:
        url: The URL that was requested.
        status: Status of the response.
        location: Value of its ``Location``, or None.
        followed: Statuses that are followed. Redirects with another status are refused.

    Raises:
        RedirectRefused: The target is missing or must not be followed.
    """
    if not 300 <= status < 400 or status == 304:
        return None
    if status not in followed or not location:
        raise RedirectRefused(
            f"{host_of(plain(url))} responded with {status} without a Location that may be "
            "followed; nothing was downloaded"
        )
    target = _resolve(url, location)
    if isinstance(url, SignedUrl) and is_local(target.host) and not is_local(url.host):
        raise RedirectRefused(
            f"{url.host} redirects to {target.host}, which is a loopback or link-local address"
        )
    return target


def repeats_secret(url: str, location: Secret, redact: Callable[[str], str]) -> bool:
    """Return True if the host of a Location contains a secret.

    Hosts become a part of errors and logs, and of the queries of name servers.

    Args:
        url: The URL that was requested.
        location: Value of the ``Location``.
        redact: Function that removes secrets from a text.
    """
    host = host_of(_join(url, location.reveal()))[:MAX_TEXT]
    return redact(host) != host


def may_have_expired(status: int, *, signed_for_this: bool) -> bool:
    """Return True if the blob store may have refused the signed URL because it has expired.

    Args:
        status: Status of the store's response.
        signed_for_this: Whether the URL was issued for this request, so that it cannot have
            expired.
    """
    return status in URL_REFUSED and not signed_for_this


def _resolve(url: str | SignedUrl, location: Secret) -> SignedUrl:
    """Resolve a Location against the URL that was requested.

    An absolute Location is kept byte for byte.
    """
    target = SignedUrl(_join(plain(url), location.reveal()))
    if problem := _objection(plain(url), location.reveal(), target.reveal()):
        raise RedirectRefused(f"{host_of(plain(url))} redirects {problem}")
    return target


def _objection(url: str, location: str, target: str) -> str | None:
    """Return the reason not to follow a redirect, or None.

    The caller raises the error. If this function raised it, the local variables in the traceback
    would show the URLs.
    """
    if _UNSENDABLE.search(location):
        return "to a URL with characters that are not allowed in URLs"
    parts = split_url(target)
    if parts is None or parts.scheme not in {"http", "https"}:
        return "to something that is not an http(s) URL"
    if "@" in parts.netloc or "\\" in parts.netloc:
        return "to a URL that contains credentials"
    if parts.scheme == "http" and url.lower().startswith("https:"):
        return f"from https to http (host {parts.hostname}); the payload would not be encrypted"
    return None


def _join(url: str, location: str) -> str:
    if _ABSOLUTE.match(location):
        return location
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _is_below(path: str, base: str) -> bool:
    """Return True if a path is below the base path and has no dot segments that lead out of it."""
    if not path.startswith(tuple(f"{base}/{name}/" for name in _REDIRECT_TARGETS)):
        return False
    segments = re.split(r"[/\\]", unquote(unquote(path)))
    return not {".", ".."} & set(segments)
