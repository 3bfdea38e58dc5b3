"""The API origin: a `Request` in, a `Reply` out, strict wherever GitHub is.

Every answer carries GitHub's headers, every refusal GitHub's error body. What is checked
first matters to clients, so the order is GitHub's: the limits, who asks, in which version,
with which credentials and for which type, and only then for what.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import count

import attrs

from ghartifacts_async.testing._api.apps import Apps
from ghartifacts_async.testing._api.callers import (
    ANONYMOUS,
    BAD_CREDENTIALS,
    Caller,
    credentials,
)
from ghartifacts_async.testing._api.errors import RefusedError, json_reply, refuse
from ghartifacts_async.testing._api.faults import Fault, Faults
from ghartifacts_async.testing._api.pages import Page
from ghartifacts_async.testing._api.routes import Endpoint, Route, find_route
from ghartifacts_async.testing._api.traffic import Traffic
from ghartifacts_async.testing._api.versions import Versions
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.matching import Holds
from ghartifacts_async.testing._shared.messages import Reply, Request, etag_matches, http_date
from ghartifacts_async.testing._shared.store import Repository, Store

_MEDIA_TYPE = re.compile(r"\*/\*|application/(json|vnd\.github(\.[a-z0-9-]+)*\+json)")
_NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent "
    "header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api"
    "#user-agent-required). Check https://developer.github.com for other possible causes.\n"
)
_REDIRECTS = (
    "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"
)
# Requests that come at the same time shall be under way at the same time, as on a real network.
_TURNS = 3


@attrs.frozen(kw_only=True, eq=False)
class Conduct:
    """How the API treats its callers: the parts that a test arranges, each on its own."""

    apps: Apps
    faults: Faults[Fault]
    holds: Holds
    traffic: Traffic
    versions: Versions


class Api:
    """Answers API calls from a store.

    Args:
        store: What there is.
        conduct: How callers are treated.
        token: Returns the one valid token of a user.
        now: Seconds since the epoch.
        url: Returns the origin's own base URL, without a trailing slash.
        redirect: Returns the signed URL of an artifact's blob.
    """

    def __init__(
        self,
        store: Store,
        conduct: Conduct,
        *,
        token: Callable[[], str],
        now: Callable[[], float],
        url: Callable[[], str],
        redirect: Callable[[FakeArtifact], str],
    ) -> None:
        self._store = store
        self._conduct = conduct
        self._token = token
        self._now = now
        self._url = url
        self._redirect = redirect
        self._numbers = count(1)

    @asynccontextmanager
    async def serve(self, request: Request) -> AsyncIterator[Reply]:
        """Answer one call, which is under way until the end.

        A call that must fail is answered too, nothing is raised.
        """
        traffic = self._conduct.traffic
        caller = self._caller(request)
        refusal = traffic.arrive(caller, request, self._now())
        try:
            if traffic.enforced:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
            if refusal is None:
                await self._conduct.holds.passed(request)
            yield self._answer(request, caller, refusal)
        finally:
            traffic.leave()

    def _answer(self, request: Request, caller: Caller, refusal: Reply | None) -> Reply:
        """Find the answer, and give it what every answer has."""
        conduct, now = self._conduct, self._now()
        refusal = refusal or conduct.traffic.exhausted(caller, now)
        fault = None
        if refusal is not None:
            reply = refusal
        else:
            fault = conduct.faults.next_for(request)
            own = self._own(request, caller) if fault is None or fault.after else None
            if fault is not None:
                reply = fault.reply(own, now, bodiless=request.method == "HEAD")
            else:
                assert own is not None
                reply = own
        cost = 0 if refusal is not None or reply.status == HTTPStatus.NOT_MODIFIED else 1
        headers = {
            "Date": http_date(now),
            "Server": "github.com",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"C0FE:1234:{next(self._numbers):06X}:{int(now):08X}",
            **conduct.traffic.headers(caller, now, cost=cost),
            **conduct.versions.headers(self._version(request)),
        }
        headers |= reply.headers
        if fault is not None:
            headers = fault.overlay(headers)
        reply = Reply(reply.status, headers, reply.body, reply.cut)
        conduct.traffic.answered(caller, request, reply, now)
        return reply

    def _own(self, request: Request, caller: Caller) -> Reply:
        try:
            return self._decide(request, caller)
        except RefusedError as refusal:
            return refusal.reply

    def _caller(self, request: Request) -> Caller:
        token = credentials(request)
        if token is None:
            return ANONYMOUS
        if not token:
            return BAD_CREDENTIALS
        if token == self._token():
            return Caller(token, "user ID 1")
        return self._conduct.apps.caller(token)

    def _version(self, request: Request) -> str:
        return request.headers.get("X-GitHub-Api-Version") or self._conduct.versions.default

    def _decide(self, request: Request, caller: Caller) -> Reply:
        if not request.headers.get("User-Agent"):
            headers = {"Content-Type": "text/plain; charset=utf-8"}
            return Reply(403, headers, _NO_USER_AGENT.encode())
        self._conduct.versions.check(self._version(request))
        if caller.refusal is not None:
            refuse(*caller.refusal)
        _check_accept(request.headers.get("Accept"))
        route = find_route(request.method, request.raw_path)
        if route is None:
            refuse(404, "Not Found")
        if route.endpoint is Endpoint.TOKENS:
            return self._conduct.apps.mint(caller, route.number, request.body)
        repository, moved = self._store.repository(route.repository), None
        if repository is None and (old := self._store.renamed(route.repository)):
            repository, moved = old
        if route.endpoint is not Endpoint.INSTALLATION:
            repository = _visible(repository, caller, route.endpoint)
        if moved is not None and repository is not None:
            return self._moved(request, route, repository, moved)
        if route.endpoint is Endpoint.INSTALLATION:
            url = self._url() + route.base
            return self._conduct.apps.describe(caller, repository, url)
        assert repository is not None
        _check_grant(caller, repository, route.endpoint)
        if route.endpoint in {Endpoint.LIST, Endpoint.LIST_RUN}:
            return self._list(request, route, repository)
        return self._single(request, route, repository, caller)

    def _moved(self, request: Request, route: Route, repository: Repository, status: int) -> Reply:
        _, mark, query = request.target.partition("?")
        path = f"{route.base}/repositories/{repository.id}/{route.rest}"
        url = f"{self._url()}{path}{mark}{query}"
        message = "Moved Permanently" if status == 301 else HTTPStatus(status).phrase
        document = {"message": message, "url": url, "documentation_url": _REDIRECTS}
        return json_reply(status, document, {"Location": url})

    def _single(
        self, request: Request, route: Route, repository: Repository, caller: Caller
    ) -> Reply:
        about = route.endpoint.documentation_url
        if route.endpoint is not Endpoint.GET and not caller.is_known:
            refuse(401, "Requires authentication", about)
        artifact = self._store.artifact(route.number)
        if artifact is None or artifact.repository_id != repository.id:
            refuse(404, "Not Found", about)
        if route.endpoint is Endpoint.GET:
            return _document(request, artifact.document(self._url() + route.base))
        if route.endpoint is Endpoint.DELETE:
            self._store.remove(artifact.id)
            return Reply(204)
        if artifact.expired:
            refuse(410, "Artifact has expired", about)
        return Reply(302, {"Location": self._redirect(artifact)})

    def _list(self, request: Request, route: Route, repository: Repository) -> Reply:
        query = request.query
        path = f"/repositories/{repository.id}/actions/artifacts"
        run_id = None
        if route.endpoint is Endpoint.LIST_RUN:
            run_id = route.number
            if run_id not in repository.runs:
                refuse(404, "Not Found", route.endpoint.documentation_url)
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


def _visible(repository: Repository | None, caller: Caller, endpoint: Endpoint) -> Repository:
    """Return the repository where the caller may know of it: others hear of none."""
    if repository is not None and repository.private:
        reached = caller.grant is None or caller.grant.reaches(repository)
        repository = repository if caller.is_known and reached else None
    if repository is None:
        refuse(404, "Not Found", endpoint.documentation_url)
    return repository


def _check_grant(caller: Caller, repository: Repository, endpoint: Endpoint) -> None:
    """Refuse an app what only its installations may do, and them what they are not granted."""
    level = "write" if endpoint is Endpoint.DELETE else "read"
    grant = caller.grant
    if grant is None and caller.app is None:
        return
    if grant is None or not grant.reaches(repository) or not grant.allows("actions", level):
        refuse(
            403,
            "Resource not accessible by integration",
            endpoint.documentation_url,
            {"X-Accepted-GitHub-Permissions": f"actions={level}"},
        )


def _check_accept(accept: str | None) -> None:
    if accept is None:
        return
    asked = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if not any(map(_MEDIA_TYPE.fullmatch, asked)):
        refuse(
            415,
            f"Unsupported 'Accept' header: {accept!r}. Must accept 'application/json'.",
            "https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types",
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
