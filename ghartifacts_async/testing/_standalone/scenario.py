"""Scenarios: documents that fill a `FakeGitHub` with data, tokens and faults.

A scenario is a mapping of sections. Each section but `limits` is a list of entries, and the keys of
an entry are the arguments of a method of `FakeGitHub`:

| section | method |
|---|---|
| `organizations` | `add_organization` |
| `repositories` | `add_repository` |
| `commits` | `add_commit` |
| `runs` | `add_run` |
| `artifacts` | `add_artifact`; `file`, relative to the scenario's file, can replace `content` |
| `tokens` | `add_token` |
| `faults` | `fail_next`: the arguments of `Fault`, `method`, `path` and `times` |
| `blob_faults` | `fail_blobs_next`: `kind` is a class method of `BlobFault`; `times` |
| `limits` | `FakeLimits`; only in the file with which the server starts |

Times are in ISO format. An entry with `after` takes effect this number of seconds later, unless
`after` is one of its arguments, as that of `truncate` is. Everything is checked on arrival. An
entry that conflicts with the data when it takes effect, for example because another artifact has
its id, is skipped with a warning.
"""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import attrs

from ghartifacts_async.testing._api.faults import Fault
from ghartifacts_async.testing._api.rate_limits.limits import FakeLimits
from ghartifacts_async.testing._blob.faults import BlobFault
from ghartifacts_async.testing._standalone.values import (
    Parameters,
    check_entry,
    check_value,
    parameters_of,
)
from ghartifacts_async.testing.server import FakeGitHub

_MAX_TIMES = 100_000

_log = logging.getLogger("ghartifacts_async.testing")


@attrs.frozen
class _Call:
    """A call of a method of `FakeGitHub`.

    Attributes:
        source: The section and the number of the entry that describes the call.
        delay: The seconds until the call, or None for a call at once.
        method: The name of the method.
        arguments: Its positional arguments.
        options: Its keyword arguments.
    """

    source: str
    delay: float | None
    method: str
    arguments: list[Any]
    options: dict[str, Any]

    def apply(self, fake: FakeGitHub, **options: Any) -> None:
        """Call the method.

        Args:
            fake: The server.
            options: Keyword arguments that replace those of the call.

        Raises:
            ValueError: The method raises an error. The message names the entry.
        """
        try:
            getattr(fake, self.method)(*self.arguments, **self.options | options)
        except Exception as error:
            raise ValueError(f"{self.source}: {error}") from error


class Scenarios:
    """Applies scenarios to a server.

    Args:
        fake: The server.
        directory: The directory to which the paths of files are relative.

    Attributes:
        failures: The messages for delayed entries that could not take effect.
    """

    def __init__(self, fake: FakeGitHub, directory: Path) -> None:
        self._fake = fake
        self._directory = directory
        self.failures: list[str] = []

    def apply(self, scenario: Any) -> int:
        """Add the entries of a scenario to the server, and return their number.

        Raises:
            ValueError: An entry is invalid, and nothing has been added; or an entry conflicts with
                the data, and only the entries before it have been added.
        """
        calls = [*_calls(scenario, self._directory)]
        if calls:
            _try_out(calls)
        for call in calls:
            if call.delay is None:
                call.apply(self._fake)
            else:
                self._fake.after(call.delay, self._apply_later, call)
        return len(calls)

    def _apply_later(self, call: _Call) -> None:
        try:
            call.apply(self._fake)
        except ValueError as error:
            self.failures.append(str(error))
            _log.warning("a delayed entry cannot take effect: %s", error)


def parse(text: str | bytes, *, is_toml: bool = False) -> Any:
    """Parse a document in JSON or TOML.

    Raises:
        ValueError: It is not valid, or nested too deeply.
    """
    text = text.decode() if isinstance(text, bytes) else text
    try:
        return tomllib.loads(text) if is_toml else json.loads(text)
    except RecursionError:
        pass
    raise ValueError("the document is nested too deeply")


def read_scenario(path: Path) -> tuple[FakeLimits, dict[str, Any]]:
    """Read a TOML or JSON file, and return its rate limits and the rest of the scenario.

    Without `limits`, requests are only counted.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is neither TOML nor JSON, or the limits are invalid.
    """
    document = parse(path.read_text(encoding="utf-8"), is_toml=path.suffix == ".toml")
    scenario = dict(_mapping(document))
    limits = scenario.pop("limits", None)
    if limits is None:
        return FakeLimits(enforced=False), scenario
    try:
        return FakeLimits(**check_entry(limits, parameters_of(FakeLimits))), scenario
    except ValueError as error:
        raise ValueError(f"limits: {error}") from error


def _calls(scenario: Any, directory: Path) -> Iterator[_Call]:
    """Yield the calls that a scenario describes, after checking their arguments."""
    unknown = sorted(map(str, _mapping(scenario).keys() - _SECTIONS.keys()))
    if unknown:
        raise ValueError(f"unknown sections {', '.join(unknown)}; known: {', '.join(_SECTIONS)}")
    for section, prepare in _SECTIONS.items():
        entries = scenario.get(section, [])
        if not isinstance(entries, list):
            raise ValueError(f"{section} must be a list of entries, not {entries!r:.60}")
        for number, entry in enumerate(entries, start=1):
            source = f"{section}, entry {number}"
            try:
                given, delay = _without_delay(entry, section)
                yield _Call(source, delay, *prepare(given, directory))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{source}: {error}") from error


def _try_out(calls: list[_Call]) -> None:
    """Apply calls to a new server, so that mistakes are found before anything is added.

    Raises:
        ValueError: A call fails.
    """
    with FakeGitHub() as fake:
        for call in calls:
            # Only the real server has the commits that are parents.
            call.apply(fake, **{"parents": ()} if "parents" in call.options else {})


def _mapping(scenario: Any) -> Mapping[str, Any]:
    if not isinstance(scenario, Mapping):
        raise ValueError("a scenario must be a mapping of sections")
    return scenario


def _without_delay(entry: Any, section: str) -> tuple[Any, float | None]:
    """Return an entry without its delay, and the delay, or None if there is none."""
    if not isinstance(entry, Mapping) or "after" not in entry:
        return entry, None
    is_argument = isinstance(entry["after"], bool) if section == "faults" else "kind" in entry
    if is_argument:
        return entry, None
    given = dict(entry)
    delay = check_value("after", given.pop("after"), float)
    if delay < 0:
        raise ValueError(f"'after' must be at least 0, not {delay}")
    return given, delay


_Prepared: TypeAlias = tuple[str, list[Any], dict[str, Any]]
"""The name of a method of `FakeGitHub`, its positional arguments and its keyword arguments."""


def _method(name: str, *, first: str = "") -> Callable[[Any, Path], _Prepared]:
    """Return a function that checks an entry whose keys are the parameters of a method.

    Args:
        name: The name of the method.
        first: The key of its first argument; "" for the name of the parameter.
    """

    def prepare(given: Any, _: Path) -> _Prepared:
        parameters = dict(parameters_of(getattr(FakeGitHub, name)))
        parameter = next(iter(parameters))
        key = first or parameter
        options = check_entry(given, {key: parameters.pop(parameter), **parameters})
        return name, [options.pop(key)] if key in options else [], options

    return prepare


def _artifact(given: Any, directory: Path) -> _Prepared:
    parameters = parameters_of(FakeGitHub.add_artifact)
    content: Parameters = {"content": (Mapping[str, str] | str, False), "file": (str, False)}
    options = check_entry(given, {**parameters, **content})
    file, text = options.pop("file", None), options.pop("content", "")
    if file is not None:
        text = directory / file
    options["content"] = text.encode() if isinstance(text, str) else text
    return "add_artifact", [], options


def _fault(given: Any, _: Path) -> _Prepared:
    request: Parameters = {"method": (str | None, False), "path": (str | None, False)}
    options = check_entry(given, {**parameters_of(Fault), **request, "times": (int, False)})
    times = _times(options)
    matcher = {key: options.pop(key) for key in request if key in options}
    return "fail_next", [Fault(**options)] * times, matcher


def _blob_fault(given: Any, _: Path) -> _Prepared:
    kinds = tuple(name for name, value in vars(BlobFault).items() if isinstance(value, classmethod))
    kind = given.get("kind", "status") if isinstance(given, Mapping) else "status"
    check_value("kind", kind, cast("Any", Literal)[kinds])
    make = getattr(BlobFault, kind)
    others: Parameters = {"kind": (str, False), "times": (int, False)}
    options = check_entry(given, {**parameters_of(make), **others})
    times = _times(options)
    options.pop("kind", None)
    return "fail_blobs_next", [make(**options)] * times, {}


def _times(options: dict[str, Any]) -> int:
    times = options.pop("times", 1)
    if not 1 <= times <= _MAX_TIMES:
        raise ValueError(f"'times' must be from 1 to {_MAX_TIMES}, not {times}")
    return int(times)


_SECTIONS: dict[str, Callable[[Any, Path], _Prepared]] = {
    "organizations": _method("add_organization"),
    "repositories": _method("add_repository", first="name"),
    "commits": _method("add_commit"),
    "runs": _method("add_run"),
    "artifacts": _artifact,
    "tokens": _method("add_token"),
    "faults": _fault,
    "blob_faults": _blob_fault,
}
