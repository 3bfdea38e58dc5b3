"""`Repository`: the data of one repository."""

from __future__ import annotations

from datetime import datetime

import attrs

from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.run import FakeRun, Workflow


@attrs.define(eq=False)
class Repository:
    """A repository.

    Attributes:
        id: The numeric id.
        full_name: `"owner/name"`.
        private: Whether the repository is hidden from requests without a token.
        created_at: When the repository was added.
        parent: The repository that this one is a fork of, or None.
        workflows: The workflows by the path of their file.
        runs: The workflow runs, oldest first: sorted by creation time and then by id.
        artifacts: The artifacts, oldest first: sorted by creation time and then by id.
    """

    id: int
    full_name: str
    private: bool
    created_at: datetime
    parent: Repository | None = None
    workflows: dict[str, Workflow] = attrs.field(factory=dict)
    runs: list[FakeRun] = attrs.field(factory=list)
    artifacts: list[FakeArtifact] = attrs.field(factory=list)

    @property
    def owner(self) -> str:
        """The login of the owner."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """The name without the owner."""
        return self.full_name.partition("/")[2]

    def newest_first(
        self, name: str | None = None, run_id: int | None = None
    ) -> list[FakeArtifact]:
        """Return the artifacts, newest first.

        Args:
            name: Return only artifacts with this name; None or "" returns all.
            run_id: Return only artifacts of this run; None returns all.
        """
        if not name and run_id is None:
            return self.artifacts[::-1]
        return [
            artifact
            for artifact in reversed(self.artifacts)
            if (not name or artifact.name == name) and run_id in (None, artifact.run_id)
        ]

    def workflow(self, key: str) -> Workflow | None:
        """Find a workflow by its id or by the name of its file, as the API does."""
        for workflow in self.workflows.values():
            if key in (str(workflow.id), workflow.file_name):
                return workflow
        return None
