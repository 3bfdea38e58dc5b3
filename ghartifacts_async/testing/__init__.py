"""Tests with a fake GitHub: a real HTTP server on loopback, so nothing needs to be mocked.

`FakeGitHub` listens on two origins. One serves the artifact endpoints of GitHub's API; the other
is the blob store to which the API redirects downloads. They are as strict as GitHub and Azure.

```python
from ghartifacts_async import Client
from ghartifacts_async.testing import FakeGitHub

async with FakeGitHub() as fake:
    fake.add_artifact("octo-org/octo-docs", "dist", {"a.txt": b"hello"}, id=11)
    async with Client(fake.token, base_url=fake.url) as client:
        assert await client.repo("octo-org/octo-docs").read_member(11, "a.txt") == b"hello"
    print([request.status for request in fake.requests_to("blob")])
```

In a test, use the fixture ``fake_github`` of the pytest plugin that this package installs. It works
in synchronous tests, and in async tests with pytest-asyncio or anyio. This test needs no mark if
pytest-asyncio is set to ``asyncio_mode = auto``:

```python
from pathlib import Path

from ghartifacts_async import Client
from ghartifacts_async.testing import FakeGitHub


async def test_the_report_is_downloaded(fake_github: FakeGitHub, tmp_path: Path) -> None:
    added = fake_github.add_artifact("octo-org/octo-docs", "report", {"report.json": "{}"})
    async with Client(fake_github.token, base_url=fake_github.url) as client:
        download = await client.repo("octo-org/octo-docs").download_artifact(added.id, tmp_path)
    assert download.verified
```

Any client can use the server. ``with FakeGitHub()`` runs it in a thread, and ``python -m
ghartifacts_async.testing`` runs it for other programs, and prints what to export for them. The line
``ghartifacts`` serves `Client.from_env`, too. ``--help`` describes the scenario file that fills the
server.

## Services

To test a service, let the environment name the server for `Client.from_env`, and send webhooks to
the service with `FakeGitHub.deliver`:

```python
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ghartifacts_async import Client, webhooks
from ghartifacts_async.testing import FakeGitHub


async def receive(request: web.Request) -> web.Response:
    event = webhooks.parse(request.headers, await request.read(), secret="s3cret")
    async with Client.from_env() as gh:
        assert event.repository is not None and event.run is not None
        found = await gh.repo(event.repository.full_name).list_run_artifacts(event.run).collect()
    return web.Response(status=200 if found else 404)


async def test_a_webhook_is_received(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GH_HOST", raising=False)
    monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
    monkeypatch.setenv("GH_TOKEN", fake_github.token)
    run = fake_github.add_run("octo-org/octo-docs")
    fake_github.add_artifact("octo-org/octo-docs", "report", {"a.json": "{}"}, run_id=run)
    app = web.Application()
    app.router.add_post("/webhook", receive)
    async with TestServer(app) as server:
        url = str(server.make_url("/webhook"))
        assert await fake_github.deliver(url, "workflow_run", run=run, secret="s3cret") == 200
```

For a GitHub App, make a key, and give its public half to the server (extra ``testing``):

```python
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ghartifacts_async import Client, GitHubApp
from ghartifacts_async.testing import FakeGitHub

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pem = serialization.Encoding.PEM
private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
async with FakeGitHub() as fake:
    fake.add_app(7, public, 42, ["octo-org/octo-docs"])
    fake.add_artifact("octo-org/octo-docs", "dist", {"a.txt": b"hello"}, id=11)
    async with Client(GitHubApp(7, private), base_url=fake.url) as service:
        repo = service.for_installation(42).repo("octo-org/octo-docs")
        assert await repo.read_member(11, "a.txt") == b"hello"
```

## Faults

A test can make the API enforce rate limits, fail, redirect renamed repositories, issue
installation tokens and retire API versions. It can make the blob store drop, reset, stall,
throttle or corrupt responses, send wrong headers and let signed URLs expire:

```python
from ghartifacts_async import Client
from ghartifacts_async.testing import BlobFault, FakeGitHub

async with FakeGitHub() as fake:
    fake.add_artifact("octo-org/octo-docs", "dist", bytes(1000), id=11)
    fake.fail_next(503)  # the next call
    fake.fail_blobs_next(503, BlobFault.truncate(after=100))  # the next two requests for bytes
    async with Client(fake.token, base_url=fake.url) as client:
        download = await client.repo("octo-org/octo-docs").download_artifact(11, "faults.zip")
    assert download.verified and fake.queued_faults == 0
```

`FakeGitHub.expire_artifact` lets an artifact expire, and `Fault.secondary_limit` refuses a call at
a rate limit. Users' tokens and their permissions exist as well. `FakeGitHub.route` adds endpoints
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
