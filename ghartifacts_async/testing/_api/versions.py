"""The API versions that a server supports, has deprecated or has retired."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._shared.messages import http_date

if TYPE_CHECKING:
    from collections.abc import Iterable

_ABOUT = "https://docs.github.com/rest/about-the-rest-api/api-versions"


class ApiVersions:
    """The accepted values of `X-GitHub-Api-Version`, and the response headers of each version.

    Args:
        supported: The supported versions.
    """

    def __init__(self, supported: Iterable[str]) -> None:
        self._supported = sorted(supported)
        self._retired: set[str] = set()
        self._headers = {
            version: {"X-GitHub-Api-Version-Selected": version} for version in self._supported
        }

    @property
    def default(self) -> str:
        """The version for requests without `X-GitHub-Api-Version`: the oldest supported one."""
        return self._supported[0]

    def check(self, version: str) -> None:
        """Raise an `ApiError` if the version is retired (410) or unknown (400)."""
        if version in self._retired:
            raise ApiError(410, f"The {version} API version is no longer supported.", _ABOUT)
        if version not in self._headers:
            supported = ", ".join(self._supported)
            raise ApiError(
                400, f"{version!r} is not a valid API version. Valid versions: {supported}."
            )

    def headers(self, version: str) -> dict[str, str]:
        """Return the headers of responses to requests with this version."""
        return self._headers.get(version, {})

    def retire(self, version: str) -> None:
        """Refuse a version with 410 from now on. It may be one that was never supported."""
        remaining = [supported for supported in self._supported if supported != version]
        if not remaining:
            raise ValueError(f"cannot retire {version}: it is the last version that is supported")
        self._supported = remaining
        self._headers.pop(version, None)
        self._retired.add(version)

    def deprecate(self, version: str, sunset: datetime, since: datetime) -> None:
        """Send the deprecation and sunset dates in all responses in this version."""
        if version not in self._headers:
            raise ValueError(f"cannot deprecate {version}: the server does not support it")
        if sunset.tzinfo is None or since.tzinfo is None:
            raise ValueError("sunset and since need a time zone")
        self._headers[version] |= {
            "Deprecation": http_date(since.timestamp()),
            "Sunset": http_date(sunset.timestamp()),
            "Link": f'<{_ABOUT}>; rel="deprecation"; type="text/html"',
        }
