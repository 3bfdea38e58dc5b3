"""URLs, taken apart without surprises."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def split_url(url: str) -> SplitResult | None:
    """The parts of an absolute URL with a host, ``None`` where it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def origin(parts: SplitResult) -> Origin:
    """Scheme, host and port: two URLs of one origin lead to one server (RFC 6454)."""
    port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    return parts.scheme, parts.hostname or "", port


def host_of(url: str) -> str:
    """Host and port of a URL, which may be shown where the URL may not."""
    parts = split_url(url)
    return "?" if parts is None else parts.netloc.rpartition("@")[2]
