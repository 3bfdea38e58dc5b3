"""Who makes a call, and what they may reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghartifacts_async.testing._shared.messages import Request
    from ghartifacts_async.testing._shared.store import Repository

_LEVELS = ("read", "write", "admin")


@attrs.frozen
class Grant:
    """What an installation, or one of its tokens, may reach.

    Attributes:
        repositories: The ids of its repositories; None is every one of the server.
        permissions: The level by the permission's name.
    """

    repositories: frozenset[int] | None
    permissions: Mapping[str, str]

    def reaches(self, repository: Repository) -> bool:
        """Tell whether a repository is among them."""
        return self.repositories is None or repository.id in self.repositories

    def allows(self, permission: str, level: str) -> bool:
        """Tell whether it has a permission at that level or above."""
        held = self.permissions.get(permission)
        return held is not None and _LEVELS.index(held) >= _LEVELS.index(level)


@attrs.frozen
class Caller:
    """Whoever makes a call.

    Attributes:
        account: Whom the limits count it on; None is everybody without a token.
        name: How GitHub's messages call that account.
        is_known: Whether it comes with credentials, and they are good.
        app: The app that it authenticates as by a JWT.
        grant: What it is confined to; None for a user, who may do everything here.
        refusal: Status and message for credentials that are not good.
    """

    account: str | None
    name: str
    is_known: bool = True
    app: str | None = None
    grant: Grant | None = None
    refusal: tuple[int, str] | None = None


ANONYMOUS = Caller(None, "127.0.0.1", is_known=False)
BAD_CREDENTIALS = Caller(None, "127.0.0.1", is_known=False, refusal=(401, "Bad credentials"))


def credentials(request: Request) -> str | None:
    """Return the token of a call, "" for what cannot be one, None where there is none."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "token"} else ""
