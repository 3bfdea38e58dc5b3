"""The exit statuses of the program. After a signal it is 128 plus the signal's number."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import ghartifacts_async

if TYPE_CHECKING:
    from ghartifacts_async import ArtifactsError

SUCCESS, FAILED, USAGE, NOTHING_FOUND, AUTHENTICATION = 0, 1, 2, 3, 4
SIGINT, SIGPIPE = 2, 13


def status_of(error: ArtifactsError) -> int:
    """Return the exit status for an error that ends a command."""
    errors = ghartifacts_async
    if isinstance(error, errors.NoToken | errors.AuthenticationError | errors.PermissionDenied):
        return AUTHENTICATION
    if isinstance(error, errors.NotFound | errors.MemberNotFound):
        return NOTHING_FOUND
    return USAGE if isinstance(error, errors.InvalidArgument) else FAILED


def status_of_failures(failures: Collection[ArtifactsError]) -> int:
    """Return the exit status of a command that handled many items, some of which failed.

    It is that of an error about the token only if all of the failures are about the token.
    """
    if not failures:
        return SUCCESS
    about_token = all(status_of(error) == AUTHENTICATION for error in failures)
    return AUTHENTICATION if about_token else FAILED
