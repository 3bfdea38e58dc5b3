"""Split URLs without exceptions."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def split_url(url: str) -> SplitResult | None:
    """Split an absolute URL; return None if it is not one or has no host."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def origin(parts: SplitResult) -> Origin:
    """Return scheme, host and port, which identify a server (RFC 6454)."""
    port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    return parts.scheme, parts.hostname or "", port


def host_of(url: str) -> str:
    """Return host and port of a URL, which unlike a signed URL may be shown."""
    parts = split_url(url)
    return "?" if parts is None else parts.netloc.rpartition("@")[2]
