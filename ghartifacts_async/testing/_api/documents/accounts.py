"""The JSON of users, apps and installations."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime

from ghartifacts_async.testing._api.auth.apps import Installation
from ghartifacts_async.testing._shared.artifact import node_id, timestamp

LONG_AGO = datetime(2011, 1, 25, 18, 44, 36, tzinfo=UTC)
"""When every user was created."""

_GHES_BASE = "/api/v3"
_USER_URLS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}

_USAGE = {
    "private_gists": 0,
    "total_private_repos": 0,
    "owned_private_repos": 0,
    "disk_usage": 0,
    "collaborators": 0,
}


def web_url(api_url: str) -> str:
    """Return the base URL of the web pages of the server."""
    return api_url.removesuffix(_GHES_BASE)


def user_id(login: str) -> int:
    """Return the id of a user, which depends only on the login."""
    return zlib.crc32(login.lower().encode())


def account_document(
    login: str, api_url: str, *, is_organization: bool = False
) -> dict[str, object]:
    """Return a user or an organization in the short form that other documents contain."""
    kind = "Organization" if is_organization else "User"
    number, url = user_id(login), f"{api_url}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": node_id(kind, number),
        "avatar_url": f"{web_url(api_url)}/avatars/u/{number}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{web_url(api_url)}/{login}",
        **{key: url + rest for key, rest in _USER_URLS.items()},
        "type": kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user_document(
    login: str, api_url: str, *, public_repos: int, is_organization: bool = False
) -> dict[str, object]:
    """Return a user or an organization as anyone can see it."""
    return {
        **account_document(login, api_url, is_organization=is_organization),
        **_profile(login, public_repos),
        "company": None,
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
    }


def private_user_document(login: str, api_url: str, *, public_repos: int) -> dict[str, object]:
    """Return the user whose token it is."""
    return {
        **public_user_document(login, api_url, public_repos=public_repos),
        **_USAGE,
        "user_view_type": "private",
        "notification_email": None,
        "two_factor_authentication": True,
        "plan": {"name": "free", "space": 976562499, "collaborators": 0, "private_repos": 10000},
    }


def organization_document(login: str, api_url: str, *, public_repos: int) -> dict[str, object]:
    """Return an organization in its long form."""
    url, number = f"{api_url}/orgs/{login}", user_id(login)
    return {
        **_profile(login, public_repos),
        **_USAGE,
        "login": login,
        "id": number,
        "node_id": node_id("Organization", number),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{web_url(api_url)}/avatars/u/{number}?v=4",
        "html_url": f"{web_url(api_url)}/{login}",
        "description": None,
        "company": "",
        "location": "",
        "email": "",
        "twitter_username": None,
        "is_verified": False,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "web_commit_signoff_required": False,
        "archived_at": None,
        "type": "Organization",
        "plan": {
            "name": "free",
            "space": 976562499,
            "private_repos": 10000,
            "filled_seats": 1,
            "seats": 1,
        },
    }


def _profile(login: str, public_repos: int) -> dict[str, object]:
    """Return what users and organizations share."""
    return {
        "name": login,
        "blog": "",
        "public_repos": public_repos,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": timestamp(LONG_AGO),
        "updated_at": timestamp(LONG_AGO),
    }


def app_document(
    installations: Sequence[Installation], api_url: str, *, is_organization: bool
) -> dict[str, object]:
    """Return the app that all these installations belong to.

    Args:
        installations: The installations. The account of the first owns the app.
        api_url: The API's base URL.
        is_organization: Whether the owner is an organization.
    """
    first = installations[0]
    number, slug = app_number(first.app), _app_slug(first.app)
    created = timestamp(first.created_at)
    return {
        "id": number,
        "client_id": f"Iv1.{number:016x}",
        "slug": slug,
        "node_id": node_id("Integration", number),
        "owner": account_document(first.account, api_url, is_organization=is_organization),
        "name": slug,
        "description": "An app of FakeGitHub",
        "external_url": web_url(api_url),
        "html_url": f"{web_url(api_url)}/apps/{slug}",
        "created_at": created,
        "updated_at": created,
        "permissions": dict(first.grant.permissions),
        "events": [],
        "installations_count": len(installations),
    }


def installation_document(
    installation: Installation, api_url: str, *, is_organization: bool
) -> dict[str, object]:
    """Return an installation of an app.

    Args:
        installation: The installation.
        api_url: The API's base URL.
        is_organization: Whether its account is an organization.
    """
    created, account = timestamp(installation.created_at), installation.account
    settings = f"organizations/{account}/settings" if is_organization else "settings"
    number = app_number(installation.app)
    return {
        "id": installation.id,
        "client_id": f"Iv1.{number:016x}",
        "account": account_document(account, api_url, is_organization=is_organization),
        "repository_selection": installation.repository_selection,
        "access_tokens_url": f"{api_url}/app/installations/{installation.id}/access_tokens",
        "repositories_url": f"{api_url}/installation/repositories",
        "html_url": f"{web_url(api_url)}/{settings}/installations/{installation.id}",
        "app_id": number,
        "app_slug": _app_slug(installation.app),
        "target_id": user_id(account),
        "target_type": "Organization" if is_organization else "User",
        "permissions": dict(installation.grant.permissions),
        "events": [],
        "created_at": created,
        "updated_at": created,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }


def app_number(app: str) -> int:
    """Return the numeric id of an app, which is derived from a client id."""
    return int(app) if app.isdecimal() else user_id(app)


def _app_slug(app: str) -> str:
    return f"fake-app-{app_number(app)}"
