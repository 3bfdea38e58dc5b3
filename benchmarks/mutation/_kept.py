"""The directory that keeps measured tests and results, so that a run can be continued."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.mutation._mutants import Mutant
from benchmarks.mutation._report import Result
from benchmarks.mutation._tests import Measurement


class Kept:
    """Measured tests and results in a directory.

    A measurement of a folder of tests is used again while the package, the folder and the code that
    tests share are the same. That a mutant was killed counts while the package, the file of the
    test that killed it and the code that tests share are the same; that it survived, while the
    measurements are the same. After a change, the test that killed a mutant before runs first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._results = directory / "results.jsonl"

    def measurement(self, folder: str, digest: str) -> Measurement | None:
        """Return the measurement of a folder of tests, or None if there is none of this digest."""
        path = self._directory / folder
        if not path.exists():
            return None
        measurement: Measurement = pickle.loads(path.read_bytes())
        return measurement if measurement.digest == digest else None

    def add_measurement(self, folder: str, measurement: Measurement) -> None:
        """Keep the measurement of a folder of tests."""
        unfinished = self._directory / f"{folder}.new"
        unfinished.write_bytes(pickle.dumps(measurement))
        unfinished.replace(self._directory / folder)

    def results(
        self, sample: Sequence[Mutant], digest: str, files: Mapping[str, str]
    ) -> tuple[dict[Mutant, Result], dict[Mutant, str]]:
        """Return the results of mutants, and the tests that killed mutants before a change.

        Args:
            sample: The mutants.
            digest: The digest of the measurement.
            files: The digest of each file of tests.
        """
        mutants = {mutant.key: mutant for mutant in sample}
        results: dict[Mutant, Result] = {}
        killers: dict[Mutant, str] = {}
        text = self._results.read_text(encoding="utf-8") if self._results.exists() else ""
        for line in text.splitlines():
            try:
                key, of, fields = json.loads(line)
            except ValueError:  # an empty line, or one whose writer was killed
                continue
            if (mutant := mutants.get(tuple(key))) is None:
                continue
            result = Result(mutant, **fields)
            if of == _digest_for(result, digest, files):
                results[mutant] = result
            killers[mutant] = fields["killer"]
        return results, killers

    def add_result(self, result: Result, digest: str, files: Mapping[str, str]) -> None:
        """Keep a result.

        Args:
            result: The result.
            digest: The digest of the measurement.
            files: The digest of each file of tests.
        """
        fields = {
            "difference": result.difference,
            "killed": result.killed,
            "tests": result.tests,
            "timed_out": result.timed_out,
            "killer": result.killer,
        }
        of = _digest_for(result, digest, files)
        # The line break comes first, because a killed process may have left a part of a line.
        with self._results.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps([result.mutant.key, of, fields]))


def _digest_for(result: Result, digest: str, files: Mapping[str, str]) -> str:
    """Return the digest of all on which a result depends."""
    return files.get(result.killer.partition("::")[0], digest) if result.killed else digest
