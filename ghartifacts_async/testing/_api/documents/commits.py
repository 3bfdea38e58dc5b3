"""The JSON of commits and of their comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
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
        with_files: Whether to include the changed files.
    """
    base = f"{api_url}/repos/{repository.full_name}"
    web = f"{web_url(api_url)}/{repository.full_name}"
    person = {**person_document(commit.author), "date": timestamp(commit.committed_at)}
    user = account_document(commit.author, api_url)
    tree = tree_sha(commit.sha)
    count, files = len(commit.files), file_documents(commit.files, commit.sha, repository, api_url)
    changes = {"stats": {"total": count, "additions": count, "deletions": 0}, "files": files}
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


def file_documents(
    paths: Iterable[str], sha: str, repository: Repository, api_url: str
) -> list[dict[str, object]]:
    """Return the changed files of a commit or a comparison. One line is added to each."""
    web = f"{web_url(api_url)}/{repository.full_name}"
    documents: list[dict[str, object]] = []
    for path in paths:
        quoted = quote(path, safe="/")
        contents = f"{api_url}/repos/{repository.full_name}/contents/{quoted}?ref={sha}"
        documents.append(
            {
                "sha": hashlib.sha256(f"{sha}/{path}".encode()).hexdigest()[:40],
                "filename": path,
                "status": "modified",
                "additions": 1,
                "deletions": 0,
                "changes": 1,
                "blob_url": f"{web}/blob/{sha}/{quoted}",
                "raw_url": f"{web}/raw/{sha}/{quoted}",
                "contents_url": contents,
                "patch": "@@ -0,0 +1 @@\n+A line",
            }
        )
    return documents


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
