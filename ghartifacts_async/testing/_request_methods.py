"""`RequestMethods`: the methods of `FakeGitHub` for the requests that reach it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from ghartifacts_async.testing._api.handler import ApiControls
from ghartifacts_async.testing._api.routes import find_route
from ghartifacts_async.testing._server_thread import ServerThread
from ghartifacts_async.testing._shared.request_log import LoggedRequest, RequestLog


class RequestMethods:
    """Methods to observe requests, and to answer those that the server does not know."""

    _api_controls: ApiControls
    _log: RequestLog
    _thread: ServerThread | None

    def route(
        self,
        method: str,
        path: str,
        handler: Callable[..., Any],
        *,
        unrestricted: bool = False,
    ) -> None:
        """Add an endpoint to the API, or replace one.

        Requests to it pass the same checks of rate limits, credentials and API version as others,
        unless it is unrestricted. It also exists below `/api/v3`.

        Args:
            method: The method. `"GET"` also answers HEAD.
            path: The path, in which `{name}` matches a segment, such as
                `"/repos/{owner}/{repo}/releases"`.
            handler: A function that takes the `LoggedRequest`, and the segments as keyword
                arguments. It returns a document that is sent as JSON, bytes, or None for an empty
                body; or a tuple of the status, one of these, and optionally the headers.
            unrestricted: Whether requests skip all checks, rate limits and faults, as those that
                control the server should.

        Raises:
            ValueError: The path does not start with a slash.
        """
        self._api_controls.custom_routes.add(method, path, handler, unrestricted=unrestricted)

    @property
    def unknown_requests(self) -> list[LoggedRequest]:
        """The API requests to paths and methods that the server does not know, and answers 404.

        Add an endpoint with `route` to answer them.
        """
        known = self._api_controls.custom_routes.matches
        return [
            request
            for request in self.requests_to("api")
            if _endpoint(request) is None
            and request.method != "OPTIONS"
            and not known(request.method, request.path)
        ]

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
        endpoints = map(_endpoint, self.requests_to("api"))
        return Counter(endpoint for endpoint in endpoints if endpoint is not None)

    def clear_requests(self) -> None:
        """Clear the request log."""
        self._log.clear()

    async def wait_until_idle(self) -> None:
        """Wait until no request is in progress.

        When a client has read a response or has closed the connection, the server may not have
        noticed yet. Call this before asserting on `LoggedRequest.status` and `bytes_sent`.
        """
        if self._thread is None:
            await self._log.wait_all_finished()
        else:
            await asyncio.to_thread(self.block_until_idle)

    def block_until_idle(self, timeout: float | None = None) -> None:
        """Wait until no request is in progress, in a test without an event loop.

        Args:
            timeout: The number of seconds to wait at most. None means no limit.

        Raises:
            RuntimeError: The server runs on an event loop of the caller, which this would block.
            TimeoutError: A request is still in progress.
        """
        if self._thread is None:
            raise RuntimeError("this server needs the event loop; await wait_until_idle() instead")
        self._thread.run(self._log.wait_all_finished(), timeout)


def _endpoint(request: LoggedRequest) -> str | None:
    route = find_route(request.method, request.target.partition("?")[0])
    return None if route is None else str(route.endpoint)
