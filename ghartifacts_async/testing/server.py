"""`FakeGitHub`: its life, and what a test does with it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Self

from ghartifacts_async.testing._api.handler import Api
from ghartifacts_async.testing._api.limits import FakeLimits
from ghartifacts_async.testing._behaviour import Behaviour
from ghartifacts_async.testing._blob.host import BlobHost
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.log import LoggedRequest, RequestLog
from ghartifacts_async.testing._shared.origin import Origin

if TYPE_CHECKING:
    from types import TracebackType

_HOST = "127.0.0.1"
_BLOB_HOST = "127.0.0.2"
_COUNTED = FakeLimits(enforced=False)


class FakeGitHub(Behaviour):
    """A GitHub with artifacts, on loopback, to be entered with `async with`.

    It is a real HTTP server, as strict as the real one: the API on one origin, the blob host
    that downloads are redirected to on another. Artifacts may be added before it is started
    and at any time after. It serves once: a closed one cannot be started again.

    Args:
        port: The port of the API; 0 takes a free one.
        blob_port: The port of the blob host; 0 takes a free one.
        url_ttl: How many seconds a signed download URL is valid.
        token: The one token that the API accepts, beside those of apps.
        api_versions: The values of `X-GitHub-Api-Version` that the API knows; a call without
            one gets the oldest.
        limits: The rate limits; by default GitHub's, counted but not enforced. None is a GHES
            that has them off, and sends no header about them.
        latency: How many seconds every answer takes, of the API and of the blob host.
        now: The server's clock, in seconds since the epoch.

    Attributes:
        token: The one token that the API accepts, beside those of apps. Setting another revokes it.
        url_ttl: How many seconds a signed download URL is valid, from the redirect on. Setting
            it counts for the redirects after that.
        latency: How many seconds every answer takes. Setting it counts for the requests after that.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        blob_port: int = 0,
        url_ttl: float = 60.0,
        token: str = "fake-token",  # noqa: S107 - it opens nothing but this server
        api_versions: Sequence[str] = ("2022-11-28", "2026-03-10"),
        limits: FakeLimits | None = _COUNTED,
        latency: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not token or not api_versions:
            raise ValueError("a FakeGitHub needs a token and at least one API version")
        super().__init__(now, api_versions=api_versions, limits=limits)
        self.token = token
        self.url_ttl = url_ttl
        self.latency = latency
        self._ports = port, blob_port
        self._urls: tuple[str, str] | None = None
        self._over = False
        self._log = RequestLog()
        self._blobs = BlobHost(self._store, self._blob_conduct, now)
        api = Api(
            self._store,
            self._conduct,
            token=lambda: self.token,
            now=now,
            url=lambda: self.url,
            redirect=self._redirect,
        )
        self._api_origin = Origin("api", api.serve, self._log, lambda: self.latency)
        self._blob_origin = Origin("blob", self._blobs.serve, self._log, lambda: self.latency)

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
        """Start serving.

        Raises:
            RuntimeError: It has been started before.
            OSError: A port is taken.
        """
        if self._urls is not None or self._over:
            raise RuntimeError("a FakeGitHub serves once: make a new one")
        port, blob_port = self._ports
        blob_host = _BLOB_HOST if _has_address(_BLOB_HOST) else _HOST
        try:
            url = await self._api_origin.start(_HOST, port)
            self._urls = url, await self._blob_origin.start(blob_host, blob_port)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop serving, cut every connection and remove the files that the server made.

        The log stays readable. Closing twice does no harm.
        """
        self._over = True
        await self._api_origin.close()
        await self._blob_origin.close()
        self._store.close()

    @property
    def url(self) -> str:
        """The API's base URL, without a trailing slash. `RuntimeError` before the start."""
        return self._started()[0]

    @property
    def ghes_url(self) -> str:
        """The same API as a GitHub Enterprise Server has it, below `/api/v3`."""
        return f"{self.url}/api/v3"

    @property
    def blob_url(self) -> str:
        """The blob host's base URL: another origin than the API's, where possible another host."""
        return self._started()[1]

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request that arrived, in order of arrival, with what became of it so far."""
        return self._log.requests()

    def requests_to(self, origin: Literal["api", "blob"]) -> list[LoggedRequest]:
        """Return the requests to one of the two origins, in order of arrival."""
        return self._log.requests(origin)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._log.clear()

    async def settled(self) -> None:
        """Wait until no request is being answered.

        A client that has its answer, or has dropped the connection, may be a moment ahead of
        the server: after this, `status` and `bytes_sent` in the log are final.
        """
        await self._log.settled()

    def _redirect(self, artifact: FakeArtifact) -> str:
        if callable(artifact.location):
            return artifact.location(artifact)
        if artifact.location is not None:
            return artifact.location
        return self.blob_url + self._blobs.signed_target(artifact, self.url_ttl)

    def _started(self) -> tuple[str, str]:
        if self._urls is None:
            raise RuntimeError("this FakeGitHub has not been started")
        return self._urls


def _has_address(host: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
