"""The API origin: a `Request` in, a `Reply` out, strict wherever GitHub is.

Every answer carries GitHub's headers, every refusal GitHub's error body. What is checked
first matters to clients, so the order is GitHub's: who asks, in which version, with which
token and for which type, and only then for what.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import NoReturn

from ghartifacts_async.testing._artifact import FakeArtifact
from ghartifacts_async.testing._limits import RateLimits
from ghartifacts_async.testing._messages import Reply, Request, etag_matches, http_date
from ghartifacts_async.testing._pages import Page
from ghartifacts_async.testing._routes import Endpoint, Route, find_route
from ghartifacts_async.testing._store import Repository, Store

_DOCUMENTATION = "https://docs.github.com/rest"
_MEDIA_TYPES = {
    "*/*",
    "application/json",
    "application/vnd.github+json",
    "application/vnd.github.v3+json",
}
_NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent "
    "header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api"
    "#user-agent-required). Check https://developer.github.com for other possible causes.\n"
)


class _RefusedError(Exception):
    """Carries the answer out of whichever check refuses a request."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Api:
    """Answers API calls from a store.

    Args:
        store: What there is.
        token: Returns the one valid token.
        api_versions: The versions that the server knows; the oldest is the default.
        now: Seconds since the epoch.
        url: Returns the origin's own base URL, without a trailing slash.
        redirect: Returns the signed URL of an artifact's blob.
    """

    def __init__(
        self,
        store: Store,
        *,
        token: Callable[[], str],
        api_versions: Sequence[str],
        now: Callable[[], float],
        url: Callable[[], str],
        redirect: Callable[[FakeArtifact], str],
    ) -> None:
        self._store = store
        self._token = token
        self._versions = sorted(api_versions)
        self._now = now
        self._url = url
        self._redirect = redirect
        self._limits = RateLimits()
        self._numbers = count(1)

    def answer(self, request: Request) -> Reply:
        """Answer one call; a call that must fail is answered too, nothing is raised."""
        token = _credentials(request)
        valid = token is not None and token == self._token()
        version = request.headers.get("X-GitHub-Api-Version") or self._versions[0]
        try:
            reply = self._decide(request, token, version, valid=valid)
        except _RefusedError as refusal:
            reply = refusal.reply
        now = self._now()
        headers = {
            "Date": http_date(now),
            "Server": "github.com",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"C0FE:1234:{next(self._numbers):06X}:{int(now):08X}",
            **self._limits.headers(
                token if valid else None, now, cost=0 if reply.status == 304 else 1
            ),
        }
        if version in self._versions:
            headers["X-GitHub-Api-Version-Selected"] = version
        return Reply(reply.status, headers | reply.headers, reply.body)

    def _decide(self, request: Request, token: str | None, version: str, *, valid: bool) -> Reply:
        if not request.headers.get("User-Agent"):
            headers = {"Content-Type": "text/plain; charset=utf-8"}
            return Reply(403, headers, _NO_USER_AGENT.encode())
        if version not in self._versions:
            known = ", ".join(self._versions)
            _refuse(400, f"{version!r} is not a valid API version. Valid versions: {known}.")
        if token is not None and not valid:
            _refuse(401, "Bad credentials")
        _check_accept(request.headers.get("Accept"))
        route = find_route(request.method, request.raw_path)
        if route is None:
            _refuse(404, "Not Found")
        repository = self._store.repository(route.repository)
        if repository is None or (repository.private and not valid):
            _refuse(404, "Not Found", route.endpoint)
        if route.endpoint in {Endpoint.LIST, Endpoint.LIST_RUN}:
            return self._list(request, route, repository)
        return self._single(request, route, repository, valid=valid)

    def _single(
        self, request: Request, route: Route, repository: Repository, *, valid: bool
    ) -> Reply:
        if route.endpoint is not Endpoint.GET and not valid:
            _refuse(401, "Requires authentication", route.endpoint)
        artifact = self._store.artifact(route.number)
        if artifact is None or artifact.repository_id != repository.id:
            _refuse(404, "Not Found", route.endpoint)
        if route.endpoint is Endpoint.GET:
            return _document(request, artifact.document(self._url() + route.base))
        if route.endpoint is Endpoint.DELETE:
            self._store.remove(artifact.id)
            return Reply(204)
        if artifact.expired:
            _refuse(410, "Artifact has expired", route.endpoint)
        return Reply(302, {"Location": self._redirect(artifact)})

    def _list(self, request: Request, route: Route, repository: Repository) -> Reply:
        query = request.query
        path = f"/repositories/{repository.id}/actions/artifacts"
        run_id = None
        if route.endpoint is Endpoint.LIST_RUN:
            run_id = route.number
            if run_id not in repository.runs:
                _refuse(404, "Not Found", route.endpoint)
            path = f"/repositories/{repository.id}/actions/runs/{run_id}/artifacts"
        found = repository.newest_first(query.get("name"), run_id)
        if run_id is not None and query.get("direction") == "asc":
            found.reverse()
        page = Page.asked(query)
        api_url = self._url() + route.base
        shown = found[page.start : page.start + page.size]
        listing = {
            "total_count": len(found),
            "artifacts": [artifact.document(api_url) for artifact in shown],
        }
        return _document(request, listing, page.links(api_url + path, query, len(found)))


def _credentials(request: Request) -> str | None:
    """Return the token of a call, "" for what cannot be one, None where there is none."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "token"} else ""


def _check_accept(accept: str | None) -> None:
    if accept is None:
        return
    asked = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not asked & _MEDIA_TYPES:
        _refuse(
            415,
            f"Unsupported 'Accept' header: {accept!r}. Must accept 'application/json'.",
            documentation_url="https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types",
        )


def _document(request: Request, document: object, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
    common = {
        "Cache-Control": "private, max-age=60, s-maxage=60",
        "ETag": etag,
        "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
        **(headers or {}),
    }
    condition = request.headers.get("If-None-Match")
    if condition is not None and etag_matches(condition, etag, weakly=True):
        return Reply(304, common)
    return Reply(200, {"Content-Type": "application/json; charset=utf-8", **common}, body)


def _refuse(
    status: int,
    message: str,
    endpoint: Endpoint | None = None,
    *,
    documentation_url: str = _DOCUMENTATION,
) -> NoReturn:
    body = {
        "message": message,
        "documentation_url": endpoint.documentation_url if endpoint else documentation_url,
        "status": str(status),
    }
    headers = {"Content-Type": "application/json; charset=utf-8"}
    raise _RefusedError(Reply(status, headers, json.dumps(body).encode()))
