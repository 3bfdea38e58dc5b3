"""The rate limiter, which counts requests and refuses those that exceed enforced limits.

Every request passes through it, so it must be fast: it keeps only the requests of the last minute.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import attrs

from ghartifacts_async.testing._api.errors import error_response
from ghartifacts_async.testing._api.rate_limits.waits import (
    ROUNDING,
    RequestedWait,
    requested_wait_end,
)

if TYPE_CHECKING:
    from ghartifacts_async.testing._api.auth.identity import Identity
    from ghartifacts_async.testing._api.rate_limits.limits import FakeLimits
    from ghartifacts_async.testing._shared.messages import Request, Response

_MINUTE = 60.0
_IN_HEADERS = ("limit", "remaining", "used", "reset")
_POINTS = {"GET": 1, "HEAD": 1, "OPTIONS": 1}
_POINTS_OF_OTHER_METHODS = 5
_ABOUT = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
_PRIMARY = "API rate limit exceeded for {}."
_PRIMARY_ANONYMOUS = (
    " (But here's the good news: Authenticated requests get a higher rate limit. "
    "Check out the documentation for more details.)"
)
SECONDARY_MESSAGE = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
SECONDARY_URL = f"{_ABOUT}#about-secondary-rate-limits"


@attrs.define(eq=False)
class _Account:
    limit: int
    reset: int = 0
    used: int = 0
    spent: deque[tuple[float, int]] = attrs.field(factory=deque)
    points: int = 0
    refused_until: float = 0.0
    wait: RequestedWait = attrs.field(factory=RequestedWait)


class RateLimiter:
    """The rate limits of a server: the usage of each account and the requests in progress.

    Args:
        limits: The limits. None sends no rate limit headers, like a GitHub Enterprise Server
            with rate limits disabled.

    Attributes:
        wait_violations: The number of requests that arrived while their account was asked to
            wait.
        secondary_limit_hits: How many times an account exceeded a secondary limit.
        max_in_progress: The highest number of requests in progress at the same time.
    """

    def __init__(self, limits: FakeLimits | None) -> None:
        self._limits = limits
        self._accounts: dict[str | None, _Account] = {}
        self._in_progress = 0
        self.wait_violations = 0
        self.secondary_limit_hits = 0
        self.max_in_progress = 0

    @property
    def enforced(self) -> bool:
        """Whether the limiter refuses requests that exceed the limits."""
        return self._limits is not None and self._limits.enforced

    def start_request(self, identity: Identity, request: Request, now: float) -> Response | None:
        """Count a new request. Return a refusal if it exceeds a secondary limit, or None."""
        self._in_progress += 1
        self.max_in_progress = max(self.max_in_progress, self._in_progress)
        account = self._account(identity)
        if account.wait.is_violated_by(request.connection, now):
            self.wait_violations += 1
        limits = self._limits
        if limits is None or not limits.enforced or identity.error is not None:
            return None
        if now >= account.refused_until - ROUNDING:
            points = _POINTS.get(request.method, _POINTS_OF_OTHER_METHODS)
            if self._in_progress <= limits.concurrent and _spend(
                account, points, limits.points_per_minute, now
            ):
                return None
            account.refused_until = now + limits.secondary_wait
            self.secondary_limit_hits += 1
        headers = {"Retry-After": str(math.ceil(account.refused_until - now))}
        return error_response(limits.status, SECONDARY_MESSAGE, SECONDARY_URL, headers)

    def finish_request(self) -> None:
        """Count a request as no longer in progress, whether it succeeded or failed."""
        self._in_progress -= 1

    def primary_refusal(self, identity: Identity, now: float) -> Response | None:
        """Return a refusal if the account has used up its primary limit, or None."""
        if self._limits is None or not self._limits.enforced or identity.error is not None:
            return None
        account = self._account(identity)
        if now >= account.reset or account.used < account.limit:
            return None
        message = _PRIMARY.format(identity.display_name)
        if identity.account is None:
            message += _PRIMARY_ANONYMOUS
        return error_response(self._limits.status, message, _ABOUT)

    def charge(self, identity: Identity, now: float, *, cost: int) -> dict[str, str]:
        """Charge a request to the primary limit, and return the rate limit headers.

        Args:
            identity: Who sent the request.
            now: The time, in seconds since the epoch.
            cost: 1, or 0 for responses with status 304 and for refusals by a rate limit.
        """
        usage = self.usage(identity, now, cost=cost)
        if usage is None:
            return {}
        headers = {f"X-RateLimit-{name.title()}": str(usage[name]) for name in _IN_HEADERS}
        return {**headers, "X-RateLimit-Resource": "core"}

    def usage(self, identity: Identity, now: float, *, cost: int = 0) -> dict[str, int] | None:
        """Charge a cost to the primary limit, and return its usage; None without limits."""
        if self._limits is None:
            return None
        account = self._account(identity)
        if now >= account.reset:
            account.reset = math.ceil(now + self._limits.window)
            account.used = 0
        account.used = min(account.used + cost, account.limit)
        return {
            "limit": account.limit,
            "used": account.used,
            "remaining": account.limit - account.used,
            "reset": account.reset,
        }

    def record_response(
        self, identity: Identity, request: Request, response: Response, now: float
    ) -> None:
        """Record the wait if the response asks the account to wait."""
        end = None if response.disconnect else requested_wait_end(response, now)
        if end is not None:
            self._account(identity).wait.extend(end, request.connection, now)

    def _account(self, identity: Identity) -> _Account:
        account = self._accounts.get(identity.account)
        if account is None:
            limit = 0
            if self._limits is not None:
                has_account = identity.account is not None
                limit = self._limits.primary if has_account else self._limits.anonymous
            account = self._accounts[identity.account] = _Account(limit)
        return account


def _spend(account: _Account, points: int, allowed: int, now: float) -> bool:
    """Spend points. Return False, and spend none, if that would exceed the points per minute."""
    spent = account.spent
    while spent and spent[0][0] <= now - _MINUTE:
        account.points -= spent.popleft()[1]
    if account.points + points > allowed:
        return False
    account.points += points
    spent.append((now, points))
    return True
