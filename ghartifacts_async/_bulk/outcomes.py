"""Preparation of errors that are kept in the results of a bulk operation."""

from __future__ import annotations

from ghartifacts_async.errors import ArtifactsError


def strip_tracebacks(error: ArtifactsError) -> ArtifactsError:
    """Remove the tracebacks of an error and of its causes, and return the error.

    The frames of a traceback would keep received bytes in memory as long as the error exists.
    """
    current: BaseException | None = error
    while current is not None:
        current.__traceback__, current = None, current.__cause__ or current.__context__
    return error
