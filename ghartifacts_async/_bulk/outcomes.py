"""Errors that outlive the operation in which they were raised."""

from __future__ import annotations

from ghartifacts_async.errors import ArtifactsError


def strip_tracebacks(error: ArtifactsError) -> ArtifactsError:
    """Remove the tracebacks of an error and its causes, whose frames keep received bytes alive."""
    current: BaseException | None = error
    while current is not None:
        current.__traceback__, current = None, current.__cause__ or current.__context__
    return error
