"""Faults of run listings: like GitHub's, they can be stale, incomplete and unordered."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.repository import Repository
from ghartifacts_async.testing._shared.run import FakeRun


class RunLists:
    """The runs that listings show. A test can make them differ from the runs that exist.

    Args:
        database: The server's data.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.restore()

    def restore(self) -> None:
        """Remove all faults, so that listings show the current runs."""
        self._shuffle = False
        self._drop = 0.0
        self._random = random.Random(0)  # noqa: S311 - the sequence has to be reproducible
        self._frozen: dict[int, list[FakeRun]] | None = None

    def set(self, *, shuffle: bool, drop: float, freeze: bool, seed: int) -> None:
        """Set the faults; see `FakeGitHub.distort_run_lists`."""
        if not 0 <= drop <= 1:
            raise ValueError(f"drop must be a share from 0 to 1, not {drop}")
        self._shuffle, self._drop = shuffle, drop
        self._random = random.Random(seed)  # noqa: S311 - the sequence has to be reproducible
        self._frozen = None
        if freeze:
            self._frozen = {known.id: known.runs[::-1] for known in self._database.repositories()}

    def runs_of(self, repository: Repository) -> list[FakeRun]:
        """Return the runs of a repository that listings know, newest first."""
        if self._frozen is None:
            return repository.runs[::-1]
        return self._frozen.get(repository.id, [])

    def distort(self, runs: Sequence[FakeRun]) -> Sequence[FakeRun]:
        """Return the runs of a listing with some of them dropped, and in another order."""
        if self._drop:
            runs = [run for run in runs if self._random.random() >= self._drop]
        return self._random.sample(runs, len(runs)) if self._shuffle else runs
