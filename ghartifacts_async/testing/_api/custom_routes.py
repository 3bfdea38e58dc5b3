"""Endpoints that a test adds to the API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs

from ghartifacts_async.testing._api.errors import json_response
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.messages import Request, Response
from ghartifacts_async.testing._shared.request_log import LoggedRequest

RouteHandler = Callable[..., Any]

_GHES_BASE = "/api/v3"
_PARAMETER = re.compile(r"\{(\w+)\}")


@attrs.frozen
class _Route:
    method: str
    path: re.Pattern[str]
    handler: RouteHandler
    unrestricted: bool


class CustomRoutes:
    """The routes that a test has added; a later one wins over an earlier one.

    Args:
        now: The server's clock.
    """

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._routes: list[_Route] = []

    def add(
        self, method: str, path: str, handler: RouteHandler, *, unrestricted: bool = False
    ) -> None:
        """Add a route; see `FakeGitHub.route`."""
        if not path.startswith("/"):
            raise ValueError(f"a path must start with a slash, not {path!r}")
        literals = _PARAMETER.split(path)
        literals[::2] = map(re.escape, literals[::2])
        literals[1::2] = [f"(?P<{name}>[^/]+)" for name in literals[1::2]]
        pattern = re.compile(f"(?:{_GHES_BASE})?{''.join(literals)}")
        self._routes.insert(0, _Route(method.upper(), pattern, handler, unrestricted))

    def matches(self, method: str, path: str) -> bool:
        """Return True if a route has this method and percent-decoded path."""
        return self._find(method, path) is not None

    def respond(self, request: Request) -> Response | None:
        """Return the response of the route that matches, or None if none does."""
        found = self._find(request.method, request.path)
        if found is None:
            return None
        route, values = found
        return _response(route.handler(LoggedRequest.of("api", request), **values))

    def is_unrestricted(self, request: Request) -> bool:
        """Return True if the request is for a route to which no checks and no faults apply."""
        found = self._find(request.method, request.path)
        return found is not None and found[0].unrestricted

    @asynccontextmanager
    async def handle(self, request: Request) -> AsyncIterator[Response]:
        """Yield the response of an unrestricted route."""
        self._now.execute_due()
        response = self.respond(request)
        assert response is not None
        yield response

    def _find(self, method: str, path: str) -> tuple[_Route, dict[str, str]] | None:
        for route in self._routes:
            match = route.path.fullmatch(path)
            if match and route.method in (method, "GET" if method == "HEAD" else method):
                return route, match.groupdict()
        return None


def _response(result: Any) -> Response:
    """Return what a handler returned as a response: a document, or a tuple with a status."""
    status: int = 200
    headers: Mapping[str, str] = {}
    if isinstance(result, tuple):
        status, result, *rest = result
        headers = rest[0] if rest else {}
    if result is None:
        return Response(status, dict(headers))
    if isinstance(result, bytes):
        return Response(status, {"Content-Type": "application/octet-stream", **headers}, result)
    return json_response(status, result, headers)
