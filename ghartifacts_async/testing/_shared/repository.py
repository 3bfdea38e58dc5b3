"""`Repository`: the data of one repository; `FakeCommit`: a commit of it."""

from __future__ import annotations

from datetime import datetime

import attrs

from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.run import FakeRun, Workflow

DEFAULT_BRANCH = "main"
_SHORTEST_SHA = 4


@attrs.frozen
class FakeCommit:
    """A commit of a `FakeGitHub`.

    Attributes:
        sha: The commit's SHA.
        parents: The SHAs of its parents. A merge commit has several, and the first commit none.
        message: The message.
        author: The login of its author and committer.
        committed_at: When it was committed.
        files: The paths of the files that it changes.
    """

    sha: str
    parents: tuple[str, ...]
    message: str
    author: str
    committed_at: datetime
    files: tuple[str, ...] = ()


@attrs.define(eq=False)
class Repository:
    """A repository.

    Attributes:
        id: The numeric id.
        full_name: `"owner/name"`.
        private: Whether the repository is hidden from requests without a token.
        created_at: When the repository was added.
        parent: The repository that this one is a fork of, or None.
        owned_by_organization: Whether the owner is an organization, and not a user.
        branches: The SHA of the newest commit of each branch.
        workflows: The workflows by the path of their file.
        runs: The workflow runs, oldest first: sorted by creation time and then by id.
        artifacts: The artifacts, oldest first: sorted by creation time and then by id.
    """

    id: int
    full_name: str
    private: bool
    created_at: datetime
    parent: Repository | None = None
    owned_by_organization: bool = False
    branches: dict[str, str] = attrs.field(factory=dict)
    workflows: dict[str, Workflow] = attrs.field(factory=dict)
    runs: list[FakeRun] = attrs.field(factory=list)
    artifacts: list[FakeArtifact] = attrs.field(factory=list)
    _commits: dict[str, FakeCommit] = attrs.field(factory=dict)

    @property
    def owner(self) -> str:
        """The login of the owner."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """The name without the owner."""
        return self.full_name.partition("/")[2]

    @property
    def commits(self) -> dict[str, FakeCommit]:
        """The commits by their SHA, oldest addition first. A repository shares them with its forks.

        Source:
            https://docs.github.com/repositories/viewing-activity-and-data-for-your-repository/understanding-connections-between-repositories
        """
        return self._commits if self.parent is None else self.parent.commits

    def commit(self, reference: str) -> FakeCommit | None:
        """Find a commit by its SHA, by the beginning of its SHA, or as the newest of a branch."""
        branch = DEFAULT_BRANCH if reference == "HEAD" else reference.removeprefix("refs/")
        for name in (branch, branch.removeprefix("heads/")):
            if name in self.branches:
                return self.commits[self.branches[name]]
        if len(reference) < _SHORTEST_SHA:
            return None
        found = [sha for sha in self.commits if sha.startswith(reference.lower())]
        return self.commits[found[0]] if len(found) == 1 else None

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
