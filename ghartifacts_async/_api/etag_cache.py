"""A cache of responses for conditional requests.

A conditional request that GitHub answers with 304 does not count against the primary rate limit.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._http.messages import Response

CAPACITY = 2**24
"""Maximum size of the cache in bytes. A page of 100 artifacts takes about 100 KB."""

_OVERHEAD = 2048


class EtagCache:
    """A cache of the most recently used responses to conditional calls."""

    def __init__(self) -> None:
        self._responses: OrderedDict[str, Response] = OrderedDict()
        self._size = 0

    def get(self, call: ApiCall[Any]) -> Response | None:
        """Return the cached response to a call, or None."""
        if not call.conditional or call.target not in self._responses:
            return None
        self._responses.move_to_end(call.target)
        return self._responses[call.target]

    def store(self, call: ApiCall[Any], response: Response) -> None:
        """Cache a response if it has an ``ETag``.

        If the cache is full, evict the least recently used responses.
        """
        if call.conditional and "etag" in response.headers:
            previous = self._responses.pop(call.target, None)
            self._responses[call.target] = response
            self._size += _size(response) - (_size(previous) if previous else 0)
            while self._size > CAPACITY:
                self._size -= _size(self._responses.popitem(last=False)[1])


def _size(response: Response) -> int:
    """Return how much memory a response takes in bytes, with its headers and its place here."""
    texts = [response.url, *response.headers, *response.headers.values()]
    return len(response.body) + sum(map(str.__sizeof__, texts)) + _OVERHEAD
