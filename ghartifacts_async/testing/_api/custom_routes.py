"""Endpoints that a test adds to the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ghartifacts_async.testing._api.errors import json_response
from ghartifacts_async.testing._shared.messages import Request, Response
from ghartifacts_async.testing._shared.request_log import LoggedRequest

RouteHandler = Callable[..., Any]

_GHES_BASE = "/api/v3"
_PARAMETER = re.compile(r"\{(\w+)\}")


class CustomRoutes:
    """The routes that a test has added; a later one wins over an earlier one."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], RouteHandler]] = []

    def add(self, method: str, path: str, handler: RouteHandler) -> None:
        """Add a route; see `FakeGitHub.route`."""
        if not path.startswith("/"):
            raise ValueError(f"a path must start with a slash, not {path!r}")
        literals = _PARAMETER.split(path)
        literals[::2] = map(re.escape, literals[::2])
        literals[1::2] = [f"(?P<{name}>[^/]+)" for name in literals[1::2]]
        pattern = re.compile(f"(?:{_GHES_BASE})?{''.join(literals)}")
        self._routes.insert(0, (method.upper(), pattern, handler))

    def matches(self, method: str, path: str) -> bool:
        """Return True if a route has this method and percent-decoded path."""
        return self._find(method, path) is not None

    def respond(self, request: Request) -> Response | None:
        """Return the response of the route that matches, or None if none does."""
        found = self._find(request.method, request.path)
        if found is None:
            return None
        handler, values = found
        return _response(handler(LoggedRequest.of("api", request), **values))

    def _find(self, method: str, path: str) -> tuple[RouteHandler, dict[str, str]] | None:
        for expected, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match and expected in (method, "GET" if method == "HEAD" else method):
                return handler, match.groupdict()
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
