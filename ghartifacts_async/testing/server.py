"""`FakeGitHub`: a GitHub server on loopback that a test starts, configures and observes."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Self

from ghartifacts_async.testing._access_methods import AccessMethods
from ghartifacts_async.testing._api.auth.apps import AppRegistry
from ghartifacts_async.testing._api.faults import Fault
from ghartifacts_async.testing._api.handler import ApiControls, ApiHandler
from ghartifacts_async.testing._api.rate_limits.limiter import RateLimiter
from ghartifacts_async.testing._api.rate_limits.limits import FakeLimits
from ghartifacts_async.testing._api.routes import find_route
from ghartifacts_async.testing._api.run_lists import RunLists
from ghartifacts_async.testing._api.versions import ApiVersions
from ghartifacts_async.testing._blob.faults import BlobFault
from ghartifacts_async.testing._blob.handler import BlobControls, BlobHandler
from ghartifacts_async.testing._data_methods import DataMethods
from ghartifacts_async.testing._fault_methods import FaultMethods
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.fault_schedule import FaultSchedule
from ghartifacts_async.testing._shared.held_requests import HeldRequests
from ghartifacts_async.testing._shared.http_server import HttpServer
from ghartifacts_async.testing._shared.request_log import LoggedRequest, RequestLog

if TYPE_CHECKING:
    from types import TracebackType

_API_ADDRESS = "127.0.0.1"
_BLOB_ADDRESS = "127.0.0.2"
_NOT_ENFORCED = FakeLimits(enforced=False)


class FakeGitHub(DataMethods, FaultMethods, AccessMethods):
    """A fake GitHub server on loopback, used as an async context manager.

    It is a real HTTP server, and as strict as GitHub. The API and the blob store, to which the
    API redirects downloads, have different origins. Artifacts can be added before the server is
    started and while it runs. A closed server cannot be started again.

    Args:
        port: The port of the API; 0 chooses a free one.
        blob_port: The port of the blob store; 0 chooses a free one.
        url_ttl: How long a signed URL is valid, in seconds.
        token: The user token that the API accepts. The API also accepts the tokens of apps.
        api_versions: The supported values of `X-GitHub-Api-Version`. Requests without the
            header use the oldest version.
        limits: The rate limits. By default, requests are counted against the limits that GitHub
            documents, but never refused. None behaves like a GitHub Enterprise Server with rate
            limits disabled: responses have no rate limit headers.
        latency: How long the API and the blob store wait before each response, in seconds.
        now: The server's clock: a function that returns seconds since the epoch.

    Attributes:
        token: The user token that the API accepts. Assigning a new token revokes the old one.
        url_ttl: How long a signed URL is valid, in seconds. Changes affect later redirects.
        latency: How long the server waits before each response, in seconds. Changes affect later
            requests.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        blob_port: int = 0,
        url_ttl: float = 60.0,
        token: str = "fake-token",  # noqa: S107 - not a secret: only this server accepts it
        api_versions: Sequence[str] = ("2022-11-28", "2026-03-10"),
        limits: FakeLimits | None = _NOT_ENFORCED,
        latency: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not token or not api_versions:
            raise ValueError("FakeGitHub needs a token and at least one API version")
        self.token = token
        self.url_ttl = url_ttl
        self.latency = latency
        self._now = Clock(now)
        self._ports = port, blob_port
        self._urls: tuple[str, str] | None = None
        self._closed = False
        self._log = RequestLog()
        self._database = Database(self._now)
        self._api_controls = ApiControls(
            apps=AppRegistry(self._now),
            faults=FaultSchedule("api", Fault),
            held=HeldRequests(),
            rate_limiter=RateLimiter(limits),
            run_lists=RunLists(self._database),
            versions=ApiVersions(api_versions),
        )
        self._blob_controls = BlobControls(
            faults=FaultSchedule("blob", BlobFault.status), held=HeldRequests()
        )
        self._blobs = BlobHandler(self._database, self._blob_controls, self._now)
        api = ApiHandler(
            self._database,
            self._api_controls,
            token=lambda: self.token,
            now=self._now,
            url=lambda: self.url,
            signed_url=self._signed_url,
        )
        self._api_server = HttpServer("api", api.handle, self._log, lambda: self.latency)
        self._blob_server = HttpServer("blob", self._blobs.handle, self._log, lambda: self.latency)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the server.

        Raises:
            RuntimeError: The server has been started or closed before.
            OSError: A port is not available.
        """
        if self._urls is not None or self._closed:
            raise RuntimeError("a FakeGitHub can be started only once; create a new one")
        port, blob_port = self._ports
        blob_address = _BLOB_ADDRESS if _is_available(_BLOB_ADDRESS) else _API_ADDRESS
        try:
            url = await self._api_server.start(_API_ADDRESS, port)
            self._urls = url, await self._blob_server.start(blob_address, blob_port)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop the server, abort its connections and delete the files that it made.

        The request log stays readable. Closing a closed server has no effect.
        """
        self._closed = True
        await self._api_server.close()
        await self._blob_server.close()
        self._database.close()

    @property
    def url(self) -> str:
        """The base URL of the API, without a trailing slash.

        Reading it before the server is started raises `RuntimeError`.
        """
        return self._started_urls()[0]

    @property
    def ghes_url(self) -> str:
        """The base URL of the API in the form of a GitHub Enterprise Server: `<url>/api/v3`."""
        return f"{self.url}/api/v3"

    @property
    def blob_url(self) -> str:
        """The base URL of the blob store.

        Its origin differs from the API's: in the address if the system has a second loopback
        address, and otherwise in the port.
        """
        return self._started_urls()[1]

    @property
    def requests(self) -> list[LoggedRequest]:
        """All requests in order of arrival, each with the current state of its response."""
        return self._log.requests()

    def requests_to(self, origin: Literal["api", "blob"]) -> list[LoggedRequest]:
        """Return the requests to the API or to the blob store, in order of arrival."""
        return self._log.requests(origin)

    def request_counts(self) -> Counter[str]:
        """Return the number of API requests to each endpoint.

        The keys have the method and the path of GitHub's documentation, such as
        `"GET /repos/{owner}/{repo}/actions/runs/{run_id}"`. Requests to unknown endpoints are not
        counted.
        """
        routes = (
            find_route(request.method, request.target.partition("?")[0])
            for request in self.requests_to("api")
        )
        return Counter(str(route.endpoint) for route in routes if route is not None)

    def clear_requests(self) -> None:
        """Clear the request log."""
        self._log.clear()

    async def wait_until_idle(self) -> None:
        """Wait until no request is in progress.

        When a client has read a response or has closed the connection, the server may not have
        noticed yet. Call this before asserting on `LoggedRequest.status` and `bytes_sent`.
        """
        await self._log.wait_all_finished()

    def _signed_url(self, artifact: FakeArtifact) -> str:
        if callable(artifact.location):
            return artifact.location(artifact)
        if artifact.location is not None:
            return artifact.location
        return self.blob_url + self._blobs.signed_target(artifact, self.url_ttl)

    def _started_urls(self) -> tuple[str, str]:
        if self._urls is None:
            raise RuntimeError("this FakeGitHub has not been started; use `async with`")
        return self._urls


def _is_available(address: str) -> bool:
    """Return True if the system has this address."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
