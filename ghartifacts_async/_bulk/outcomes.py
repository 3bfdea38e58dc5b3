"""Which errors end a bulk operation, and which become the outcome of one artifact."""

from __future__ import annotations

import logging

from ghartifacts_async.errors import (
    ArtifactExpired,
    ArtifactsError,
    AuthenticationError,
    ClientStateError,
    ProgressError,
    RateLimited,
    TokenProviderError,
)
from ghartifacts_async.models import Artifact

ENDS_OPERATION = (ClientStateError, ProgressError, MemoryError)
"""Exceptions that end a bulk operation. Any other exception concerns a single artifact."""

ENDS_MIRROR = (*ENDS_OPERATION, AuthenticationError, RateLimited, TokenProviderError)
"""Exceptions that end a mirror, because they would also occur for every following artifact."""

_log = logging.getLogger("ghartifacts_async")


def check_not_expired(artifact: Artifact) -> None:
    """Check that an artifact has not expired, so that no request is made for one that has.

    Raises:
        ArtifactExpired: It has expired.
    """
    if artifact.expired:
        when = f" on {artifact.expires_at:%Y-%m-%d}" if artifact.expires_at else ""
        raise ArtifactExpired(f"artifact {artifact.id} expired{when}, according to its listing")


def error_of(error: Exception, subject: Artifact | int | str) -> ArtifactsError:
    """Return the error to report in an outcome: the given one, or one that has it as its cause.

    Its tracebacks are removed, because their frames would keep received bytes in memory as long as
    the error exists.

    Args:
        error: The exception that ended the work on an artifact or a repository.
        subject: The artifact, its id, or the name of the repository.
    """
    if isinstance(error, ArtifactsError):
        reported = error
    else:
        # The exception shows a bug in this library, or in a function that the caller passed.
        name = subject if isinstance(subject, str) else f"artifact {_id_of(subject)}"
        reported = ArtifactsError(f"{name}: unexpected {type(error).__name__}; see its __cause__")
        reported.__cause__ = error
        _log.error("%s", reported, exc_info=error)
    current: BaseException | None = reported
    while current is not None:
        current.__traceback__, current = None, current.__cause__ or current.__context__
    return reported


def _id_of(artifact: Artifact | int) -> int:
    return artifact.id if isinstance(artifact, Artifact) else artifact
