"""Tests with a fake GitHub: a real HTTP server on loopback, so nothing needs to be mocked.

`FakeGitHub` listens on two origins. One serves the artifact endpoints of GitHub's API; the other
is the blob store to which the API redirects downloads. They are as strict as GitHub and Azure.

```python
from ghartifacts_async.testing import FakeGitHub

async with FakeGitHub() as fake:
    fake.add_artifact("octo-org/octo-docs", "dist", {"a.txt": b"hello"}, id=11)
    async with Client(fake.token, base_url=fake.url) as client:
        assert await client.repo("octo-org/octo-docs").read_member(11, "a.txt") == b"hello"
    print([request.status for request in fake.requests_to("blob")])
```

In a test, use the fixture ``fake_github`` of the pytest plugin that this package installs. It works
in async tests, with pytest-asyncio or anyio, and in synchronous tests:

```python
from pathlib import Path

from ghartifacts_async.testing import FakeGitHub


async def test_the_report_is_downloaded(fake_github: FakeGitHub, tmp_path: Path) -> None:
    added = fake_github.add_artifact("octo-org/octo-docs", "report", {"report.json": "{}"})
    async with Client(fake_github.token, base_url=fake_github.url) as client:
        download = await client.repo("octo-org/octo-docs").download_artifact(added.id, tmp_path)
    assert download.verified
```

Any client can use the server. ``with FakeGitHub()`` runs it in a thread, and ``python -m
ghartifacts_async.testing`` runs it for other programs, and prints what to export for them. The line
``actions`` serves `Client.from_env` and the command line, too.

## Faults

A test can make the API enforce rate limits, fail, redirect renamed repositories, issue
installation tokens and retire API versions. It can make the blob store drop, reset, stall,
throttle or corrupt responses, send wrong headers and let signed URLs expire:

```python
from ghartifacts_async.testing import BlobFault, FakeGitHub

async with FakeGitHub() as fake:
    fake.add_artifact("octo-org/octo-docs", "dist", bytes(1000), id=11)
    fake.fail_next(503)  # the next call
    fake.fail_blobs_next(503, BlobFault.truncate(after=100))  # the next two requests for bytes
    async with Client(fake.token, base_url=fake.url) as client:
        download = await client.repo("octo-org/octo-docs").download_artifact(11, "faults.zip")
    assert download.verified and fake.queued_faults == 0
```

Workflow runs, webhooks, users' tokens and apps exist as well; `FakeGitHub.route` adds endpoints
that the server does not know.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghartifacts_async.testing._api.faults import Fault
    from ghartifacts_async.testing._api.rate_limits.limits import FakeLimits
    from ghartifacts_async.testing._blob.faults import BlobFault
    from ghartifacts_async.testing._shared.artifact import FakeArtifact
    from ghartifacts_async.testing._shared.fault_schedule import fault_bursts
    from ghartifacts_async.testing._shared.repository import FakeCommit
    from ghartifacts_async.testing._shared.request_log import LoggedRequest
    from ghartifacts_async.testing._shared.run import FakeRun
    from ghartifacts_async.testing.server import FakeGitHub

__all__ = [
    "BlobFault",
    "FakeArtifact",
    "FakeCommit",
    "FakeGitHub",
    "FakeLimits",
    "FakeRun",
    "Fault",
    "LoggedRequest",
    "fault_bursts",
]

# Each name is imported on first use. pytest loads the plugin in this package on every run, and
# that should not import the server.
_MODULES = {
    "BlobFault": "_blob.faults",
    "FakeArtifact": "_shared.artifact",
    "FakeCommit": "_shared.repository",
    "FakeGitHub": "server",
    "FakeLimits": "_api.rate_limits.limits",
    "FakeRun": "_shared.run",
    "Fault": "_api.faults",
    "LoggedRequest": "_shared.request_log",
    "fault_bursts": "_shared.fault_schedule",
}

if not TYPE_CHECKING:  # type checkers that see __getattr__ accept misspelt names

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
