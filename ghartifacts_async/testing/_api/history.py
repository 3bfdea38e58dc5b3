"""The history of commits: their ancestors, and the newest that two of them share."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import count

from ghartifacts_async.testing._shared.repository import FakeCommit


def ancestors(commits: Mapping[str, FakeCommit], start: FakeCommit) -> Iterator[FakeCommit]:
    """Yield a commit and its ancestors in the order of `git log`.

    The newest of the commits whose child has been yielded is next.
    """
    numbers = count()
    queue = [(-start.committed_at.timestamp(), next(numbers), start)]
    queued = {start.sha}
    while queue:
        commit = heapq.heappop(queue)[2]
        yield commit
        for sha in commit.parents:
            if sha not in queued:
                queued.add(sha)
                parent = commits[sha]
                heapq.heappush(queue, (-parent.committed_at.timestamp(), next(numbers), parent))


def merge_base(
    commits: Mapping[str, FakeCommit], base: FakeCommit, head: FakeCommit
) -> FakeCommit | None:
    """Return the newest of the best common ancestors of two commits, or None if they have none.

    Source:
        https://git-scm.com/docs/git-merge-base
    """
    of_base = {commit.sha for commit in ancestors(commits, base)}
    common = [commit for commit in ancestors(commits, head) if commit.sha in of_base]
    # Any other common ancestor is reached from a best one through its parents.
    reached = {sha for commit in common for sha in commit.parents}
    return next((commit for commit in common if commit.sha not in reached), None)
