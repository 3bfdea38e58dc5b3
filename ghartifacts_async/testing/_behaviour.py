"""`Behaviour`: how a server treats its callers, as a test arranges and observes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Literal

from ghartifacts_async.testing._api.apps import Apps, Installation
from ghartifacts_async.testing._api.callers import Grant
from ghartifacts_async.testing._api.faults import Choose, Fault, Faults
from ghartifacts_async.testing._api.handler import Conduct
from ghartifacts_async.testing._api.jwt import load_key
from ghartifacts_async.testing._api.limits import FakeLimits
from ghartifacts_async.testing._api.traffic import Traffic
from ghartifacts_async.testing._api.versions import Versions
from ghartifacts_async.testing._blob.faults import BlobFault
from ghartifacts_async.testing._blob.host import BlobConduct
from ghartifacts_async.testing._contents import Contents
from ghartifacts_async.testing._shared.matching import Holds, Match


class Behaviour(Contents):
    """The part of `FakeGitHub` that decides about calls: it works before the start as well."""

    def __init__(
        self,
        now: Callable[[], float],
        *,
        api_versions: Sequence[str],
        limits: FakeLimits | None,
    ) -> None:
        super().__init__(now)
        self._now = now
        self._conduct = Conduct(
            apps=Apps(self._store, now),
            faults=Faults("api", Fault),
            holds=Holds(),
            traffic=Traffic(limits),
            versions=Versions(api_versions),
        )
        self._blob_conduct = BlobConduct(faults=Faults("blob", BlobFault.status), holds=Holds())

    def fail_next(
        self, *faults: Fault | int, method: str | None = None, path: str | None = None
    ) -> None:
        """Let the next API requests fail, one for each fault, in their order.

        Faults queued for several kinds of requests do not disturb each other; of those queued
        for one request, the earlier come first. A request that a limit refuses meets none.

        Args:
            faults: What happens; a number is a `Fault` with that status.
            method: Only requests of this method.
            path: Only requests in whose path, escapes resolved, this regular expression is
                found.
        """
        self._conduct.faults.queue(Match.of(method, path), faults)

    def fail_when(self, choose: Choose[Fault]) -> None:
        """Let a function decide about each API request that meets no queued fault.

        Args:
            choose: Takes the request, and returns what happens, or None. `fault_bursts` makes
                one that fails at random.
        """
        self._conduct.faults.choose(choose)

    def fail_blobs_next(self, *faults: BlobFault | int) -> None:
        """Let the next requests to the blob host fail, one for each fault, in their order.

        Args:
            faults: What goes wrong; a number is a `BlobFault` with that status.
        """
        self._blob_conduct.faults.queue(Match.of(None, None), faults)

    def fail_blobs_when(self, choose: Choose[BlobFault]) -> None:
        """Let a function decide about each request to the blob host that meets no queued fault.

        Args:
            choose: Takes the request, and returns what goes wrong, or None. `fault_bursts`
                makes one that fails at random.
        """
        self._blob_conduct.faults.choose(choose)

    def clear_faults(self) -> None:
        """Let nothing fail any more, neither the API nor the blob host."""
        self._conduct.faults.clear()
        self._blob_conduct.faults.clear()
        self._blob_conduct.expired.clear()

    @property
    def faults_left(self) -> int:
        """How many of the queued faults, of both origins, no request has met yet."""
        return self._conduct.faults.left + self._blob_conduct.faults.left

    def holding(
        self,
        *,
        origin: Literal["api", "blob"] = "api",
        method: str | None = None,
        path: str | None = None,
    ) -> AbstractContextManager[None]:
        """Hold the requests to an origin that arrive within the `with`, and answer them after it.

        They are under way all the time. Method and path choose them as in `fail_next`.
        """
        conduct = self._conduct if origin == "api" else self._blob_conduct
        return conduct.holds.holding(Match.of(method, path))

    @property
    def sent_while_told_to_wait(self) -> int:
        """How many API requests arrived although their sender had been told to wait longer.

        An account is told by `Retry-After` with 403 or 429, and by a remaining limit of 0; real
        limits, faults, and limits that are only counted tell alike. Requests that may have
        crossed the answer on their way do not count: the first on each connection within a
        second, by the server's clock, of the answer that began the wait.
        """
        return self._conduct.traffic.sent_while_told_to_wait

    @property
    def secondary_trips(self) -> int:
        """How often an account went beyond a secondary limit; refusals thereafter are none."""
        return self._conduct.traffic.secondary_trips

    @property
    def most_under_way(self) -> int:
        """The highest number of API requests that were under way at once."""
        return self._conduct.traffic.most_under_way

    def retire_version(self, version: str) -> None:
        """Answer calls in an API version with 410, whether the server has known it or not.

        Raises:
            ValueError: It is the last one that the server knows.
        """
        self._conduct.versions.retire(version)

    def deprecate_version(
        self, version: str, *, sunset: datetime, since: datetime | None = None
    ) -> None:
        """Send `Deprecation` and `Sunset` with the answers to calls in an API version.

        Args:
            version: One that the server knows.
            sunset: When it is going to end. It does not by itself: see `retire_version`.
            since: When it was deprecated; by default now.

        Raises:
            ValueError: The server does not know it, or a date has no time zone.
        """
        present = datetime.fromtimestamp(self._now(), UTC)
        self._conduct.versions.deprecate(version, sunset, since or present)

    def add_app(
        self,
        app_id: int | str,
        public_key: str | bytes,
        installation_id: int,
        repositories: Sequence[str] | None = None,
        *,
        permissions: Mapping[str, str] | None = None,
        token_ttl: float = 3600.0,
    ) -> None:
        """Add an app and an installation of it, or another installation of one.

        Args:
            app_id: The `iss` of the app's JWTs: its id or its client id.
            public_key: The key that its JWTs are verified with, in PEM.
            installation_id: The installation's id.
            repositories: The repositories, each `"owner/name"` and made where there is none,
                that it may reach; by default every one of the server, at any time.
            permissions: The permissions that it has, beside `metadata: read`; by default
                `actions: write`.
            token_ttl: How many seconds its tokens are valid.

        Raises:
            ModuleNotFoundError: PyJWT or cryptography, which verify, are not installed.
            ValueError: The key or a name is malformed, or the installation's id is taken.
        """
        key = load_key(public_key)
        ids = None
        if repositories is not None:
            ids = frozenset(self._store.add_repository(name).id for name in repositories)
        granted = {"actions": "write"} if permissions is None else dict(permissions)
        grant = Grant(ids, {"metadata": "read", **granted})
        self._conduct.apps.add(key, Installation(installation_id, str(app_id), grant, token_ttl))

    def revoke(self, token: str) -> None:
        """Revoke an installation token: calls with it are answered with 401 from now on.

        Raises:
            KeyError: It is no token that an app has minted, or has been revoked before.
        """
        self._conduct.apps.revoke(token)

    @property
    def tokens_minted(self) -> int:
        """How many installation tokens apps have minted."""
        return self._conduct.apps.minted
