"""The tests of a line: measured by folder, chosen for a mutant, and run."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

import coverage
from attrs import field, frozen

from benchmarks.mutation._plugin import CHOSEN, CURRENT, PLUGIN, SECONDS

LEFT_OUT = {"architecture", "benchmarks", "campaigns", "recipes", "stores"}
"""Folders of tests that test something else, or that take too long."""

BUDGET = 60.0
"""The measured seconds of the tests that run for one mutant."""

EXAMPLES_SHARE = 0.2
"""The share of the examples of property tests that are tried, the same ones in each run."""

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


class Stopped(Exception):
    """The mutation run was interrupted while tests ran."""


@frozen
class Outcome:
    """How a run of tests ended.

    Attributes:
        failure: An empty string if all tests passed, or the end of the output.
        test: The node id of the test that failed or took too long, or "" if pytest itself failed.
        timed_out: Whether a test took too long.
    """

    failure: str = ""
    test: str = ""
    timed_out: bool = False


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

    def fastest(
        self, tests: Iterable[str], preferred: Collection[str] = (), budget: float = BUDGET
    ) -> dict[str, float]:
        """Return the fastest tests that fit into the budget, at least one, with their seconds.

        Args:
            tests: The node ids of the tests.
            preferred: Tests to take before all others.
            budget: Measured seconds of the returned tests.
        """
        chosen: dict[str, float] = {}
        for test in sorted(tests, key=lambda test: (test not in preferred, self.seconds[test])):
            budget -= self.seconds[test]
            if chosen and budget < 0:
                break
            chosen[test] = self.seconds[test]
        return chosen


def folders_of_tests(root: Path) -> list[str]:
    """Return the folders that have tests and are not left out."""
    folders = {path.relative_to(root / "tests").parts[0] for path in _files(root, "*")}
    return sorted(folders - LEFT_OUT)


def _files(root: Path, folder: str) -> list[Path]:
    return sorted((root / "tests").glob(f"{folder}/**/test_*.py"))


def digest(root: Path, folder: str) -> str:
    """Return a digest of the package, of a folder's tests and of the code that all tests share."""
    others = set(_files(root, "*")) - set(_files(root, folder) if folder else ())
    found = hashlib.sha256()
    for directory in ("ghartifacts_async", "tests"):
        for path in sorted(set((root / directory).rglob("*.py")) - others):
            found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def digests_of_files(root: Path) -> dict[str, str]:
    """Return a digest of the package, of the code that tests share and of one file, for each."""
    shared = digest(root, "").encode()
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(shared + path.read_bytes()).hexdigest()
        for path in _files(root, "*")
    }


def merge(parts: Sequence[Measurement]) -> Measurement:
    """Return one measurement of the tests of several."""
    seconds: dict[str, float] = {}
    lines: dict[str, dict[int, set[str]]] = {}
    for part in parts:
        seconds |= part.seconds
        for file, executed in part.lines.items():
            for line, tests in executed.items():
                lines.setdefault(file, {}).setdefault(line, set()).update(tests)
    if not lines:
        raise MutationRunError("no test executed a line of the package")
    of = hashlib.sha256("\n".join(sorted(part.digest for part in parts)).encode()).hexdigest()
    return Measurement(of, seconds, lines, sum(part.total for part in parts))


def measure(root: Path, folder: str, of: str, stop: Event) -> Measurement:
    """Run the tests of a folder under coverage.

    Args:
        root: The copy of the project.
        folder: The name of the folder.
        of: The digest of the measurement.
        stop: Stops the tests when it is set.

    Raises:
        MutationRunError: pytest could not run the tests.
        Stopped: `stop` was set.
    """
    files = [path.relative_to(root).as_posix() for path in _files(root, folder)]
    if not files:
        raise MutationRunError(f"tests/{folder} has no tests")
    lines: dict[str, dict[int, set[str]]] = {}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        settings = directory / "settings"
        settings.write_text(_COVERAGE.format(directory=directory, root=root), encoding="utf-8")
        # With this variable, each Python process measures itself.
        variables = {SECONDS: str(directory / "seconds"), "COVERAGE_PROCESS_START": str(settings)}
        run = _Run(root, files, variables)
        if run.wait(math.inf, stop) not in {0, 1}:
            raise MutationRunError(f"pytest could not measure the tests:\n{run.output()}")
        durations: dict[str, float | None] = json.loads((directory / "seconds").read_bytes())
        for file, line, tests in _executed(directory):
            lines.setdefault(file, {}).setdefault(line, set()).update(tests)
    seconds = {test: each for test, each in durations.items() if each is not None}
    return Measurement(of, seconds, lines, len(durations))


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


def run(root: Path, tests: Mapping[str, float], patience: float, stop: Event) -> Outcome:
    """Run tests in a copy of the project, in the given order, until one fails.

    A test may take three times the measured seconds of the slowest test and ten more, times the
    patience. The whole run may take three times the measured seconds and 120 more, in which pytest
    starts, times the patience.

    Args:
        root: The copy of the project.
        tests: The node ids of the tests, with their measured seconds.
        patience: The factor of the time limits.
        stop: Stops the tests when it is set.

    Raises:
        Stopped: `stop` was set.
    """
    chosen, current = root / "chosen.json", root / "current.json"
    chosen.write_text(json.dumps(list(tests)), encoding="utf-8")
    current.write_text(json.dumps(["", False]), encoding="utf-8")
    limit = patience * (3 * max(tests.values()) + 10)
    settings = ["faulthandler_exit_on_timeout=true", f"faulthandler_timeout={limit}"]
    options = ["-x", *(option for setting in settings for option in ("-o", setting))]
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    started = _Run(root, [*options, *files], {CHOSEN: str(chosen), CURRENT: str(current)})
    status = started.wait(patience * (3 * sum(tests.values()) + 120), stop)
    if status == 0:
        return Outcome()
    test, failed = json.loads(current.read_bytes())
    # If a test takes too long, faulthandler exits with 1, as pytest does after a failed test, and
    # as Python does if pytest cannot start.
    timed_out = status is None or (status == 1 and test != "" and not failed)
    return Outcome(started.output() or f"exit status {status}", test, timed_out)


class _Run:
    """A process that runs pytest with this plugin, in a process group of its own."""

    def __init__(self, root: Path, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        for leftover in (".hypothesis", "tmp"):  # Each run starts with the same files.
            shutil.rmtree(root / leftover, ignore_errors=True)
        (root / "tmp").mkdir()
        environment = {**os.environ, **variables, "TMPDIR": str(root / "tmp")}
        environment["EXAMPLES_SHARE"] = str(EXAMPLES_SHARE)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        path = filter(None, [str(root), os.environ.get("PYTHONPATH")])
        environment["PYTHONPATH"] = os.pathsep.join(path)
        options = ["-q", "-p", "no:cacheprovider", "-p", PLUGIN, "--hypothesis-seed=0"]
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

    def wait(self, limit: float, stop: Event) -> int | None:
        """Wait, and return the exit status, or None if the process does not end in time.

        Args:
            limit: Seconds to wait.
            stop: Ends the process when it is set.

        Raises:
            Stopped: `stop` was set.
        """
        end = time.monotonic() + limit
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        ended = None
        try:
            while ended is None and time.monotonic() < end:
                if stop.wait(0.05):
                    raise Stopped
                ended = os.waitid(os.P_PID, self._process.pid, flags)
        finally:
            status = self._stop()
        return status if ended else None

    def _stop(self) -> int:
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
