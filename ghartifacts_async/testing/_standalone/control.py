"""The control endpoint, which applies a scenario to a running server and reports its requests."""

from __future__ import annotations

from typing import Any

from ghartifacts_async.testing._shared.request_log import LoggedRequest
from ghartifacts_async.testing._standalone.scenario import Scenarios, parse
from ghartifacts_async.testing.server import FakeGitHub

PATH = "/_control"


def add_control_endpoint(fake: FakeGitHub, scenarios: Scenarios) -> None:
    """Add the control endpoint to a server.

    `GET` reports the number of requests to each endpoint, the unknown requests, and the delayed
    entries that could not take effect. `POST` takes a scenario as JSON. `DELETE` removes all
    faults. No fault and no rate limit applies to these requests.

    Args:
        fake: The server.
        scenarios: Applies scenarios to the server.
    """

    def report(_: LoggedRequest) -> Any:
        unknown = [f"{request.method} {request.path}" for request in fake.unknown_requests]
        return {
            "ready": True,
            "requests": dict(fake.request_counts()),
            "unknown_requests": unknown,
            "queued_faults": fake.queued_faults,
            "failures": scenarios.failures,
        }

    def add(request: LoggedRequest) -> Any:
        try:
            return 201, {"added": scenarios.apply(parse(request.body))}
        except ValueError as error:
            return 422, {"message": str(error)}

    def clear(_: LoggedRequest) -> Any:
        fake.clear_faults()
        return 204, None

    for method, handler in (("GET", report), ("POST", add), ("DELETE", clear)):
        fake.route(method, PATH, handler, unrestricted=True)
