"""The pytest plugin of the runs that measure tests and of the runs of a mutant's tests.

It imports nothing of the package, so that coverage measures what the tests execute.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from collections import defaultdict
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import coverage
import pytest

PLUGIN = __name__
SECONDS = "MUTATION_SECONDS"
"""The variable with the file for the measured seconds of tests."""

CHOSEN = "MUTATION_CHOSEN"
"""The variable with the file that has the node ids of the tests to run."""

CURRENT = "MUTATION_CURRENT"
"""The variable with the file for the node id of the running test, and whether it failed."""

_MEMORY_LIMIT = 4 * 2**30


def pytest_configure() -> None:
    """Limit the memory of tests of a mutant, which may collect data in an endless loop."""
    if CHOSEN in os.environ:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT, _MEMORY_LIMIT))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the chosen tests, in their order."""
    if chosen := os.environ.get(CHOSEN):
        found = {item.nodeid: item for item in items}
        wanted: list[str] = json.loads(Path(chosen).read_bytes())
        if missing := [test for test in wanted if test not in found]:
            raise pytest.UsageError(f"tests are missing: {missing}")
        items[:] = [found[test] for test in wanted]


def pytest_collection_finish() -> None:
    """Import the whole package, so that no test counts for imports that it causes."""
    if SECONDS in os.environ:
        for module in pkgutil.walk_packages(["ghartifacts_async"], "ghartifacts_async."):
            with suppress(ImportError):  # An extra is not installed.
                importlib.import_module(module.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Record the lines of a test under its node id, or which test is running."""
    _note(item.nodeid, failed=False)
    measuring = coverage.Coverage.current() if SECONDS in os.environ else None
    if measuring is not None:
        measuring.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        if measuring is not None:
            measuring.switch_context("")


_durations: defaultdict[str, float] = defaultdict(float)
_unusable: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Record the duration of a test. A test that fails or is skipped is not used."""
    _durations[report.nodeid] += report.duration
    if not report.passed:
        _unusable.add(report.nodeid)
    if report.failed:
        _note(report.nodeid, failed=True)


def _note(test: str, *, failed: bool) -> None:
    if file := os.environ.get(CURRENT):
        Path(file).write_text(json.dumps([test, failed]), encoding="utf-8")


def pytest_sessionfinish() -> None:
    """Write the durations, with null for a test that is not used."""
    if file := os.environ.get(SECONDS):
        usable = {test: None if test in _unusable else s for test, s in _durations.items()}
        Path(file).write_text(json.dumps(usable), encoding="utf-8")
