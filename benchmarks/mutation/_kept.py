"""The directory that keeps measured tests and results, so that a run can be continued."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mutation._mutants import Mutant
from benchmarks.mutation._report import Result
from benchmarks.mutation._tests import Measurement


class Kept:
    """Measured tests and results in a directory.

    A measurement of a folder of tests is used again while the package, the folder and the code that
    tests share are the same. A result is used again while the measurement is the same. After a
    change, the test that killed a mutant before runs first.
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
        self, sample: Sequence[Mutant], digest: str
    ) -> tuple[dict[Mutant, Result], dict[Mutant, str]]:
        """Return the results of mutants, and the tests that killed mutants before a change.

        Args:
            sample: The mutants.
            digest: The digest of the measurement.
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
            if of == digest:
                results[mutant] = Result(mutant, **fields)
            killers[mutant] = fields["killer"]
        return results, killers

    def add_result(self, result: Result, digest: str) -> None:
        """Keep a result.

        Args:
            result: The result.
            digest: The digest of the measurement.
        """
        fields = {
            "difference": result.difference,
            "killed": result.killed,
            "tests": result.tests,
            "timed_out": result.timed_out,
            "killer": result.killer,
        }
        # The line break comes first, because a killed process may have left a part of a line.
        with self._results.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps([result.mutant.key, digest, fields]))
