"""Counts what arrives, and refuses what goes beyond the limits where they are enforced.

Every request passes here twice, so nothing looks at more than the requests that a minute adds.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import attrs

from ghartifacts_async.testing._api.errors import error_reply
from ghartifacts_async.testing._api.waits import ROUNDING, Wait, told_by

if TYPE_CHECKING:
    from ghartifacts_async.testing._api.callers import Caller
    from ghartifacts_async.testing._api.limits import FakeLimits
    from ghartifacts_async.testing._shared.messages import Reply, Request

_MINUTE = 60.0
_POINTS = {"GET": 1, "HEAD": 1, "OPTIONS": 1}
_POINTS_OF_OTHERS = 5
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
    closed_until: float = 0.0
    wait: Wait = attrs.field(factory=Wait)


class Traffic:
    """The accounts of one server, and the requests under way on it.

    Args:
        limits: The limits; None is a GHES that has them off, and says nothing about them.

    Attributes:
        sent_while_told_to_wait: Requests that arrived before the time their account was told.
        secondary_trips: How often an account went beyond a secondary limit.
        most_under_way: The highest number of requests that were under way at once.
    """

    def __init__(self, limits: FakeLimits | None) -> None:
        self._limits = limits
        self._accounts: dict[str | None, _Account] = {}
        self._under_way = 0
        self.sent_while_told_to_wait = 0
        self.secondary_trips = 0
        self.most_under_way = 0

    @property
    def enforced(self) -> bool:
        """Whether anything may be refused."""
        return self._limits is not None and self._limits.enforced

    def arrive(self, caller: Caller, request: Request, now: float) -> Reply | None:
        """Count an arrival, and return the refusal where a secondary limit makes one."""
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        account = self._account(caller)
        if account.wait.is_broken_by(request.connection, now):
            self.sent_while_told_to_wait += 1
        limits = self._limits
        if limits is None or not limits.enforced or caller.refusal is not None:
            return None
        if now >= account.closed_until - ROUNDING:
            points = _POINTS.get(request.method, _POINTS_OF_OTHERS)
            if self._under_way <= limits.concurrent and _spend(
                account, points, limits.points_per_minute, now
            ):
                return None
            account.closed_until = now + limits.secondary_wait
            self.secondary_trips += 1
        left = {"Retry-After": str(math.ceil(account.closed_until - now))}
        return error_reply(limits.status, SECONDARY_MESSAGE, SECONDARY_URL, left)

    def leave(self) -> None:
        """Say that one of the requests under way is over, well or not."""
        self._under_way -= 1

    def exhausted(self, caller: Caller, now: float) -> Reply | None:
        """Return the refusal of a call whose account has nothing left, or None."""
        if self._limits is None or not self._limits.enforced or caller.refusal is not None:
            return None
        account = self._account(caller)
        if now >= account.reset or account.used < account.limit:
            return None
        message = _PRIMARY.format(caller.name)
        if caller.account is None:
            message += _PRIMARY_ANONYMOUS
        return error_reply(self._limits.status, message, _ABOUT)

    def headers(self, caller: Caller, now: float, *, cost: int) -> dict[str, str]:
        """Count a call and return what its answer says about the primary limit.

        Args:
            caller: Who makes it.
            now: Seconds since the epoch.
            cost: How much it counts: 1, or 0 for a 304 and for what a limit has refused.
        """
        if self._limits is None:
            return {}
        account = self._account(caller)
        if now >= account.reset:
            account.reset = math.ceil(now + self._limits.window)
            account.used = 0
        account.used = min(account.used + cost, account.limit)
        return {
            "X-RateLimit-Limit": str(account.limit),
            "X-RateLimit-Remaining": str(account.limit - account.used),
            "X-RateLimit-Used": str(account.used),
            "X-RateLimit-Reset": str(account.reset),
            "X-RateLimit-Resource": "core",
        }

    def answered(self, caller: Caller, request: Request, reply: Reply, now: float) -> None:
        """Remember it where the answer, in its final form, tells the caller to wait."""
        until = None if reply.cut else told_by(reply, now)
        if until is not None:
            self._account(caller).wait.tell(until, request.connection, now)

    def _account(self, caller: Caller) -> _Account:
        account = self._accounts.get(caller.account)
        if account is None:
            limit = 0
            if self._limits is not None:
                known = caller.account is not None
                limit = self._limits.primary if known else self._limits.anonymous
            account = self._accounts[caller.account] = _Account(limit)
        return account


def _spend(account: _Account, points: int, allowed: int, now: float) -> bool:
    """Spend the points where the last minute leaves room for them; say whether it did."""
    spent = account.spent
    while spent and spent[0][0] <= now - _MINUTE:
        account.points -= spent.popleft()[1]
    if account.points + points > allowed:
        return False
    account.points += points
    spent.append((now, points))
    return True
