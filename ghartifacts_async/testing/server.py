"""`FakeGitHub`: a GitHub server on loopback that a test starts, configures and observes."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self
from urllib.parse import urlsplit

from ghartifacts_async.testing._access_methods import AccessMethods
from ghartifacts_async.testing._api.auth.apps import AppRegistry
from ghartifacts_async.testing._api.auth.tokens import TokenRegistry
from ghartifacts_async.testing._api.custom_routes import CustomRoutes
from ghartifacts_async.testing._api.faults import Fault
from ghartifacts_async.testing._api.handler import ApiControls, ApiHandler
from ghartifacts_async.testing._api.rate_limits.limiter import RateLimiter
from ghartifacts_async.testing._api.rate_limits.limits import FakeLimits
from ghartifacts_async.testing._api.run_lists import RunLists
from ghartifacts_async.testing._api.versions import ApiVersions
from ghartifacts_async.testing._blob.faults import BlobFault
from ghartifacts_async.testing._blob.handler import BlobControls, BlobHandler
from ghartifacts_async.testing._blob.signing import Signer
from ghartifacts_async.testing._data_methods import DataMethods
from ghartifacts_async.testing._fault_methods import FaultMethods
from ghartifacts_async.testing._request_methods import RequestMethods
from ghartifacts_async.testing._server_thread import ServerThread
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.fault_schedule import FaultSchedule
from ghartifacts_async.testing._shared.held_requests import HeldRequests
from ghartifacts_async.testing._shared.http_server import Handler, HttpServer
from ghartifacts_async.testing._shared.messages import Request
from ghartifacts_async.testing._shared.request_log import OriginName, RequestLog
from ghartifacts_async.testing._tls import CertificateAuthority
from ghartifacts_async.testing._webhook_methods import WebhookMethods

if TYPE_CHECKING:
    from types import TracebackType

_API_ADDRESS = "127.0.0.1"
_BLOB_ADDRESS = "127.0.0.2"
Signing = Literal["azure", "exact"]
_NOT_ENFORCED = FakeLimits(enforced=False)


class FakeGitHub(WebhookMethods, DataMethods, FaultMethods, AccessMethods, RequestMethods):
    """A fake GitHub server on loopback, used as a context manager.

    `async with` runs the server on the event loop of the caller, and `with` in a thread of its own,
    for tests without an event loop or with another one.

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
        host: The address to listen on.
        public_url: The base URL under which clients reach the API, without `/api/v3`, for example
            through a reverse proxy. URLs in responses start with it. None takes the URL that the
            client called.
        tls: Whether to serve HTTPS, with a certificate of an authority that is made for this
            server (`ca_file`, `ssl_context`).
        signing: How the blob store verifies signed URLs. `"azure"` verifies their decoded values,
            so that a client may rewrite percent-encoded characters. `"exact"` verifies their
            bytes, as CDNs and other stores do. None takes `default_signing`.

    Attributes:
        default_signing: The value of `signing` for servers that choose none.
        token: The user token that the API accepts. Assigning a new token revokes the old one.
        url_ttl: How long a signed URL is valid, in seconds. Changes affect later redirects.
        latency: How long the server waits before each response, in seconds. Changes affect later
            requests.
    """

    default_signing: ClassVar[Signing] = "azure"

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
        host: str = _API_ADDRESS,
        public_url: str | None = None,
        tls: bool = False,
        signing: Signing | None = None,
    ) -> None:
        if not token or not api_versions:
            raise ValueError("FakeGitHub needs a token and at least one API version")
        signing = signing or self.default_signing
        if signing not in {"azure", "exact"}:
            raise ValueError(f"signing must be 'azure' or 'exact', not {signing!r}")
        WebhookMethods.__init__(self)
        self.token = token
        self.url_ttl = url_ttl
        self.latency = latency
        self._now = Clock(now)
        self._host = host
        self._ports = port, blob_port
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._authority = CertificateAuthority(_certified_names(host, public_url)) if tls else None
        self._urls: tuple[str, str] | None = None
        self._closed = False
        self._thread: ServerThread | None = None
        self._log = RequestLog()
        self._database = Database(self._now)
        self._api_controls = ApiControls(
            apps=AppRegistry(self._now),
            custom_routes=CustomRoutes(self._now),
            faults=FaultSchedule("api", Fault),
            held=HeldRequests(),
            rate_limiter=RateLimiter(limits),
            run_lists=RunLists(self._database),
            tokens=TokenRegistry(self._now),
            versions=ApiVersions(api_versions),
        )
        self._blob_controls = BlobControls(
            faults=FaultSchedule("blob", BlobFault.status), held=HeldRequests()
        )
        signer = Signer(exact=signing == "exact")
        self._blobs = BlobHandler(self._database, self._blob_controls, self._now, signer)
        self._api = ApiHandler(
            self._database,
            self._api_controls,
            token=lambda: self.token,
            now=self._now,
            url=lambda request: self._public_url or request.origin,
            signed_url=self._signed_url,
        )
        context = None if self._authority is None else self._authority.server_context
        self._api_server = HttpServer(
            self._route_api_request, self._log, lambda: self.latency, context
        )
        self._blob_server = HttpServer(
            lambda _: ("blob", self._blobs.handle), self._log, lambda: self.latency, context
        )

    def __enter__(self) -> Self:
        thread = ServerThread()
        try:
            thread.run(self.start())
        except BaseException:
            thread.stop()
            raise
        self._thread = thread
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._thread is not None
        self._thread.run(self.close())
        self._thread.stop()
        self._thread = None

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
        blob_address = self._host
        if self._host == _API_ADDRESS and _is_available(_BLOB_ADDRESS):
            blob_address = _BLOB_ADDRESS
        try:
            url = await self._api_server.start(self._host, port)
            self._urls = url, await self._blob_server.start(blob_address, blob_port)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop the server, abort its connections and delete the files that it made.

        The request log stays readable. Closing a closed server has no effect.
        """
        self._closed = True
        await self._cancel_deliveries()
        await self._api_server.close()
        await self._blob_server.close()
        self._database.close()
        if self._authority is not None:
            self._authority.close()

    @property
    def ca_file(self) -> Path:
        """The certificate authority of the server, as a file in PEM format.

        `curl --cacert` and the environment variables `SSL_CERT_FILE` (gh) and
        `NODE_EXTRA_CA_CERTS` (Node.js) take it. Closing the server deletes the file. Reading it
        from a server without `tls=True` raises `RuntimeError`.
        """
        return self._require_authority().ca_file

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """A new context for clients that trusts only the certificate authority of the server.

        Reading it from a server without `tls=True` raises `RuntimeError`.
        """
        return self._require_authority().client_context()

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

        Its origin differs from the API's: in the address if the server listens on the default
        address and the system has a second loopback address, and otherwise in the port.
        """
        return self._started_urls()[1]

    def _route_api_request(self, request: Request) -> tuple[OriginName, Handler]:
        """Return the handler of a request to the API's address.

        A client that uses this address as its HTTP proxy sends requests for blobs to it, too.
        """
        if request.is_proxied and request.origin == self.blob_url:
            return "blob", self._blobs.handle
        if self._api_controls.custom_routes.is_unrestricted(request):
            return "api", self._api_controls.custom_routes.handle
        return "api", self._api.handle

    def _signed_url(self, artifact: FakeArtifact, request: Request) -> str:
        if callable(artifact.location):
            return artifact.location(artifact)
        if artifact.location is not None:
            return artifact.location
        origin = urlsplit(self.blob_url)
        if self._host != _API_ADDRESS:
            # The client may not reach the address that the server listens on.
            called = urlsplit(self._public_url or request.origin).netloc.rpartition("@")[2]
            name = re.sub(r":[0-9]*$", "", called)
            origin = origin._replace(netloc=f"{name}:{origin.port}")
        return origin.geturl() + self._blobs.signed_target(artifact, self.url_ttl)

    def _require_authority(self) -> CertificateAuthority:
        if self._authority is None:
            raise RuntimeError("this FakeGitHub serves plain HTTP; create it with tls=True")
        return self._authority

    def _started_urls(self) -> tuple[str, str]:
        if self._urls is None:
            raise RuntimeError("this FakeGitHub has not been started; use `async with`")
        return self._urls


def _certified_names(host: str, public_url: str | None) -> set[str]:
    """Return the host names and addresses under which clients may call the server."""
    names = {host, _API_ADDRESS, _BLOB_ADDRESS, "::1", "localhost", "*.localhost"}
    called = urlsplit(public_url or "").hostname
    return names | {called} if called else names


def _is_available(address: str) -> bool:
    """Return True if the system has this address."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
