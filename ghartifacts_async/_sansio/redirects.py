"""Which redirect is followed, and what travels with it.

Credentials stay with the API: the same origin, below the same base URL. Everything else is the
blob store's, which gets none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urljoin, urlsplit

from attrs import frozen

from ghartifacts_async.errors import RedirectRefused

MAX_HOPS = 5

_REDIRECTS = frozenset({301, 302, 307, 308})
_PORTS = {"http": 80, "https": 443}
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
        return urlsplit(self.value).netloc.rpartition("@")[2]

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
    below = there.path.startswith(f"{base.path}/")
    return target if below and _origin(there) == _origin(base) else None


def store_hop(url: str, status: int, headers: Mapping[str, str]) -> SignedUrl | None:
    """Where to ask next without credentials; ``None`` where the answer is no redirect.

    Raises:
        RedirectRefused: There is no target, or it must not be followed.
    """
    if not 300 <= status < 400 or status == 304:
        return None
    host = urlsplit(url).netloc.rpartition("@")[2]
    location = headers.get("location")
    if status not in _REDIRECTS or not location:
        raise RedirectRefused(
            f"{host} answered {status} without a Location to follow; nothing was downloaded"
        )
    return SignedUrl(_target(url, location)[0])


def _target(url: str, location: str) -> tuple[str, SplitResult]:
    """What a Location means: an absolute one itself, to the byte; a relative one resolved."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    if _UNSENDABLE.search(location):
        raise RedirectRefused(f"{host} redirects to a URL with characters that no URL may hold")
    try:
        target = location if _ABSOLUTE.match(location) else urljoin(url, location)
        parts = urlsplit(target)
        credentials, _ = parts.username or parts.password, parts.port
    except ValueError:
        raise RedirectRefused(f"{host} redirects to something that is no URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RedirectRefused(f"{host} redirects to something that is no http(s) URL")
    if credentials:
        raise RedirectRefused(f"{host} redirects to a URL with credentials in it")
    if parts.scheme == "http" and urlsplit(url).scheme == "https":
        raise RedirectRefused(
            f"{host} redirects from https to http (host {parts.hostname}); "
            "the payload would travel unprotected"
        )
    return target, parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
