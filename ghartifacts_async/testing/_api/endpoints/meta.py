"""The endpoints about the server and about a repository as a whole."""

from __future__ import annotations

from ghartifacts_async.testing._api.documents.repositories import full_repository_document
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.errors import ApiError, json_response
from ghartifacts_async.testing._api.rate_limits.limiter import RateLimiter
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.messages import Response

_GHES_VERSION = "3.21.0"
_ROOT = {
    "current_user_url": "/user",
    "authorizations_url": "/authorizations",
    "code_search_url": "/search/code?q={query}{&page,per_page,sort,order}",
    "commit_search_url": "/search/commits?q={query}{&page,per_page,sort,order}",
    "emails_url": "/user/emails",
    "emojis_url": "/emojis",
    "events_url": "/events",
    "feeds_url": "/feeds",
    "followers_url": "/user/followers",
    "following_url": "/user/following{/target}",
    "gists_url": "/gists{/gist_id}",
    "hub_url": "/hub",
    "issue_search_url": "/search/issues?q={query}{&page,per_page,sort,order}",
    "issues_url": "/issues",
    "keys_url": "/user/keys",
    "label_search_url": "/search/labels?q={query}&repository_id={repository_id}{&page,per_page}",
    "notifications_url": "/notifications",
    "organization_url": "/orgs/{org}",
    "organization_repositories_url": "/orgs/{org}/repos{?type,page,per_page,sort}",
    "organization_teams_url": "/orgs/{org}/teams",
    "public_gists_url": "/gists/public",
    "rate_limit_url": "/rate_limit",
    "repository_url": "/repos/{owner}/{repo}",
    "repository_search_url": "/search/repositories?q={query}{&page,per_page,sort,order}",
    "current_user_repositories_url": "/user/repos{?type,page,per_page,sort}",
    "starred_url": "/user/starred{/owner}{/repo}",
    "starred_gists_url": "/gists/starred",
    "topic_search_url": "/search/topics?q={query}{&page,per_page}",
    "user_url": "/users/{user}",
    "user_organizations_url": "/user/orgs",
    "user_repositories_url": "/users/{user}/repos{?type,page,per_page,sort}",
    "user_search_url": "/search/users?q={query}{&page,per_page,sort,order}",
}


class MetaEndpoints:
    """The handlers of the endpoints about the server and about a whole repository.

    Args:
        rate_limiter: The rate limits.
        now: The server's clock.
    """

    def __init__(self, rate_limiter: RateLimiter, now: Clock) -> None:
        self._rate_limiter = rate_limiter
        self._now = now

    def root(self, call: EndpointCall) -> Response:
        """Return the URLs of the API."""
        web = call.api_url.removesuffix(call.route.base)
        authorizations = f"{web}/settings/connections/applications{{/client_id}}"
        urls = {name: call.api_url + path for name, path in _ROOT.items()}
        return call.document({**urls, "current_user_authorizations_html_url": authorizations})

    def meta(self, call: EndpointCall) -> Response:
        """Return facts about the server; only those of an Enterprise Server include a version."""
        document: dict[str, object] = {
            "verifiable_password_authentication": False,
            "hooks": ["127.0.0.0/8"],
            "web": ["127.0.0.0/8"],
            "api": ["127.0.0.0/8"],
            "git": ["127.0.0.0/8"],
            "actions": ["127.0.0.0/8"],
            "domains": {"actions": ["*.blob.core.windows.net"]},
        }
        if call.route.base:
            document = {
                "verifiable_password_authentication": True,
                "installed_version": _GHES_VERSION,
            }
        return call.document(document)

    def rate_limit(self, call: EndpointCall) -> Response:
        """Return the sender's rate limits; this request does not count against them."""
        core = self._rate_limiter.usage(call.identity, self._now())
        if core is None:
            raise ApiError(
                404, "Rate limiting is not enabled.", call.route.endpoint.documentation_url
            )
        minute = {"limit": 30, "used": 0, "remaining": 30, "reset": int(self._now()) + 60}
        resources = {"core": core, "search": minute, "graphql": {**core, "used": 0}}
        resources["graphql"]["remaining"] = core["limit"]
        headers = {"Cache-Control": "no-cache"}
        return json_response(200, {"resources": resources, "rate": core}, headers)

    def repository(self, call: EndpointCall) -> Response:
        """Return a repository."""
        known = call.identity.is_authenticated
        document = full_repository_document(call.repository, call.api_url, with_permissions=known)
        return call.document(document, modified=call.repository.created_at)
