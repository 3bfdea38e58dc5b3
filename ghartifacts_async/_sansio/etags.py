"""Answers kept for conditional requests: a 304 costs GitHub little and the primary limit nothing.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

from collections import OrderedDict

from ghartifacts_async._sansio.calls import ApiCall, Reply

CAPACITY = 128
"""Answers kept: pages of a hundred artifacts take about 100 KB each."""


class EtagCache:
    """The answers of the calls made last, with their ``ETag``."""

    def __init__(self) -> None:
        self._replies: OrderedDict[str, Reply] = OrderedDict()

    def get(self, call: ApiCall) -> Reply | None:
        """The answer kept for a call, or ``None``."""
        if not call.conditional or call.target not in self._replies:
            return None
        self._replies.move_to_end(call.target)
        return self._replies[call.target]

    def keep(self, call: ApiCall, reply: Reply) -> None:
        """Keep an answer, and let go of the one that was not used for longest."""
        if call.conditional and "etag" in reply.headers:
            self._replies[call.target] = reply
            self._replies.move_to_end(call.target)
            if len(self._replies) > CAPACITY:
                self._replies.popitem(last=False)
