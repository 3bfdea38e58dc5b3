"""The tests of a line: measured in one run of pytest, chosen for a mutant, and run.

pytest loads this module as a plugin in both kinds of runs, so it imports nothing of the package.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import coverage
import pytest
from attrs import field, frozen

LEFT_OUT = {"architecture", "benchmarks", "campaigns", "recipes", "stores"}
"""Folders of tests that test something else, or that take too long."""

BUDGET = 60.0
"""The measured seconds of the tests that run for one mutant."""

_SECONDS = "MUTATION_SECONDS"
_CHOSEN = "MUTATION_CHOSEN"
_MEMORY_LIMIT = 4 * 2**30

# A child process reads PYTEST_CURRENT_TEST when it starts, and so counts for the test that started
# it. Tests read the standard error of their child processes, so coverage must not warn there.
_COVERAGE = """[run]
core = ctrace
context = ${{PYTEST_CURRENT_TEST-}}
data_file = {directory}/coverage
disable_warnings = module-not-imported,module-not-measured,no-data-collected
include = {root}/ghartifacts_async/*
parallel = true
"""


class MutationRunError(Exception):
    """The tests cannot be measured, or fail without a mutant."""


@frozen
class Measurement:
    """Which test executes which line, and how long it takes.

    Attributes:
        digest: The digest of the measured package and tests.
        seconds: The duration of each test that passed.
        lines: For each file of the package and each line, the tests that execute it. The name ""
            stands for imports before the first test.
        total: The number of tests, with those that failed or were skipped.
    """

    digest: str
    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[int, Collection[str]]] = field(repr=False)
    total: int = 0

    def tests_of_line(self, file: str, statement: tuple[int, int], line: int | None) -> set[str]:
        """Return the tests that execute a line.

        If no bytecode belongs to the line, these are the tests of the statement around it. All
        tests that execute something in the file belong to a line that is executed at import.

        Args:
            file: The path of the module below the package.
            statement: The first and the last line of the statement.
            line: The line, or None if it is executed at import.
        """
        lines = self.lines.get(file, {})
        if line is None:
            return self.tests_of_file(file)
        executing = set(lines.get(line, ()))
        if not executing:
            first, last = statement
            executing = {test for at in range(first, last + 1) for test in lines.get(at, ())}
        tests = executing & self.seconds.keys()
        return self.tests_of_file(file) if executing == {""} else tests

    def tests_of_file(self, file: str) -> set[str]:
        """Return the tests that execute any line of a module."""
        return self.seconds.keys() & {
            test for tests in self.lines.get(file, {}).values() for test in tests
        }

    def fastest(self, tests: Iterable[str], budget: float = BUDGET) -> tuple[list[str], float]:
        """Return the fastest tests that fit into the budget, at least one, and their seconds."""
        chosen: list[str] = []
        total = 0.0
        for test in sorted(tests, key=lambda test: (self.seconds[test], test)):
            if chosen and total + self.seconds[test] > budget:
                break
            chosen.append(test)
            total += self.seconds[test]
        return chosen, total


def digest(root: Path, files: Sequence[str]) -> str:
    """Return a digest of the package, of the tests and of the names of the measured tests."""
    found = hashlib.sha256("\n".join(files).encode())
    for folder in ("ghartifacts_async", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def files_of_tests(root: Path, folders: Sequence[str]) -> list[str]:
    """Return the files of the tests in some folders, or in all that are not left out."""
    files = [path.relative_to(root) for path in sorted((root / "tests").rglob("test_*.py"))]
    return [
        file.as_posix()
        for file in files
        if (file.parts[1] in folders if folders else file.parts[1] not in LEFT_OUT)
    ]


def measure(copies: Sequence[Path], files: Sequence[str], of: str) -> Measurement:
    """Run the tests under coverage, a part of them in each copy of the project.

    Raises:
        MutationRunError: pytest could not run the tests.
    """
    durations: dict[str, float | None] = {}
    lines: dict[str, dict[int, set[str]]] = {}
    with ExitStack() as stack:
        runs = []
        for at, root in enumerate(copies):
            if share := files[at :: len(copies)]:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                runs.append((directory, _start_measuring(root, share, directory)))
                stack.callback(runs[-1][1].stop)
        for directory, run in runs:
            if run.wait(math.inf) not in {0, 1}:
                raise MutationRunError(f"pytest could not measure the tests:\n{run.output()}")
            durations |= json.loads((directory / "seconds").read_bytes())
            for file, line, tests in _executed(directory):
                lines.setdefault(file, {}).setdefault(line, set()).update(tests)
    if not lines:
        raise MutationRunError("no test executed a line of the package")
    seconds = {test: each for test, each in durations.items() if each is not None}
    return Measurement(of, seconds, lines, len(durations))


def _start_measuring(root: Path, files: Sequence[str], directory: Path) -> _Run:
    settings = directory / "settings"
    settings.write_text(_COVERAGE.format(directory=directory, root=root), encoding="utf-8")
    # With this variable, each Python process measures itself.
    variables = {_SECONDS: str(directory / "seconds"), "COVERAGE_PROCESS_START": str(settings)}
    return _Run(root, files, variables)


def _executed(directory: Path) -> Iterator[tuple[str, int, set[str]]]:
    """Yield files, lines and the tests that executed them."""
    for path in directory.glob("coverage.*"):
        data = coverage.CoverageData(str(path))
        try:
            data.read()
            for file in data.measured_files():
                for line, contexts in data.contexts_by_lineno(file).items():
                    names = {re.sub(r" \((setup|call|teardown)\)$", "", name) for name in contexts}
                    yield file.rpartition("ghartifacts_async/")[2], line, names
        except coverage.CoverageException:  # The process was killed while it wrote the file.
            continue


def run(root: Path, tests: Sequence[str], limit: float) -> str:
    """Run tests in a copy of the project, in the given order, until one fails.

    Args:
        root: The copy of the project.
        tests: The node ids of the tests.
        limit: Seconds after which the tests and their child processes are killed.

    Returns:
        An empty string if all tests pass. Otherwise the end of the output, or a text that says
        that the tests took too long.
    """
    chosen = root / "chosen.json"
    chosen.write_text(json.dumps(tests), encoding="utf-8")
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    started = _Run(root, ["-x", *files], {_CHOSEN: str(chosen)})
    status = started.wait(limit)
    if status is None:
        return f"stopped after {limit:.0f} s"
    return started.output() or f"exit status {status}" if status else ""


class _Run:
    """A process that runs pytest with this plugin, in a process group of its own."""

    def __init__(self, root: Path, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        for leftover in (".hypothesis", "tmp"):  # Each run starts with the same files.
            shutil.rmtree(root / leftover, ignore_errors=True)
        (root / "tmp").mkdir()
        environment = {**os.environ, **variables, "TMPDIR": str(root / "tmp")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        path = filter(None, [str(root), os.environ.get("PYTHONPATH")])
        environment["PYTHONPATH"] = os.pathsep.join(path)
        options = ["-q", "-p", "no:cacheprovider", "-p", __name__, "--hypothesis-seed=0"]
        self._log = root / "output.txt"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, *arguments],
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, limit: float) -> int | None:
        """Wait, and return the exit status, or None if the process does not end in time.

        Args:
            limit: Seconds to wait.
        """
        end = time.monotonic() + limit
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        ended = None
        try:
            while ended is None and time.monotonic() < end:
                time.sleep(0.05)
                ended = os.waitid(os.P_PID, self._process.pid, flags)
        finally:
            status = self.stop()
        return status if ended else None

    def stop(self) -> int:
        """Kill the process and its child processes, and return the exit status.

        The group is killed before its leader is reaped, so its id cannot belong to other processes.
        """
        if self._process.returncode is None:
            with suppress(PermissionError):  # macOS: the leader has ended.
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()

    def output(self) -> str:
        """Return the end of the output."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()


def pytest_configure() -> None:
    """Limit the memory of tests of a mutant, which may collect data in an endless loop."""
    if _CHOSEN in os.environ:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT, _MEMORY_LIMIT))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the chosen tests, in their order."""
    if chosen := os.environ.get(_CHOSEN):
        found = {item.nodeid: item for item in items}
        wanted: list[str] = json.loads(Path(chosen).read_bytes())
        if missing := [test for test in wanted if test not in found]:
            raise pytest.UsageError(f"tests are missing: {missing}")
        items[:] = [found[test] for test in wanted]


def pytest_collection_finish() -> None:
    """Import the whole package, so that no test counts for imports that it causes."""
    if _SECONDS in os.environ:
        for module in pkgutil.walk_packages(["ghartifacts_async"], "ghartifacts_async."):
            with suppress(ImportError):  # An extra is not installed.
                importlib.import_module(module.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Record the lines of a test under its node id."""
    measuring = coverage.Coverage.current() if _SECONDS in os.environ else None
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


def pytest_sessionfinish() -> None:
    """Write the durations, with null for a test that is not used."""
    if file := os.environ.get(_SECONDS):
        usable = {test: None if test in _unusable else s for test, s in _durations.items()}
        Path(file).write_text(json.dumps(usable), encoding="utf-8")
