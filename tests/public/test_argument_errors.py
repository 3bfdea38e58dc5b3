"""Wrong paths, callbacks and policies raise InvalidArgument with a message that helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import InvalidArgument, RateLimitPolicy, RetryPolicy, _arguments


@pytest.mark.parametrize("path", ["out/", "dist.zip", ".", Path("out"), "größe"])
def test_destination(path: str | Path) -> None:
    """A destination is a str or a path object."""
    _arguments.destination(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "must be a str or a path"),
        (11, "must be a str or a path"),
        (b"out", "must be a str or a path"),
        ("a\0b", "contains characters that a path cannot contain"),
        ("a\ud800", "contains characters that a path cannot contain"),
        ("", "is empty; use '.'"),
    ],
)
def test_bad_destination(path: Any, message: str) -> None:
    """The error for an invalid destination names the problem."""
    with pytest.raises(InvalidArgument, match=re.escape(f"destination {message}")):
        _arguments.destination(path)


class AsyncCallable:
    """An object whose calls are coroutines."""

    async def __call__(self, _: object) -> None:
        """Do nothing."""


async def async_callback(_: object) -> None:
    """Do nothing."""


@pytest.mark.parametrize("callback", [None, print, [].append])
def test_callback(callback: Callable[..., object] | None) -> None:
    """A progress callback is a plain function or None."""
    _arguments.callback(callback)


@pytest.mark.parametrize("callback", ["print", 11, async_callback, AsyncCallable()])
def test_bad_callback(callback: Any) -> None:
    """A progress callback that cannot be called, or that is async, is refused."""
    with pytest.raises(InvalidArgument, match="on_progress must be a plain function"):
        _arguments.callback(callback)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RetryPolicy(attempts=0), "attempts must be at least 1, not 0"),
        (lambda: RetryPolicy(wait_max=float("inf")), "wait_max must be at least 0, not inf"),
        (lambda: RateLimitPolicy(max_wait=-1), "max_wait must be at least 0, not -1"),
    ],
)
def test_bad_policy(make: Callable[[], object], message: str) -> None:
    """The error for a value out of range names the argument, its minimum and the value."""
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        make()


def test_unlimited_policy() -> None:
    """The unlimited policy has no limits and no pause between deletions."""
    policy = RateLimitPolicy.unlimited()
    assert (policy.points_per_minute, policy.concurrent_requests) == (None, None)
    assert policy.delete_interval == 0


@pytest.mark.parametrize("value", ["yes", "", 0, 1, None, [True]])
def test_flags(value: Any) -> None:
    """An argument that is either true or false is a bool, because even "no" would count as true."""
    _arguments.flags(durable=True, merge=False)
    message = re.escape(f"merge must be True or False, not {value!r}")
    with pytest.raises(InvalidArgument, match=message):
        _arguments.flags(durable=True, merge=value)
