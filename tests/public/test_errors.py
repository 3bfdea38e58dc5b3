"""The error classes form the documented tree, and errors can be pickled and copied."""

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
    "may_have_worked": True,
    "retryable": False,
    "status": 418,
    "message": "I'm a teapot \u2615",
    "request_id": "C0FF:EE",
    "documentation_url": "https://docs.github.com/rest",
    "errors": ("Artifact.name: name is too long",),
    "accepted_permissions": "actions=read",
    "server_time": datetime(2026, 3, 10, tzinfo=UTC),
    "app_id": "7",
    "installation_id": 42,
    "repository": "octo-org/octo-docs",
    "sso_url": "https://github.com/orgs/octo-org/sso?authorization_request=A",
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
    "run_id": 2332938,
    "conclusion": "failure",
    "limit": "max_total_size",
    "allowed": 2**36,
}


def documented() -> list[tuple[str, str | None]]:
    """Return each class with its parent, from the tree in the docstring of `errors`."""
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
    """Return each error class with its parent, from the definitions in `errors`."""
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


NAMES = [name for name, _ in documented()]


def full_error(name: str) -> ArtifactsError:
    """Return an error with a value for each of its attributes."""
    cls: type[ArtifactsError] = getattr(errors, name)
    more = {each.name: VALUES[each.name] for each in attrs.fields(cls) if each.name != "summary"}
    return cls("What went wrong \u2615", **more)


def test_tree() -> None:
    """The classes and their parents are those in the docstring; ArtifactsError is the root."""
    assert len(NAMES) == len(set(NAMES)) > 15
    assert set(documented()) == defined()
    assert documented()[0] == ("ArtifactsError", None)


@pytest.mark.parametrize("name", NAMES)
def test_exported(name: str) -> None:
    """Every error can be imported from the package itself."""
    assert name in ghartifacts_async.__all__
    assert getattr(ghartifacts_async, name) is getattr(errors, name)


@pytest.mark.parametrize("name", NAMES)
def test_summary(name: str) -> None:
    """An error can be created from a summary alone, which is then its text."""
    error = getattr(errors, name)("What went wrong.")
    assert str(error) == error.summary == "What went wrong."
    assert isinstance(error, ArtifactsError)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_details(name: str) -> None:
    """The details of an error that are unknown are empty, zero or None."""
    error = getattr(errors, name)("What went wrong.")
    known = {key for key, value in attrs.asdict(error, recurse=False).items() if value}
    assert known <= {"summary", "attempts", "may_have_arrived", "retryable", "status"}
    assert error.attempts == 1
    assert ("status" in known) is isinstance(error, errors.WebhookError)
    assert ("retryable" in known) is (name in {"TransportError", "ConnectionFailed", "TimedOut"})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", NAMES)
def test_pickles(name: str, protocol: int) -> None:
    """A pickled error keeps all its attributes and notes."""
    error = full_error(name)
    error.add_note("seen by a worker")
    assert_same(pickle.loads(pickle.dumps(error, protocol)), error)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("name", NAMES)
def test_copies(name: str, duplicate: Callable[[Any], Any]) -> None:
    """A copied error keeps all its attributes."""
    assert_same(duplicate(full_error(name)), full_error(name))


def assert_same(one: BaseException, other: BaseException) -> None:
    """Check that two errors have the same class, attributes and text."""
    assert type(one) is type(other)
    assert vars(one) == vars(other)
    assert (str(one), repr(one), one.args) == (str(other), repr(other), other.args)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidArgument", ValueError),
        ("ClientStateError", RuntimeError),
        ("TimedOut", TimeoutError),
        ("WaitTimedOut", TimeoutError),
    ],
)
def test_builtin_base_classes(name: str, builtin: type[Exception]) -> None:
    """An error with an equivalent built-in exception is also an instance of that exception."""
    with pytest.raises(builtin):
        raise full_error(name)


@pytest.mark.parametrize("name", NAMES)
def test_identity(name: str) -> None:
    """Errors compare by identity, so a set keeps two errors with the same text."""
    assert len({full_error(name), full_error(name)}) == 2


@pytest.mark.parametrize("name", NAMES)
def test_details_are_keyword_only(name: str) -> None:
    """An error takes only its summary as a positional argument, so that fields can be added."""
    first, *others = inspect.signature(getattr(errors, name)).parameters.values()
    assert first.name == "summary"
    assert {parameter.kind for parameter in others} <= {inspect.Parameter.KEYWORD_ONLY}
