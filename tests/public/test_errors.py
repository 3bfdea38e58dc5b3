"""The error tree is as drawn, and its errors travel between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

import ghartifacts_async
from ghartifacts_async import errors
from ghartifacts_async.errors import ArtifactsError

VALUES: dict[str, Any] = {
    "attempts": 5,
    "seconds": 12.5,
    "previous": "the attempt before failed",
    "host": "store.example",
    "may_have_arrived": False,
    "status": 418,
    "message": "I'm a teapot \u2615",
    "request_id": "C0FF:EE",
    "documentation_url": "https://docs.github.com/rest",
    "accepted_permissions": "actions=read",
    "retry_at": datetime(2026, 3, 10, tzinfo=UTC),
    "code": "AuthenticationFailed",
    "received": 5,
    "expected": 6,
    "actual": "sha256:cd",
    "path": Path("out") / "dist.zip",
    "errno": 28,
    "retry_after": 2.5,
    "member": "../evil",
    "suggestions": ("report.json",),
    "limit": "max_total_size",
    "allowed": 2**36,
}


def drawn() -> list[tuple[str, str | None]]:
    """Return each class in the docstring's drawing with its parent."""
    line = re.compile(
        r"^ {4}(?:[\u2502 ] {3})*(?:[\u251c\u2514]\u2500\u2500 )?(\w+)(?:  .*)?$", re.MULTILINE
    )
    above: list[str] = []
    tree: list[tuple[str, str | None]] = []
    for match in line.finditer(errors.__doc__ or ""):
        depth = (match.start(1) - match.start()) // 4 - 1
        above[depth:] = [match[1]]
        tree.append((match[1], above[depth - 1] if depth else None))
    return tree


def defined() -> set[tuple[str, str | None]]:
    """Return each class that is defined with its parent in the tree."""
    classes = [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, BaseException) and each.__module__ == errors.__name__
    ]
    return {
        (
            each.__name__,
            next((base.__name__ for base in classes if each in base.__subclasses__()), None),
        )
        for each in classes
    }


NAMES = [name for name, _ in drawn()]


def full(name: str) -> ArtifactsError:
    """Return an error of a class with a value in each of its attributes."""
    cls: type[ArtifactsError] = getattr(errors, name)
    more = {each.name: VALUES[each.name] for each in attrs.fields(cls) if each.name != "summary"}
    return cls("What went wrong \u2615", **more)


def test_tree() -> None:
    """The tree is the one that is drawn: its root catches all."""
    assert len(NAMES) == len(set(NAMES)) > 15
    assert set(drawn()) == defined()
    assert drawn()[0] == ("ArtifactsError", None)


@pytest.mark.parametrize("name", NAMES)
def test_exported(name: str) -> None:
    """Every error can be imported from the package itself."""
    assert name in ghartifacts_async.__all__
    assert getattr(ghartifacts_async, name) is getattr(errors, name)


@pytest.mark.parametrize("name", NAMES)
def test_summary(name: str) -> None:
    """An error needs no more than its summary, and is shown as that."""
    error = getattr(errors, name)("What went wrong.")
    assert str(error) == error.summary == "What went wrong."
    assert isinstance(error, ArtifactsError)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", NAMES)
def test_pickles(name: str, protocol: int) -> None:
    """An error comes out of another process with all its attributes and notes."""
    error = full(name)
    error.add_note("seen by a worker")
    same(pickle.loads(pickle.dumps(error, protocol)), error)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("name", NAMES)
def test_copies(name: str, duplicate: Callable[[Any], Any]) -> None:
    """A copied error has all its attributes."""
    same(duplicate(full(name)), full(name))


def same(one: BaseException, other: BaseException) -> None:
    """Check that two errors tell the same."""
    assert type(one) is type(other)
    assert vars(one) == vars(other)
    assert (str(one), repr(one), one.args) == (str(other), repr(other), other.args)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidArgument", ValueError),
        ("ClientStateError", RuntimeError),
        ("TimedOut", TimeoutError),
    ],
)
def test_builtin_kin(name: str, builtin: type[Exception]) -> None:
    """An error that Python has a word for is caught by that word too."""
    with pytest.raises(builtin):
        raise full(name)


def test_identity() -> None:
    """Two errors of the same text are two errors, as sets of them show."""
    assert len({full("NotFound"), full("NotFound")}) == 2
