"""The primary rate limit: counted and reported, not enforced."""

from __future__ import annotations

import attrs

_WINDOW = 3600
_AUTHENTICATED = 5000
_ANONYMOUS = 60


@attrs.define
class _Bucket:
    limit: int
    reset: int
    used: int = 0


class RateLimits:
    """One bucket per token, and one for everybody without."""

    def __init__(self) -> None:
        self._buckets: dict[str | None, _Bucket] = {}

    def headers(self, token: str | None, now: float, *, cost: int) -> dict[str, str]:
        """Count a call and return what its answer says about the limit.

        Args:
            token: The valid token of the call, None for a call without one.
            now: Seconds since the epoch; an hour after a bucket's first call it is full again.
            cost: How much the call counts: 1, or 0 for a conditional one answered by 304.
        """
        bucket = self._buckets.get(token)
        if bucket is None or now >= bucket.reset:
            limit = _ANONYMOUS if token is None else _AUTHENTICATED
            bucket = self._buckets[token] = _Bucket(limit, int(now) + _WINDOW)
        bucket.used = min(bucket.used + cost, bucket.limit)
        return {
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(bucket.limit - bucket.used),
            "X-RateLimit-Used": str(bucket.used),
            "X-RateLimit-Reset": str(bucket.reset),
            "X-RateLimit-Resource": "core",
        }
