"""The command line: ``python -m benchmarks.mutation``."""

from __future__ import annotations

import argparse
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from threading import Event

from attrs import frozen

from benchmarks.mutation import _mutants, _report, _tests
from benchmarks.mutation._jobs import work_through
from benchmarks.mutation._kept import Kept
from benchmarks.mutation._mutants import Mutant
from benchmarks.mutation._report import Result
from tests.architecture import structure

_ROOT = Path(__file__).parents[2]
_VERDICTS = Path(__file__).with_name("verdicts.toml")
_CONSTANT = re.compile("([A-Z_0-9]+) *[:=]")
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".*cache", ".hypothesis", "__pycache__", "build", "dist", "site"
)


def main() -> None:
    """Run the mutants and write the report."""
    options = _parser().parse_args()
    if sys.platform == "win32":
        sys.exit("the mutation run needs process groups, which Windows does not have")
    if structure.PACKAGE.parent != _ROOT:
        sys.exit(f"the tests would import the package from {structure.PACKAGE}, not from {_ROOT}")
    # Clean up after SIGTERM as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
            _run(options, Path(directory).resolve())
    except _tests.MutationRunError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\ninterrupted")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutation",
        description="Change the package in one place at a time, and see whether a test notices.",
    )
    add = parser.add_argument
    add("--seed", type=int, default=1, help="the seed of the sample (default: 1)")
    add("--sample", type=_number, default=800, help="the number of mutants (default: 800)")
    add("--modules", nargs="+", default=["*"], metavar="PATTERN", help="such as '_api.*' auth")
    add("--pure", action="store_true", help="only pure modules")
    add("--tests", nargs="+", default=[], metavar="FOLDER", help="folders of tests, such as api")
    add("--jobs", type=_number, default=2, help="the number of test runs at a time (default: 2)")
    add("--seconds", type=float, default=float("inf"), help="start no mutant after this time")
    add("--keep", type=Path, metavar="DIRECTORY", help="keep results here, and continue from them")
    add("--output", type=Path, default=_ROOT / "benchmarks" / "MUTATION.md", help="the report")
    return parser


def _number(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _run(options: argparse.Namespace, directory: Path) -> None:
    end = time.monotonic() + options.seconds
    verdicts = _report.Verdicts.read(_VERDICTS)
    sources = structure.sources()
    names = [
        name
        for name in sources
        if any(fnmatchcase(name, pattern) for pattern in options.modules)
        and (name in structure.PURE or not options.pure)
    ]
    mutants = [mutant for name in names for mutant in _mutants.find(name, sources[name])]
    sample = _mutants.sample(
        mutants,
        options.sample,
        options.seed,
        lambda mutant: _mutants.apply(mutant, sources[mutant.module]) is not None,
    )
    # The tests of pure modules are the fastest.
    sample.sort(key=lambda mutant: mutant.module not in structure.PURE)
    _print(f"{len(sample)} of {len(mutants)} mutants in {len(names)} modules")
    # Each job has a copy of the project, so that it disturbs neither others nor the checkout.
    copies = [directory / str(at) for at in range(options.jobs)]
    for copy in copies:
        shutil.copytree(_ROOT, copy, ignore=_NOT_COPIED)
    kept = Kept(options.keep or directory / "kept")
    measurement = _measure(options.tests or _tests.folders_of_tests(_ROOT), kept, copies)
    digests = _tests.digests_of_files(_ROOT)
    known, killers = kept.results(sample, measurement.digest, digests)
    if known:
        _print(f"{len(known)} mutants have a result in {options.keep}")
    else:
        outcome = _tests.run(copies[0], measurement.fastest(measurement.seconds), 4, Event())
        if outcome.failure:
            raise _tests.MutationRunError(f"the tests fail without a mutant:\n{outcome.failure}")
    runner = _Runner(measurement, killers, end)
    results = dict(known)
    missing = [mutant for mutant in sample if mutant not in known]
    for result in work_through(missing, runner.run, copies):
        if result is None:
            continue
        kept.add_result(result, measurement.digest, digests)
        results[result.mutant] = result
        mutant = result.mutant
        killed = "killed by time" if result.timed_out else "killed"
        _print(
            f"{len(results)}/{len(sample)} {killed if result.killed else 'SURVIVED'}: "
            f"{mutant.module}:{mutant.line} {mutant.operator}, {result.tests} tests"
        )
    ordered = [results[mutant] for mutant in sample if mutant in results]
    early = "" if len(results) == len(sample) else f"; the time was too short for {len(sample)}"
    facts = {
        "sample": f"{len(results)} of {len(mutants)} mutants in {len(names)} modules, drawn with "
        f"seed {options.seed}{early}",
        "tests": f"{len(measurement.seconds)} of {measurement.total} pass and are used, at most "
        f"{_tests.BUDGET:.0f} s of them for each mutant, with {_tests.EXAMPLES_SHARE:.0%} of the "
        f"examples of property tests",
        **_surroundings(),
    }
    text = _report.report(facts, ordered, verdicts, structure.PURE)
    options.output.write_text(text, encoding="utf-8")
    print(_report.scores(ordered, verdicts, structure.PURE))


def _measure(folders: Sequence[str], kept: Kept, copies: Sequence[Path]) -> _tests.Measurement:
    """Measure the tests of folders whose measurement is not kept."""
    digests = {folder: _tests.digest(_ROOT, folder) for folder in folders}
    found = {folder: kept.measurement(folder, digest) for folder, digest in digests.items()}

    def measure(copy: Path, folder: str, stop: Event) -> _tests.Measurement:
        _print(f"measuring tests/{folder} …")
        measurement = _tests.measure(copy, folder, digests[folder], stop)
        kept.add_measurement(folder, measurement)
        return measurement

    missing = [folder for folder, measurement in found.items() if measurement is None]
    return _tests.merge([*filter(None, found.values()), *work_through(missing, measure, copies)])


@frozen
class _Runner:
    """Runs the tests of mutants until the end of the time."""

    measurement: _tests.Measurement
    killers: Mapping[Mutant, str]
    end: float

    def run(self, copy: Path, mutant: Mutant, stop: Event) -> Result | None:
        """Run the tests of a mutant in a copy of the project. Return None if the time is over."""
        if time.monotonic() > self.end:
            return None
        original = structure.sources()[mutant.module]
        mutated = _mutants.apply(mutant, original)
        assert mutated is not None, "the sample has only usable mutants"
        difference = _mutants.difference(original, mutated)
        found = self._tests_of(mutant)
        # The methods that attrs generates from a class belong to no line of the module.
        beside = self.measurement.seconds if mutant.runs_at_import else found
        preferred = self._tests_of_users(mutant) | _tests_beside(beside, mutant.module)
        usable = self.measurement.seconds.keys() & (found | preferred)
        tests = self.measurement.fastest(usable, preferred)
        if not tests:
            return Result(mutant, difference, killed=False, tests=0)
        path = copy / structure.PACKAGE.name / _file(mutant.module)
        # Bytecode counts as up to date if the size and the second of the change are the same.
        bytecode = Path(cache_from_source(str(path)))
        try:
            bytecode.unlink(missing_ok=True)
            path.write_text(mutated, encoding="utf-8")
            outcome = _tests.run(copy, _first(self.killers.get(mutant), tests), 1, stop)
            if outcome.timed_out:
                # A machine may be busy for some time, so a test has to exceed a longer limit, too.
                outcome = _tests.run(copy, _first(outcome.test, tests), 4, stop)
        finally:
            path.write_text(original, encoding="utf-8")
            bytecode.unlink(missing_ok=True)
        killed = bool(outcome.failure)
        return Result(mutant, difference, killed, len(tests), outcome.timed_out, outcome.test)

    def _tests_of(self, mutant: Mutant) -> set[str]:
        """Return the tests that execute the line of a mutant.

        If no test executes a line of the module after its import, these are the tests of the
        modules that import it. Such a module has, for example, only constants.
        """
        line = None if mutant.runs_at_import else mutant.line
        found = self.measurement.tests_of_line(_file(mutant.module), mutant.statement, line)
        if found or line is not None:
            return found
        graph = structure.graph()
        importers = [name for name, imported in graph.items() if mutant.module in imported]
        return set().union(*map(self.measurement.tests_of_file, map(_file, importers)))

    def _tests_of_users(self, mutant: Mutant) -> set[str]:
        """Return the tests that execute a line with the name of the constant that is mutated."""
        line = structure.sources()[mutant.module].split("\n")[mutant.statement[0] - 1]
        constant = _CONSTANT.match(line)
        if constant is None or not mutant.runs_at_import:
            return set()
        word = re.compile(rf"\b{constant[1]}\b")
        return {
            test
            for module, text in structure.sources().items()
            for number, line in enumerate(text.split("\n"), 1)
            if word.search(line)
            for test in self.measurement.lines.get(_file(module), {}).get(number, ())
        }


def _tests_beside(tests: Iterable[str], module: str) -> set[str]:
    """Return the tests in the folder that is named as the package of a module.

    They test what the package promises, while other tests only use it.
    """
    package = module.partition(".")[0].lstrip("_")
    return {test for test in tests if test.startswith((f"tests/{package}/", "tests/public/"))}


def _first(test: str | None, tests: Mapping[str, float]) -> dict[str, float]:
    """Return the tests with one of them at the first place."""
    return {name: tests[name] for name in sorted(tests, key=lambda name: name != test)}


def _file(module: str) -> str:
    """Return the path of a module below the package."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (structure.PACKAGE / path).is_dir() else f"{path}.py"


def _surroundings() -> dict[str, str]:
    git = ["git", "-C", str(_ROOT), "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "command": f"`{shlex.join(['python', '-m', 'benchmarks.mutation', *sys.argv[1:]])}`",
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit or "unknown",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, "
        f"cosmic-ray {version('cosmic-ray')}",
    }


_print = partial(print, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
