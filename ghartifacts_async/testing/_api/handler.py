"""The API as a function from `Request` to `Response`, as strict as GitHub.

Every response has GitHub's headers, and errors have GitHub's error bodies. Clients depend on the
order of the checks, so this module uses GitHub's order: rate limits, User-Agent, API version,
credentials, media type, and only then the resource.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import count

import attrs

from ghartifacts_async.testing._api.auth.access import (
    access_headers,
    check_permission,
    require_visible,
)
from ghartifacts_async.testing._api.auth.apps import AppRegistry
from ghartifacts_async.testing._api.auth.identity import (
    ANONYMOUS,
    BAD_CREDENTIALS,
    Identity,
    credentials,
)
from ghartifacts_async.testing._api.auth.tokens import (
    DEFAULT_LOGIN,
    DEFAULT_SCOPES,
    TokenRegistry,
)
from ghartifacts_async.testing._api.custom_routes import CustomRoutes
from ghartifacts_async.testing._api.endpoints.accounts import AccountEndpoints
from ghartifacts_async.testing._api.endpoints.artifacts import ArtifactEndpoints
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.endpoints.commits import CommitEndpoints
from ghartifacts_async.testing._api.endpoints.installations import InstallationEndpoints
from ghartifacts_async.testing._api.endpoints.meta import MetaEndpoints
from ghartifacts_async.testing._api.endpoints.pull_requests import PullRequestEndpoints
from ghartifacts_async.testing._api.endpoints.runs import RunEndpoints
from ghartifacts_async.testing._api.errors import ApiError, json_response
from ghartifacts_async.testing._api.faults import Fault, faulty_response, override_headers
from ghartifacts_async.testing._api.headers import COMMON, compress, media_type, preflight
from ghartifacts_async.testing._api.rate_limits.limiter import RateLimiter
from ghartifacts_async.testing._api.routes import Endpoint, Route, find_route
from ghartifacts_async.testing._api.run_lists import RunLists
from ghartifacts_async.testing._api.versions import ApiVersions
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.fault_schedule import FaultSchedule
from ghartifacts_async.testing._shared.held_requests import HeldRequests
from ghartifacts_async.testing._shared.messages import Request, Response, http_date
from ghartifacts_async.testing._shared.repository import Repository

_MEDIA_TYPE = re.compile(r"\*/\*|application/(\*|json|vnd\.github(\.[a-z0-9-]+)*(\+json)?)")
_NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent "
    "header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api"
    "#user-agent-required). Check https://developer.github.com for other possible causes.\n"
)
_REDIRECTS = (
    "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"
)
# Before answering a request, let the event loop read the other requests that have arrived. They
# then count as concurrent, as they would on a real network.
_EVENT_LOOP_ITERATIONS = 3


@attrs.frozen(kw_only=True, eq=False)
class ApiControls:
    """The parts of the API that a test configures and observes.

    Attributes:
        apps: The apps and their tokens.
        custom_routes: The endpoints that a test has added.
        faults: The faults that are scheduled for requests.
        held: The requests that are held back.
        rate_limiter: The rate limits.
        run_lists: The faults of listings of runs.
        tokens: The tokens of users.
        versions: The API versions.
    """

    apps: AppRegistry
    custom_routes: CustomRoutes
    faults: FaultSchedule[Fault]
    held: HeldRequests
    rate_limiter: RateLimiter
    run_lists: RunLists
    tokens: TokenRegistry
    versions: ApiVersions


class ApiHandler:
    """The handler of requests to the API.

    Args:
        database: The server's data.
        controls: The parts that a test configures.
        token: A function that returns the valid user token.
        now: The server's clock.
        url: A function that returns the base URL of the API for a request, without a trailing
            slash and without `/api/v3`.
        signed_url: A function that returns the URL to which an artifact's download is redirected.
    """

    def __init__(
        self,
        database: Database,
        controls: ApiControls,
        *,
        token: Callable[[], str],
        now: Clock,
        url: Callable[[Request], str],
        signed_url: Callable[[FakeArtifact, Request], str],
    ) -> None:
        self._database = database
        self._controls = controls
        self._token = token
        self._now = now
        self._url = url
        accounts = AccountEndpoints(database)
        artifacts = ArtifactEndpoints(database, signed_url)
        commits = CommitEndpoints(database)
        installations = InstallationEndpoints(database, controls.apps)
        meta = MetaEndpoints(controls.rate_limiter, now)
        pull_requests = PullRequestEndpoints(database)
        runs = RunEndpoints(database, controls.run_lists)
        self._handlers: dict[Endpoint, Callable[[EndpointCall], Response]] = {
            Endpoint.LIST_ARTIFACTS: artifacts.list,
            Endpoint.LIST_RUN_ARTIFACTS: artifacts.list,
            Endpoint.GET_ARTIFACT: artifacts.get,
            Endpoint.DELETE_ARTIFACT: artifacts.delete,
            Endpoint.DOWNLOAD_ARTIFACT: artifacts.download,
            Endpoint.LIST_RUNS: runs.list_runs,
            Endpoint.GET_RUN: runs.get,
            Endpoint.DELETE_RUN: runs.delete,
            Endpoint.CANCEL_RUN: runs.cancel,
            Endpoint.RERUN: runs.rerun,
            Endpoint.RERUN_FAILED_JOBS: runs.rerun,
            Endpoint.GET_ATTEMPT: runs.get_attempt,
            Endpoint.LIST_JOBS: runs.list_jobs,
            Endpoint.LIST_ATTEMPT_JOBS: runs.list_attempt_jobs,
            Endpoint.GET_JOB: runs.get_job,
            Endpoint.LIST_ANNOTATIONS: runs.list_annotations,
            Endpoint.LIST_WORKFLOWS: runs.list_workflows,
            Endpoint.GET_WORKFLOW: runs.get_workflow,
            Endpoint.LIST_WORKFLOW_RUNS: runs.list_runs,
            Endpoint.LIST_BRANCHES: commits.list_branches,
            Endpoint.GET_BRANCH: commits.get_branch,
            Endpoint.LIST_COMMITS: commits.list,
            Endpoint.GET_COMMIT: commits.get,
            Endpoint.COMPARE_COMMITS: commits.compare,
            Endpoint.LIST_COMMIT_PULLS: pull_requests.list_of_commit,
            Endpoint.LIST_PULLS: pull_requests.list_open,
            Endpoint.GET_PULL: pull_requests.get,
            Endpoint.GET_REPOSITORY: meta.repository,
            Endpoint.ROOT: meta.root,
            Endpoint.META: meta.meta,
            Endpoint.RATE_LIMIT: meta.rate_limit,
            Endpoint.USER: accounts.sender,
            Endpoint.LIST_USER_REPOSITORIES: accounts.list_of_sender,
            Endpoint.GET_ACCOUNT: accounts.user,
            Endpoint.LIST_ACCOUNT_REPOSITORIES: accounts.list_of_user,
            Endpoint.GET_ORGANIZATION: accounts.organization,
            Endpoint.LIST_ORGANIZATION_REPOSITORIES: accounts.list_of_organization,
            Endpoint.APP: installations.app,
            Endpoint.LIST_INSTALLATIONS: installations.list_installations,
            Endpoint.GET_INSTALLATION: installations.get,
            Endpoint.ORGANIZATION_INSTALLATION: installations.of_account,
            Endpoint.USER_INSTALLATION: installations.of_account,
            Endpoint.LIST_INSTALLATION_REPOSITORIES: installations.list_repositories,
            Endpoint.REPOSITORY_INSTALLATION: installations.of_repository,
            Endpoint.CREATE_TOKEN: installations.create_token,
        }
        self._request_numbers = count(1)

    @asynccontextmanager
    async def handle(self, request: Request) -> AsyncIterator[Response]:
        """Yield the response to a request, which is in progress until the block ends.

        An invalid request yields an error response; it does not raise an exception.
        """
        rate_limiter = self._controls.rate_limiter
        identity = self._identify(request)
        refusal = rate_limiter.start_request(identity, request, self._now())
        try:
            if rate_limiter.enforced:
                for _ in range(_EVENT_LOOP_ITERATIONS):
                    await asyncio.sleep(0)
            if refusal is None:
                await self._controls.held.wait_until_released(request)
            with self._database.lock:
                response = self._respond(request, identity, refusal)
            yield response
        finally:
            rate_limiter.finish_request()

    def _identify(self, request: Request) -> Identity:
        token = credentials(request)
        if token is None:
            return ANONYMOUS
        if not token:
            return BAD_CREDENTIALS
        if token == self._token():
            return Identity(token, "user ID 1", login=DEFAULT_LOGIN, scopes=DEFAULT_SCOPES)
        return self._controls.tokens.identify(token) or self._controls.apps.identify(token)

    def _respond(self, request: Request, identity: Identity, refusal: Response | None) -> Response:
        """Return the final response, with rate limits, faults and common headers applied."""
        self._now.execute_due()
        controls, now = self._controls, self._now()
        refusal = refusal or controls.rate_limiter.primary_refusal(identity, now)
        route, fault = find_route(request.method, request.raw_path), None
        if refusal is not None:
            response = refusal
        else:
            fault = controls.faults.next_for(request)
            response = self._execute_with_fault(request, route, identity, fault)
        endpoint = None if route is None else route.endpoint
        not_modified = response.status == HTTPStatus.NOT_MODIFIED
        free = refusal is not None or not_modified or endpoint is Endpoint.RATE_LIMIT
        headers = {
            "Date": http_date(now),
            **COMMON,
            "X-GitHub-Media-Type": media_type(request.headers.get("Accept", ""))[0],
            "X-GitHub-Request-Id": f"C0FE:1234:{next(self._request_numbers):06X}:{int(now):08X}",
            **controls.rate_limiter.charge(identity, now, cost=0 if free else 1),
            **controls.versions.headers(self._version(request)),
            **access_headers(identity, endpoint),
        }
        headers |= response.headers
        if fault is not None:
            headers = override_headers(fault, headers)
        response = attrs.evolve(response, headers=headers)
        controls.rate_limiter.record_response(identity, request, response, now)
        return response

    def _execute_with_fault(
        self, request: Request, route: Route | None, identity: Identity, fault: Fault | None
    ) -> Response:
        if fault is None:
            return compress(request, self._execute(request, route, identity))
        normal = None
        if fault.after:
            normal = compress(request, self._execute(request, route, identity))
        return faulty_response(fault, normal, self._now(), no_body=request.method == "HEAD")

    def _execute(self, request: Request, route: Route | None, identity: Identity) -> Response:
        """Execute the request; turn an `ApiError` into its response."""
        try:
            allowed = preflight(request)
            if allowed is not None:
                return allowed
            if not request.headers.get("User-Agent"):
                headers = {"Content-Type": "text/plain; charset=utf-8"}
                return Response(403, headers, _NO_USER_AGENT.encode())
            self._controls.versions.check(self._version(request))
            if identity.error is not None:
                raise ApiError(*identity.error)
            response = self._controls.custom_routes.respond(request)
            if response is not None:
                return response
            _check_accept(request.headers.get("Accept"))
            if route is None:
                raise ApiError(404, "Not Found")
            return self._dispatch(request, route, identity)
        except ApiError as error:
            return error.response

    def _dispatch(self, request: Request, route: Route, identity: Identity) -> Response:
        """Call the handler of the endpoint."""
        repository, redirect_status = None, None
        if route.repository is not None:
            repository = self._database.repository(route.repository)
            renamed = self._database.find_by_old_name(route.repository)
            if repository is None and renamed is not None:
                repository, redirect_status = renamed
            if route.endpoint is not Endpoint.REPOSITORY_INSTALLATION:
                repository = require_visible(repository, identity, route.endpoint)
            if redirect_status is not None and repository is not None:
                return self._redirect(request, route, repository, redirect_status)
        if repository is not None:
            check_permission(identity, repository, route.endpoint)
        call = EndpointCall(request, route, identity, self._url(request) + route.base, repository)
        return self._handlers[route.endpoint](call)

    def _redirect(
        self, request: Request, route: Route, repository: Repository, status: int
    ) -> Response:
        """Redirect a request for a repository's old name to the URL with the repository's id."""
        _, mark, query = request.target.partition("?")
        path = f"{route.base}/repositories/{repository.id}/{route.subpath}".rstrip("/")
        url = f"{self._url(request)}{path}{mark}{query}"
        message = "Moved Permanently" if status == 301 else HTTPStatus(status).phrase
        document = {"message": message, "url": url, "documentation_url": _REDIRECTS}
        return json_response(status, document, {"Location": url})

    def _version(self, request: Request) -> str:
        return request.headers.get("X-GitHub-Api-Version") or self._controls.versions.default


def _check_accept(accept: str | None) -> None:
    if not accept:
        return
    types = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if not any(map(_MEDIA_TYPE.fullmatch, types)):
        raise ApiError(
            415,
            f"Unsupported 'Accept' header: {accept!r}. Must accept 'application/json'.",
            "https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types",
        )
