"""`FakeLimits`: the rate limits of a `FakeGitHub`, by default those that GitHub documents."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import gt, in_


@attrs.frozen(kw_only=True)
class FakeLimits:
    """What clients may ask for, each account on its own, by the server's clock.

    An account is the holder of a token, an app's installation whatever its token, an app by
    its JWT, or everybody without a token.

    Attributes:
        primary: Requests in a window; answers with 304 do not count.
        anonymous: The same for everybody without a token.
        window: The seconds from an account's first request until its count begins anew.
        points_per_minute: Points in any 60 seconds: GET, HEAD and OPTIONS are 1, others 5.
        concurrent: Requests under way on the whole server, each until its answer is sent.
        secondary_wait: For how many seconds an account is refused, and told so by
            `Retry-After`, once it goes beyond one of the last two.
        status: The status of refusals: GitHub documents 403 and 429 for all of them.
        enforced: Whether anything is refused; otherwise requests are only counted.
    """

    primary: int = attrs.field(default=5000, validator=gt(0))
    anonymous: int = attrs.field(default=60, validator=gt(0))
    window: float = attrs.field(default=3600.0, validator=gt(0))
    points_per_minute: int = attrs.field(default=900, validator=gt(0))
    concurrent: int = attrs.field(default=100, validator=gt(0))
    secondary_wait: float = attrs.field(default=60.0, validator=gt(0))
    status: Literal[403, 429] = attrs.field(default=403, validator=in_((403, 429)))
    enforced: bool = True
