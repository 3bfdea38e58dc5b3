"""The API versions that a server knows, has deprecated, or has retired."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ghartifacts_async.testing._api.errors import refuse
from ghartifacts_async.testing._shared.messages import http_date

if TYPE_CHECKING:
    from collections.abc import Iterable

_ABOUT = "https://docs.github.com/rest/about-the-rest-api/api-versions"


class Versions:
    """Which values of `X-GitHub-Api-Version` are good, and what answers say about them."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted(known)
        self._retired: set[str] = set()
        self._headers = {
            version: {"X-GitHub-Api-Version-Selected": version} for version in self._known
        }

    @property
    def default(self) -> str:
        """The version of a call that names none: the oldest."""
        return self._known[0]

    def check(self, version: str) -> None:
        """Refuse a version that was never known with 400, a retired one with 410."""
        if version in self._retired:
            refuse(410, f"The {version} API version is no longer supported.", _ABOUT)
        if version not in self._headers:
            known = ", ".join(self._known)
            refuse(400, f"{version!r} is not a valid API version. Valid versions: {known}.")

    def headers(self, version: str) -> dict[str, str]:
        """Return what an answer says about the version asked for."""
        return self._headers.get(version, {})

    def retire(self, version: str) -> None:
        """Support a version, which need not have been known, no longer."""
        left = [known for known in self._known if known != version]
        if not left:
            raise ValueError(f"{version} is the last version that the server knows")
        self._known = left
        self._headers.pop(version, None)
        self._retired.add(version)

    def deprecate(self, version: str, sunset: datetime, since: datetime) -> None:
        """Let answers in this version say since when it is deprecated, and when it ends."""
        if version not in self._headers:
            raise ValueError(f"the server does not know the version {version}")
        if sunset.tzinfo is None or since.tzinfo is None:
            raise ValueError("a version's dates need a time zone")
        self._headers[version] |= {
            "Deprecation": http_date(since.timestamp()),
            "Sunset": http_date(sunset.timestamp()),
            "Link": f'<{_ABOUT}>; rel="deprecation"; type="text/html"',
        }
