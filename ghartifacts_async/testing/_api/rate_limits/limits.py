"""`FakeLimits`: the rate limits of a `FakeGitHub`. The defaults are GitHub's."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import gt, in_


@attrs.frozen(kw_only=True)
class FakeLimits:
    """The rate limits of each account, measured by the server's clock.

    Each user token, installation and app has its own account. All requests without valid
    credentials share one account.

    Attributes:
        primary: Requests allowed in each `window`. Responses with status 304 do not count.
        anonymous: Requests allowed in each `window` to all clients without a token together.
        window: The number of seconds after which an account's count of requests is reset,
            measured from the account's first request.
        points_per_minute: Points allowed in any 60 seconds: GET, HEAD and OPTIONS cost 1,
            other methods 5.
        concurrent: Requests that the whole server handles concurrently. A request counts from
            its arrival until its response has been sent.
        secondary_wait: How long the server refuses an account that exceeded
            `points_per_minute` or `concurrent`, in seconds. `Retry-After` gives the time left.
        status: The status of refusals. GitHub documents both 403 and 429.
        enforced: Whether the server refuses requests. If False, it only counts them.

    Source:
        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """

    primary: int = attrs.field(default=5000, validator=gt(0))
    anonymous: int = attrs.field(default=60, validator=gt(0))
    window: float = attrs.field(default=3600.0, validator=gt(0))
    points_per_minute: int = attrs.field(default=900, validator=gt(0))
    concurrent: int = attrs.field(default=100, validator=gt(0))
    secondary_wait: float = attrs.field(default=60.0, validator=gt(0))
    status: Literal[403, 429] = attrs.field(default=403, validator=in_((403, 429)))
    enforced: bool = True
