"""Split URLs that may be invalid, without raising exceptions."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def split_url(url: str) -> SplitResult | None:
    """Split a URL; return None if it is not an absolute URL with a host."""
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
    """Return the host and port of a URL, which are not secret even if the URL is signed."""
    parts = split_url(url)
    return "?" if parts is None else parts.netloc.rpartition("@")[2]
