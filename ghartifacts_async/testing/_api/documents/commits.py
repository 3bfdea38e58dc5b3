"""The JSON of commits and of their comparison."""

from __future__ import annotations

from urllib.parse import quote

from ghartifacts_async.testing._api.documents.accounts import account_document, web_url
from ghartifacts_async.testing._shared.artifact import timestamp
from ghartifacts_async.testing._shared.repository import FakeCommit, Repository


def person_document(login: str) -> dict[str, object]:
    """Return the name and the address that a commit records."""
    return {"name": login, "email": f"{login}@users.noreply.github.com"}


def commit_document(
    commit: FakeCommit, repository: Repository, api_url: str, *, with_files: bool = False
) -> dict[str, object]:
    """Return a commit.

    Args:
        commit: The commit.
        repository: The repository through which it is seen.
        api_url: The API's base URL.
        with_files: Whether to include the changed files, of which there are none.
    """
    base = f"{api_url}/repos/{repository.full_name}"
    web = f"{web_url(api_url)}/{repository.full_name}"
    person = {**person_document(commit.author), "date": timestamp(commit.committed_at)}
    user = account_document(commit.author, api_url)
    tree = tree_sha(commit.sha)
    changes = {"stats": {"total": 0, "additions": 0, "deletions": 0}, "files": []}
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "commit": {
            "author": person,
            "committer": person,
            "message": commit.message,
            "tree": {"sha": tree, "url": f"{base}/git/trees/{tree}"},
            "url": f"{base}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{base}/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "comments_url": f"{base}/commits/{commit.sha}/comments",
        "author": user,
        "committer": user,
        "parents": [
            {"sha": sha, "url": f"{base}/commits/{sha}", "html_url": f"{web}/commit/{sha}"}
            for sha in commit.parents
        ],
        **(changes if with_files else {}),
    }


def branch_document(
    name: str, newest: FakeCommit, repository: Repository, api_url: str
) -> dict[str, object]:
    """Return a branch, which is not protected."""
    path = quote(name, safe="/")
    url = f"{api_url}/repos/{repository.full_name}/branches/{path}"
    html_url = f"{web_url(api_url)}/{repository.full_name}/tree/{path}"
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    return {
        "name": name,
        "commit": commit_document(newest, repository, api_url),
        "_links": {"self": url, "html": html_url},
        "protected": False,
        "protection": {"enabled": False, "required_status_checks": checks},
        "protection_url": f"{url}/protection",
    }


def short_branch_document(
    name: str, sha: str, repository: Repository, api_url: str
) -> dict[str, object]:
    """Return a branch in the short form that listings contain."""
    url = f"{api_url}/repos/{repository.full_name}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": False}


def tree_sha(sha: str) -> str:
    """Return the SHA of the files of a commit."""
    return sha[::-1]
