"""Random faults of the store and of the API."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ghartifacts_async.testing import BlobFault, Fault

NamedFault = tuple[str, Any]
"""The name of a kind of fault, and a fault of this kind."""


def fault_sequence(
    rng: random.Random, count: int, make: Callable[[random.Random], NamedFault]
) -> tuple[NamedFault | None, ...]:
    """Draw faults for consecutive requests. None is a request without a fault.

    Args:
        rng: The source of randomness.
        count: Number of faults. Some of them are repeated for several requests.
        make: Draws a fault.
    """
    sequence: list[NamedFault | None] = []
    for _ in range(count):
        sequence += [None] * rng.choice([0, 0, 1, 3])
        sequence += [make(rng)] * rng.choice([1, 1, 1, 2, 9])
    return tuple(sequence)


def blob_fault(rng: random.Random, size: int, excluded: frozenset[str]) -> NamedFault:
    """Draw a fault of one request to the store.

    Args:
        rng: The source of randomness.
        size: Size of the payload in bytes.
        excluded: Kinds of faults that are not drawn.
    """
    kinds = [kind for kind in _BLOB_FAULTS if kind not in excluded]
    name = rng.choice(kinds)
    fault = _BLOB_FAULTS[name](rng, max(1, size))
    if rng.random() < 0.25:
        other = rng.choice(kinds)
        try:
            return f"{name} & {other}", fault & _BLOB_FAULTS[other](rng, max(1, size))
        except ValueError:
            pass  # The two faults cannot be combined.
    return name, fault


def behaviour(rng: random.Random, size: int, *, replicas: bool) -> tuple[NamedFault, ...]:
    """Draw an unusual behaviour of a store, which a client must support.

    Args:
        rng: The source of randomness.
        size: Size of the payload in bytes.
        replicas: Whether the store may have replicas with different ETags.

    Returns:
        The faults of which each request gets one at random.
    """
    kinds: dict[str, list[BlobFault]] = {
        "short range": [BlobFault.short_range(_short(rng, max(1, size)))],
        "refuse ranges": [BlobFault.refuse_ranges(rng.choice([412, 416, 501]))],
    }
    if replicas:
        kinds["replica"] = [BlobFault.other_replica(number) for number in range(3)]
    name = rng.choice(list(kinds))
    return tuple((name, fault) for fault in kinds[name])


def _short(rng: random.Random, size: int) -> int:
    """Return the most bytes of a partial response, so that the payload takes some requests.

    `size` may be the size of the only member of a zip, which is larger by more than 100 bytes. The
    library gives up a store that sends less than 64 KiB in 100 responses.
    """
    return max(8, size // rng.choice([2, 5, 20]))


def _position(rng: random.Random, size: int) -> int:
    """Return a random position in the payload. Positions near the start are more likely."""
    return int(size ** rng.random()) if rng.random() < 0.5 else rng.randrange(size)


def _content_range(rng: random.Random, size: int) -> str | None:
    if rng.random() < 0.2:
        return None
    first = _position(rng, size)
    last = first + _position(rng, size)
    total = rng.choice([size, size + 1, last + 1])
    return rng.choice([f"bytes {first}-{last}/{total}", f"bytes {first}-{last}/*", "bytes */1"])


_BLOB_FAULTS: dict[str, Callable[[random.Random, int], BlobFault]] = {
    "truncate": lambda rng, size: BlobFault.truncate(after=_position(rng, size)),
    "reset": lambda rng, size: BlobFault.reset(after=_position(rng, size)),
    "stall": lambda rng, size: BlobFault.stall(after=_position(rng, size)),
    "throttle": lambda rng, size: BlobFault.throttle(max(10, size / rng.choice([0.3, 2, 9]))),
    "drip": lambda rng, _: BlobFault.throttle(rng.choice([0.3, 2])),
    "flip": lambda rng, size: BlobFault.flip(at=_position(rng, size)),
    "length": lambda rng, size: BlobFault.length(rng.choice([None, _position(rng, 2 * size)])),
    "chunked": lambda _, __: BlobFault.chunked(),
    "content-range": lambda rng, size: BlobFault.content_range(_content_range(rng, size)),
    "etag": lambda rng, _: BlobFault.etag(rng.choice([None, '"other"', 'W/"weak"'])),
    "ignore-range": lambda _, __: BlobFault.ignore_range(),
    "expire": lambda _, __: BlobFault.expire(),
    "5xx": lambda rng, _: BlobFault.status(rng.choice([500, 502, 503, 504])),
    "4xx": lambda rng, _: BlobFault.status(rng.choice([400, 401, 403, 404, 412, 416, 429])),
    "retry-after": lambda rng, _: BlobFault.status(503, retry_after=rng.choice([0, 1, 7, 50, 300])),
    "dropped": lambda _, __: BlobFault.dropped(),
    "replica": lambda rng, _: BlobFault.other_replica(rng.randrange(3)),
    "short range": lambda rng, size: BlobFault.short_range(_short(rng, size)),
    "refuse ranges": lambda rng, _: BlobFault.refuse_ranges(rng.choice([400, 412, 416, 501])),
    "encode": lambda rng, _: BlobFault.encode(rng.choice(["gzip", "deflate"])),
}


def api_fault(rng: random.Random) -> NamedFault:
    """Draw a fault of one call for a signed URL."""
    name = rng.choice(list(_API_FAULTS))
    return name, _API_FAULTS[name](rng)


_API_FAULTS: dict[str, Callable[[random.Random], Fault]] = {
    "API 5xx": lambda rng: Fault(rng.choice([500, 502, 503, 504])),
    "API html": lambda _: Fault.html(),
    "API dropped": lambda _: Fault.dropped(),
    "API cut": lambda _: Fault.cut(),
    "API limit": lambda rng: Fault.secondary_limit(rng.choice([None, 1, 60])),
    "API 404": lambda _: Fault(404),
}
