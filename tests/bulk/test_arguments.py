"""Arguments of bulk operations."""

from __future__ import annotations

from typing import Any

import pytest

from ghartifacts_async import InvalidArgument, _arguments


@pytest.mark.parametrize("number", [0, -1, 257, True, 1.0, "8", None])
def test_concurrency(number: Any) -> None:
    """`concurrency` is an int from 1 to 256."""
    with pytest.raises(InvalidArgument, match="concurrency"):
        _arguments.concurrency(number)
    assert _arguments.concurrency(256) == 256


@pytest.mark.parametrize("value", [None, 7, "dist", b"dist"])
def test_several(value: Any) -> None:
    """`artifacts` is an iterable, but not a str or bytes."""
    with pytest.raises(InvalidArgument, match="iterable"):
        _arguments.several(value)
    assert _arguments.several([1]) == [1]
