"""Selection of requests by method and path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from ghartifacts_async.testing._shared.messages import Request


@attrs.frozen
class RequestMatcher:
    """A condition on the method and the path of a request.

    Attributes:
        method: The method to match, in capitals; None matches every method.
        path: A pattern to search for in the percent-decoded path; None matches every path.
    """

    method: str | None
    path: re.Pattern[str] | None

    @classmethod
    def of(cls, method: str | None = None, path: str | None = None) -> Self:
        """Build a matcher from a method in any case and a regular expression."""
        return cls(method and method.upper(), None if path is None else re.compile(path))

    def __call__(self, request: Request) -> bool:
        """Return True if the request matches."""
        if self.method is not None and request.method != self.method:
            return False
        return self.path is None or self.path.search(request.path) is not None
