"""The JSON of pull requests."""

from __future__ import annotations

from collections.abc import Sequence

from ghartifacts_async.testing._api.documents.accounts import account_document, web_url
from ghartifacts_async.testing._api.documents.repositories import full_repository_document
from ghartifacts_async.testing._shared.artifact import node_id, timestamp
from ghartifacts_async.testing._shared.repository import DEFAULT_BRANCH, Repository
from ghartifacts_async.testing._shared.run import FakeRun

_LINKS = {
    "self": "url",
    "html": "html_url",
    "issue": "issue_url",
    "comments": "comments_url",
    "review_comments": "review_comments_url",
    "review_comment": "review_comment_url",
    "commits": "commits_url",
    "statuses": "statuses_url",
}


def pull_request_id(repository: Repository, number: int) -> int:
    """Return the id of a pull request."""
    return repository.id * 1000 + number


def base_sha(repository: Repository, run: FakeRun) -> str:
    """Return the commit of the default branch, into which the commit of a run would be merged."""
    return repository.branches.get(DEFAULT_BRANCH) or run.head_sha[::-1]


def pull_request_document(
    runs: Sequence[FakeRun],
    repository: Repository,
    head: Repository | None,
    api_url: str,
    *,
    is_full: bool = False,
) -> dict[str, object]:
    """Return an open pull request.

    Args:
        runs: Its runs, newest first. Its head is the commit of the first.
        repository: The repository into which it would be merged.
        head: The repository of its commits; None if it has been deleted.
        api_url: The API's base URL.
        is_full: Whether to include what a listing leaves out.
    """
    newest, oldest = runs[0], runs[-1]
    number = newest.pull_request
    assert number is not None
    base = f"{api_url}/repos/{repository.full_name}"
    url, issue = f"{base}/pulls/{number}", f"{base}/issues/{number}"
    web = f"{web_url(api_url)}/{repository.full_name}/pull/{number}"
    commit = repository.commits.get(newest.head_sha)
    urls = {
        "url": url,
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": issue,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{base}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": f"{base}/statuses/{newest.head_sha}",
    }
    owner = newest.head_repository.partition("/")[0]
    identity = pull_request_id(repository, number)
    document: dict[str, object] = {
        **urls,
        "id": identity,
        "node_id": node_id("PullRequest", identity),
        "number": number,
        "state": "open",
        "locked": False,
        "title": commit.message.partition("\n")[0] if commit else f"Pull request {number}",
        "user": account_document(oldest.actor, api_url),
        "body": None,
        "labels": [],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": timestamp(oldest.created_at),
        "updated_at": timestamp(newest.updated_at),
        "closed_at": None,
        "merged_at": None,
        "merge_commit_sha": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _side(newest.head_branch, newest.head_sha, owner, head, api_url),
        "base": _side(
            DEFAULT_BRANCH, base_sha(repository, newest), repository.owner, repository, api_url
        ),
        "_links": {name: {"href": urls[key]} for name, key in _LINKS.items()},
        "author_association": "CONTRIBUTOR",
        "auto_merge": None,
        "draft": False,
    }
    return {**document, **_FULL} if is_full else document


_FULL: dict[str, object] = {
    "merged": False,
    "mergeable": True,
    "rebaseable": True,
    "mergeable_state": "clean",
    "merged_by": None,
    "comments": 0,
    "review_comments": 0,
    "maintainer_can_modify": False,
    "commits": 1,
    "additions": 0,
    "deletions": 0,
    "changed_files": 0,
}
"""What a listing of pull requests leaves out. The changes themselves are not modelled."""


def _side(
    branch: str, sha: str, owner: str, repository: Repository | None, api_url: str
) -> dict[str, object]:
    """Return the head or the base of a pull request."""
    user = account_document(
        owner,
        api_url,
        is_organization=repository is not None and repository.owned_by_organization,
    )
    return {
        "label": f"{owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": user,
        "repo": repository
        and full_repository_document(repository, api_url, with_permissions=False),
    }
