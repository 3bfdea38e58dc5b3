"""A GitHub on loopback to test against: nothing is mocked, real requests meet a real server.

`FakeGitHub` serves the five artifact endpoints on one origin and the signed blob URLs behind
them on another, as strictly as GitHub and its blob store do. It enforces rate limits, fails,
renames, mints tokens and refuses versions as a test tells it to; its blob host cuts, resets,
stalls, throttles, corrupts, lies and lets URLs expire. The names are resolved on first use, so
that loading the pytest plugin of this package does not load the server.

Example:
    ```python
    async with FakeGitHub() as fake:
        fake.add_artifact("octo-org/octo-docs", "dist", {"a.txt": b"hello"})
        ...  # point the client at fake.url with fake.token
        assert [request.status for request in fake.requests_to("blob")] == [200]
        fake.fail_blobs_next(503, BlobFault.flip(at=7) & BlobFault.truncate(after=100))
        ...  # the next two requests to the blob host meet these
    ```
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghartifacts_async.testing._api.faults import Fault, fault_bursts
    from ghartifacts_async.testing._api.limits import FakeLimits
    from ghartifacts_async.testing._blob.faults import BlobFault
    from ghartifacts_async.testing._shared.artifact import FakeArtifact
    from ghartifacts_async.testing._shared.log import LoggedRequest
    from ghartifacts_async.testing.server import FakeGitHub

__all__ = [
    "BlobFault",
    "FakeArtifact",
    "FakeGitHub",
    "FakeLimits",
    "Fault",
    "LoggedRequest",
    "fault_bursts",
]

_HOMES = {
    "BlobFault": "_blob.faults",
    "FakeArtifact": "_shared.artifact",
    "FakeGitHub": "server",
    "FakeLimits": "_api.limits",
    "Fault": "_api.faults",
    "LoggedRequest": "_shared.log",
    "fault_bursts": "_api.faults",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an export

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
