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

Times are in ISO format. An entry with `after` takes effect this number of seconds later.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ghartifacts_async.testing._api.faults import Fault
from ghartifacts_async.testing._api.rate_limits.limits import FakeLimits
from ghartifacts_async.testing._blob.faults import BlobFault
from ghartifacts_async.testing.server import FakeGitHub

_TIMES = ("committed_at", "created_at", "expires_at")


def read_scenario(path: Path) -> Mapping[str, Any]:
    """Read a scenario from a TOML or JSON file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is neither TOML nor JSON.
    """
    text = path.read_text(encoding="utf-8")
    document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    if not isinstance(document, Mapping):
        raise ValueError("a scenario must be a mapping of sections")
    return document


def limits_of(scenario: Mapping[str, Any]) -> FakeLimits:
    """Return the rate limits of a scenario; without any, requests are only counted."""
    limits = scenario.get("limits")
    return FakeLimits(enforced=False) if limits is None else FakeLimits(**limits)


def apply_scenario(fake: FakeGitHub, scenario: Mapping[str, Any], directory: Path) -> int:
    """Add the entries of a scenario to a server.

    Args:
        fake: The server.
        scenario: The scenario.
        directory: The directory to which the paths of files are relative.

    Returns:
        The number of entries.

    Raises:
        ValueError: A section or an entry is invalid. Earlier entries have been added.
    """
    sections: dict[str, Callable[[dict[str, Any]], object]] = {
        "organizations": lambda entry: fake.add_organization(**entry),
        "repositories": lambda entry: fake.add_repository(entry.pop("name"), **entry),
        "commits": lambda entry: fake.add_commit(entry.pop("repository"), **entry),
        "runs": lambda entry: fake.add_run(entry.pop("repository"), **entry),
        "artifacts": lambda entry: _add_artifact(fake, entry, directory),
        "tokens": lambda entry: fake.add_token(**entry),
        "faults": lambda entry: _add_fault(fake, entry),
        "blob_faults": lambda entry: _add_blob_fault(fake, entry),
    }
    unknown = sorted(scenario.keys() - sections.keys() - {"limits"})
    if unknown:
        raise ValueError(f"unknown sections {', '.join(unknown)}; known: {', '.join(sections)}")
    count = 0
    for section, add in sections.items():
        for number, given in enumerate(scenario.get(section, ()), start=1):
            try:
                _add(fake, add, given)
            except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
                raise ValueError(f"{section}, entry {number}: {error}") from error
            count += 1
    return count


def _add(fake: FakeGitHub, add: Callable[[dict[str, Any]], object], given: Any) -> None:
    entry: dict[str, Any] = {
        key: datetime.fromisoformat(value) if key in _TIMES and isinstance(value, str) else value
        for key, value in dict(given).items()
    }
    seconds = entry.pop("after", None) if "kind" not in entry else None
    if seconds is None:
        add(entry)
    else:
        fake.after(seconds, add, entry)


def _add_artifact(fake: FakeGitHub, entry: dict[str, Any], directory: Path) -> None:
    file, content = entry.pop("file", None), entry.pop("content", "")
    if file is not None:
        content = directory / file
    elif isinstance(content, str):
        content = content.encode()
    fake.add_artifact(entry.pop("repository"), entry.pop("name"), content, **entry)


def _add_fault(fake: FakeGitHub, entry: dict[str, Any]) -> None:
    times, method, path = entry.pop("times", 1), entry.pop("method", None), entry.pop("path", None)
    fault = Fault(entry.pop("status"), **entry)
    fake.fail_next(*[fault] * times, method=method, path=path)


def _add_blob_fault(fake: FakeGitHub, entry: dict[str, Any]) -> None:
    times, kind = entry.pop("times", 1), entry.pop("kind", "status")
    if kind.startswith("_"):
        raise ValueError(f"{kind!r} is not a kind of blob fault")
    fault = getattr(BlobFault, kind)(**entry)
    fake.fail_blobs_next(*[fault] * times)
