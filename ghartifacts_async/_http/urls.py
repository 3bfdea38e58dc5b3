"""Split URLs that may be invalid, without raising exceptions."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}

_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)

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


def is_local(netloc: str) -> bool:
    """Return True if a host is an address of this machine or of its link, or ``localhost``.

    Numbers that are not an ordinary address, such as ``127.1``, count as local, because the system
    may read them as a local address. A name that DNS resolves to a local address does not.

    Args:
        netloc: Host, with or without a port.
    """
    parts = split_url(f"http://{netloc}")
    host = "" if parts is None else (parts.hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return _NUMBERS.fullmatch(host) is not None
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_link_local or address.is_unspecified
