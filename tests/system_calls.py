"""Faults of the functions of `os` that the library's threads call: the only file layer it has."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest


def refuse(*_: object, **__: object) -> None:
    """Fail as a function that the file system does not support."""
    raise PermissionError(errno.EPERM, "Operation not permitted")


class SystemCalls:
    """Lets functions of `os` fail, take long or do something else, in the library's threads.

    Args:
        monkeypatch: Restores the functions at the end of the test.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def before(self, name: str, fault: Callable[..., object]) -> None:
        """Call `fault` with the arguments of each call of a function, before the call."""
        self._wrap(name, fault, None)

    def after(self, name: str, fault: Callable[..., object]) -> None:
        """Call `fault` with the result and the arguments of each call, after the call."""
        self._wrap(name, None, fault)

    def _wrap(
        self, name: str, before: Callable[..., object] | None, after: Callable[..., object] | None
    ) -> None:
        genuine = getattr(os, name)

        def call(*arguments: Any, **more: Any) -> Any:
            if not threading.current_thread().name.startswith("ghartifacts-disk"):
                return genuine(*arguments, **more)
            if before is not None:
                before(*arguments, **more)
            result = genuine(*arguments, **more)
            if after is not None:
                after(result, *arguments, **more)
            return result

        self._monkeypatch.setattr(os, name, call)
