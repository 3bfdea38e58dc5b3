"""Pagination: the slice of a listing that a query requests, and the `Link` header."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_PER_PAGE_DEFAULT = 30
_PER_PAGE_MAX = 100


@attrs.frozen
class Page:
    """A page of a listing.

    Attributes:
        number: The page number, counted from 1.
        size: The number of items on a full page.
    """

    number: int
    size: int

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Page:
        """Read `page` and `per_page`; like GitHub, replace invalid values with the defaults."""
        return cls(
            _positive(query.get("page"), 1),
            min(_positive(query.get("per_page"), _PER_PAGE_DEFAULT), _PER_PAGE_MAX),
        )

    @property
    def start(self) -> int:
        """The number of items before this page."""
        return (self.number - 1) * self.size

    def links(self, url: str, query: Mapping[str, str], total: int) -> dict[str, str]:
        """Return the `Link` header of this page, or no header if it is the only page.

        Args:
            url: The URL of the listing, without a query.
            query: The query of the request. The links keep its parameters and their order.
            total: The number of items in the whole listing.

        Source:
            https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        last = max(1, -(-total // self.size))
        numbers: dict[str, int] = {}
        if self.number > 1:
            numbers["prev"] = min(self.number - 1, last)
        if self.number < last:
            numbers |= {"next": self.number + 1, "last": last}
        if self.number > 1:
            numbers |= {"first": 1}
        links = [
            f'<{url}?{urlencode({**query, "page": number})}>; rel="{relation}"'
            for relation, number in numbers.items()
        ]
        return {"Link": ", ".join(links)} if links else {}


def _positive(text: str | None, default: int) -> int:
    try:
        number = int(text or "")
    except ValueError:
        return default
    return number if number > 0 else default
