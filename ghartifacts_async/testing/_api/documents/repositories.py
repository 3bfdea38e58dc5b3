"""The JSON of repositories, in its short and its long form."""

from __future__ import annotations

from ghartifacts_async.testing._api.documents.accounts import account_document, web_url
from ghartifacts_async.testing._shared.artifact import node_id, timestamp
from ghartifacts_async.testing._shared.repository import Repository

_REPOSITORY_URLS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def repository_document(repository: Repository, api_url: str) -> dict[str, object]:
    """Return a repository in the short form that other documents contain."""
    url = f"{api_url}/repos/{repository.full_name}"
    return {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": _owner(repository, api_url),
        "html_url": f"{web_url(api_url)}/{repository.full_name}",
        "description": None,
        "fork": repository.parent is not None,
        "url": url,
        **{key: url + rest for key, rest in _REPOSITORY_URLS.items()},
    }


def full_repository_document(
    repository: Repository, api_url: str, *, with_permissions: bool
) -> dict[str, object]:
    """Return a repository in the long form.

    Args:
        repository: The repository.
        api_url: The API's base URL.
        with_permissions: Whether to include what the sender may do.
    """
    web = f"{web_url(api_url)}/{repository.full_name}"
    host = web_url(api_url).partition("://")[2]
    created = timestamp(repository.created_at)
    roles = {"admin": True, "maintain": True, "push": True, "triage": True, "pull": True}
    fork: dict[str, object] = {}
    if repository.parent is not None:
        parent = full_repository_document(repository.parent, api_url, with_permissions=False)
        fork = {"parent": parent, "source": parent}
    organization: dict[str, object] = {}
    if repository.owned_by_organization:
        organization = {"organization": _owner(repository, api_url), "custom_properties": {}}
    return {
        **repository_document(repository, api_url),
        "created_at": created,
        "updated_at": created,
        "pushed_at": created,
        "git_url": f"git://{host}/{repository.full_name}.git",
        "ssh_url": f"git@{host}:{repository.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        "size": 108,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "has_pull_requests": True,
        "pull_request_creation_policy": "all",
        "forks_count": 0,
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": 0,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if repository.private else "public",
        "forks": 0,
        "open_issues": 0,
        "watchers": 0,
        "default_branch": "main",
        "network_count": 0,
        "subscribers_count": 0,
        "temp_clone_token": "",
        **fork,
        **organization,
        **({"permissions": roles} if with_permissions else {}),
    }


def _owner(repository: Repository, api_url: str) -> dict[str, object]:
    return account_document(
        repository.owner, api_url, is_organization=repository.owned_by_organization
    )
