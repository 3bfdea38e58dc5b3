"""The limit on open files, which limits how many tasks can use files and connections at once."""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def max_open_files() -> int | None:
    """Return how many files and connections this process may have open, or None for no limit."""
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if limit == resource.RLIM_INFINITY else limit
