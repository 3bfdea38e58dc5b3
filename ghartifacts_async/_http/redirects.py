"""Which redirect is followed, and what travels with it.

Credentials stay with the API: the same origin, below the same base URL. Everything else is the
blob store's, which gets none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from attrs import frozen

from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.urls import host_of, origin, split_url
from ghartifacts_async.errors import RedirectRefused

MAX_HOPS = 5

URL_REFUSED = frozenset({400, 401, 403})
"""What stores answer to a signed URL that has ended; another may be taken."""

_REDIRECTS = frozenset({301, 302, 307, 308})
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSENDABLE = re.compile(r"[^\x21-\x7e]")


@frozen(repr=False)
class SignedUrl:
    """A URL whose query is a credential for as long as it is valid.

    It is kept byte for byte as the server wrote it (a signer may check the bytes), and shown
    nowhere.
    """

    value: str

    @property
    def host(self) -> str:
        """Host and port, which may be shown."""
        return host_of(self.value)

    @property
    def path(self) -> str:
        """Percent-encoded path."""
        return urlsplit(self.value).path

    def __repr__(self) -> str:
        return f"<SignedUrl of {self.host}>"


def api_hop(base_url: str, url: str, status: int, headers: Mapping[str, str]) -> str | None:
    """Where on the API to ask again, with credentials; ``None`` where the answer is no such hop.

    Renamed repositories answer so (301 to ``/repositories/{id}/…``).
    """
    if status not in _REDIRECTS or not headers.get("location"):
        return None
    target, there = _target(url, headers["location"])
    base = urlsplit(base_url)
    inside = origin(there) == origin(base) and _lies_below(there.path, base.path)
    return target if inside else None


def store_hop(url: str, status: int, headers: Mapping[str, str]) -> SignedUrl | None:
    """Where to ask next without credentials; ``None`` where the answer is no redirect.

    Raises:
        RedirectRefused: There is no target, or it must not be followed.
    """
    if not 300 <= status < 400 or status == 304:
        return None
    location = headers.get("location")
    if status not in _REDIRECTS or not location:
        raise RedirectRefused(
            f"{host_of(url)} answered {status} without a Location to follow; nothing was downloaded"
        )
    return SignedUrl(_target(url, location)[0])


def is_over(status: int, *, signed_for_this: bool) -> bool:
    """Whether a store's answer may only mean that a signed URL has had its time.

    Args:
        status: Of the answer.
        signed_for_this: Whether the URL was signed for this request, and is as young as can be.
    """
    return status in URL_REFUSED and not signed_for_this


def _target(url: str, location: str) -> tuple[Secret, SplitResult]:
    """What a Location means: an absolute one itself, to the byte; a relative one resolved."""
    target = Secret(location if _ABSOLUTE.match(location) else _joined(url, location))
    if problem := _objection(url, location, target):
        raise RedirectRefused(f"{host_of(url)} redirects {problem}")
    return target, urlsplit(target)


def _objection(url: str, location: str, target: str) -> str | None:
    """Why a redirect must not be followed; apart, so that no frame of the error holds its URL."""
    if _UNSENDABLE.search(location):
        return "to a URL with characters that no URL may hold"
    parts = split_url(target)
    if parts is None or parts.scheme not in {"http", "https"}:
        return "to something that is no http(s) URL"
    if "@" in parts.netloc or "\\" in parts.netloc:
        return "to a URL with credentials in it"
    if parts.scheme == "http" and url.lower().startswith("https:"):
        return f"from https to http (host {parts.hostname}); the payload would travel unprotected"
    return None


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _lies_below(path: str, base: str) -> bool:
    """Whether a path lies below another, and no server can be led out of it again."""
    if not path.startswith((f"{base}/repos/", f"{base}/repositories/")):
        return False
    steps = re.split(r"[/\\]", unquote(unquote(path)))
    return not {".", ".."} & set(steps)
