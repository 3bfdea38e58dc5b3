"""Pages: which slice of a listing a query asks for, and the `Link` header to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_PER_PAGE_DEFAULT = 30
_PER_PAGE_MAX = 100
_KEPT = ("name", "direction")


@attrs.frozen
class Page:
    """One page of a listing: the number counts from 1."""

    number: int
    size: int

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> Page:
        """Read `page` and `per_page` as leniently as GitHub does: nonsense is the default."""
        return cls(
            _positive(query.get("page"), 1),
            min(_positive(query.get("per_page"), _PER_PAGE_DEFAULT), _PER_PAGE_MAX),
        )

    @property
    def start(self) -> int:
        """How many items come before this page."""
        return (self.number - 1) * self.size

    def links(self, url: str, query: Mapping[str, str], total: int) -> dict[str, str]:
        """Return the `Link` header of this page, or none where there is but one page.

        Args:
            url: The listing's URL without a query.
            query: The query of the call; its filters are carried along.
            total: How many items the whole listing has.
        """
        last = max(1, -(-total // self.size))
        numbers: dict[str, int] = {}
        if self.number > 1:
            numbers["prev"] = min(self.number - 1, last)
        if self.number < last:
            numbers |= {"next": self.number + 1, "last": last}
        if self.number > 1:
            numbers |= {"first": 1}
        kept = {"per_page": str(self.size)} if "per_page" in query else {}
        kept |= {key: query[key] for key in _KEPT if query.get(key)}
        links = [
            f'<{url}?{urlencode({"page": number, **kept})}>; rel="{relation}"'
            for relation, number in numbers.items()
        ]
        return {"Link": ", ".join(links)} if links else {}


def _positive(text: str | None, default: int) -> int:
    try:
        number = int(text or "")
    except ValueError:
        return default
    return number if number > 0 else default
