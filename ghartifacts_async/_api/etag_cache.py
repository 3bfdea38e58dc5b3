"""Answers kept for conditional requests: a 304 costs GitHub little and the primary limit nothing.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._http.messages import Response

CAPACITY = 2**24
"""Bytes of answers kept: pages of a hundred artifacts take about 100 KB each."""


class EtagCache:
    """The answers of the calls made last, with their ``ETag``."""

    def __init__(self) -> None:
        self._replies: OrderedDict[str, Response] = OrderedDict()
        self._size = 0

    def get(self, call: ApiCall[Any]) -> Response | None:
        """The answer kept for a call, or ``None``."""
        if not call.conditional or call.target not in self._replies:
            return None
        self._replies.move_to_end(call.target)
        return self._replies[call.target]

    def keep(self, call: ApiCall[Any], reply: Response) -> None:
        """Keep an answer, and let go of the one that was not used for longest."""
        if call.conditional and "etag" in reply.headers:
            before = self._replies.pop(call.target, None)
            self._replies[call.target] = reply
            self._size += _size(reply) - (_size(before) if before else 0)
            while self._size > CAPACITY:
                self._size -= _size(self._replies.popitem(last=False)[1])


def _size(reply: Response) -> int:
    """Bytes that an answer takes, headers and bookkeeping included, roughly."""
    return len(reply.body) + 4096
