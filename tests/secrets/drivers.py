"""For each error class, an operation that raises it in a client that holds secrets."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ghartifacts_async import Client, Timeouts, errors
from ghartifacts_async.auth import GitHubApp, Token
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.clock import wall
from tests.secrets import canaries
from tests.secrets.archives import ARCHIVES
from tests.secrets.driving import ONCE, Drive, client, download, failing, get, located, stored
from tests.secrets.runs import RUNS
from tests.support import REPOSITORY, raw_server, rsa_keys, says


async def bad_provider(fake: FakeGitHub, _: Path) -> Any:
    """Call the API with a token provider that raises."""

    async def provide() -> str:
        raise LookupError("no vault")

    return await get(fake, auth=provide)


async def token_of_another_server(_: FakeGitHub, __: Path) -> Any:
    """Create a client from an environment whose token is for another server."""
    environment = {"GH_ENTERPRISE_TOKEN": canaries.TOKEN}
    with mock.patch.dict(os.environ, environment, clear=True):
        return Client.from_env()


async def not_entered(fake: FakeGitHub, _: Path) -> Any:
    """Use a client outside `async with`."""
    return await client(fake).repo(REPOSITORY).get_artifact(1)


async def unknown_authority(fake: FakeGitHub, to: Path) -> Any:
    """Download from a store with a self-signed certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = to / "pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await located(fake, to, f"https://127.0.0.1:{port}")


async def unreachable_store(fake: FakeGitHub, to: Path) -> Any:
    """Download from a store that refuses connections."""
    async with raw_server(says(b"")) as url:
        pass
    return await located(fake, to, url)


async def unreachable_proxy(fake: FakeGitHub, _: Path) -> Any:
    """Call the API through an unreachable proxy whose URL holds a password."""
    async with raw_server(says(b"")) as url:
        pass
    proxy = url.replace("://", f"://user:{canaries.PROXY}@")
    async with aiohttp.ClientSession(proxy=proxy) as session:
        return await get(fake, session=session)


async def silent_api(fake: FakeGitHub, _: Path) -> Any:
    """Call an API that does not respond."""
    with fake.holding():
        return await get(fake, timeouts=Timeouts(call=1))


async def silent_store(fake: FakeGitHub, to: Path) -> Any:
    """Download from a store that does not respond."""

    async def nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(100)

    async with raw_server(nothing) as url:
        return await located(fake, to, url, timeouts=Timeouts(stall=1, connect=1))


async def unknown_app(fake: FakeGitHub, _: Path) -> Any:
    """Authenticate as an app that GitHub does not know."""
    return await get(fake, auth=GitHubApp(7, rsa_keys()[0], installation_id=42, wall_clock=wall))


async def invalid_private_key(_: FakeGitHub, __: Path) -> Any:
    """Create an app with a private key that is not PEM."""
    return GitHubApp(7, canaries.KEY, installation_id=42)


async def app_without_installation(fake: FakeGitHub, _: Path) -> Any:
    """Call the API with an app without an installation or a repository."""
    return await get(fake, auth=GitHubApp(7, canaries.KEY))


async def token_with_newline(_: FakeGitHub, __: Path) -> Any:
    """Create a token that ends with a newline."""
    return Token(f"{canaries.TOKEN}\n")


async def provided_with_newline(fake: FakeGitHub, _: Path) -> Any:
    """Call the API with a provider that returns a token with a newline."""

    async def provide() -> str:
        return f"{canaries.TOKEN}\n"

    return await get(fake, auth=provide)


async def synchronous_provider(fake: FakeGitHub, _: Path) -> Any:
    """Call the API with a provider that is not async."""
    return await get(fake, auth=lambda: canaries.TOKEN)


async def bytes_token(fake: FakeGitHub, _: Path) -> Any:
    """Call the API with a token that is bytes."""
    return await get(fake, auth=canaries.TOKEN.encode())


async def provided_bytes_token(fake: FakeGitHub, _: Path) -> Any:
    """Call the API with a provider that returns bytes."""

    async def provide() -> bytes:
        return canaries.TOKEN.encode()

    return await get(fake, auth=provide)


async def malformed_app_token(fake: FakeGitHub, _: Path) -> Any:
    """Receive an installation token in a malformed response."""
    fake.add_app(7, rsa_keys()[1], 42)
    body = {"token": canaries.TOKEN, "expires_at": 7}
    fake.fail_next(Fault(201, body=body), method="POST")
    return await get(fake, auth=GitHubApp(7, rsa_keys()[0], installation_id=42, wall_clock=wall))


async def app_without_permission(fake: FakeGitHub, _: Path) -> Any:
    """Call the API as an app without permissions."""
    fake.add_app(7, rsa_keys()[1], 42, permissions={})
    refusal = Fault(403, headers={"X-Accepted-GitHub-Permissions": "actions=read"})
    fake.fail_next(refusal, method="GET")
    return await get(fake, auth=GitHubApp(7, rsa_keys()[0], installation_id=42, wall_clock=wall))


async def progress_that_raises(fake: FakeGitHub, to: Path) -> Any:
    """Download with a progress callback that raises."""

    def raise_it(_: object) -> None:
        raise LookupError("no screen")

    return await download(fake, to, on_progress=raise_it)


async def target_below_a_file(fake: FakeGitHub, to: Path) -> Any:
    """Download to a path below a regular file."""
    (to / "file").write_text("")
    return await download(fake, to / "file")


async def full_disk(fake: FakeGitHub, to: Path) -> Any:
    """Download to a full disk."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with mock.patch.object(os, "posix_fallocate", create=True, side_effect=full):
        return await download(fake, to)


async def target_in_use(fake: FakeGitHub, to: Path) -> Any:
    """Download to a path that another download has locked."""
    with fake.holding(origin="blob"):
        first = asyncio.ensure_future(download(fake, to))
        await asyncio.sleep(1)
        try:
            return await download(fake, to, wait_for_lock=False)
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)


async def existing_target(fake: FakeGitHub, to: Path) -> Any:
    """Download to a file that exists, with ``if_exists="error"``."""
    (to / "x.zip").write_text("")
    return await download(fake, to, if_exists="error")


async def wrong_bytes(fake: FakeGitHub, to: Path) -> Any:
    """Download from a store whose payload does not match the artifact's digest."""
    size = fake.artifacts(REPOSITORY)[0].size
    return await stored(b"200 OK", b"x" * size)(fake, to)


redirect_to_ftp = failing(
    Fault(302, headers={"Location": f"ftp://u:{canaries.NETRC}@x?{canaries.QUERY}"})
)
redirect_to_ftp_with_echo = failing(
    Fault(
        302,
        headers={"Location": f"ftp://x/{canaries.TOKEN}?{canaries.QUERY}"},
        body={"message": f"You sent {canaries.TOKEN}"},
    )
)


RAISED: list[tuple[type[errors.ArtifactsError], Drive]] = [
    (errors.InvalidArgument, invalid_private_key),
    (errors.InvalidArgument, app_without_installation),
    (errors.InvalidArgument, token_with_newline),
    (errors.InvalidArgument, provided_with_newline),
    (errors.InvalidArgument, synchronous_provider),
    (errors.InvalidArgument, bytes_token),
    (errors.InvalidArgument, provided_bytes_token),
    (errors.NoToken, token_of_another_server),
    (errors.ClientStateError, not_entered),
    (errors.TokenProviderError, bad_provider),
    (errors.ConnectionFailed, failing(*[Fault.dropped()] * 2)),
    (errors.ConnectionFailed, unreachable_store),
    (errors.ConnectionFailed, unreachable_proxy),
    (errors.ConnectionFailed, stored(b"not HTTP", b"")),
    (errors.CertificateRefused, unknown_authority),
    (errors.TimedOut, silent_api),
    (errors.TimedOut, silent_store),
    (errors.AuthenticationError, failing(401)),
    (errors.InstallationTokenError, unknown_app),
    (errors.PermissionDenied, failing(403)),
    (errors.PermissionDenied, app_without_permission),
    (errors.NotFound, failing(404)),
    (errors.ArtifactExpired, failing(410)),
    (errors.ApiVersionRetired, failing(Fault(410, body={"message": "version is gone"}))),
    (errors.RateLimited, failing(Fault(403, retry_after=60, body={"message": canaries.TOKEN}))),
    (errors.ServerError, failing(502, 502)),
    (errors.UnexpectedReply, failing(422)),
    (errors.UnexpectedReply, failing(Fault(200, body={"id": canaries.TOKEN}))),
    (errors.UnexpectedReply, malformed_app_token),
    (
        errors.RedirectRefused,
        failing(Fault(302, headers={"Location": f"https://evil.example/?{canaries.QUERY}"})),
    ),
    (errors.RedirectRefused, redirect_to_ftp),
    (errors.RedirectRefused, redirect_to_ftp_with_echo),
    (
        errors.StoreError,
        stored(b"403 Forbidden", b"<Code>AuthenticationFailed</Code>", retry=ONCE),
    ),
    (errors.IncompleteDownload, stored(b"200 OK", b"x")),
    (errors.DigestMismatch, wrong_bytes),
    (errors.ProgressError, progress_that_raises),
    (errors.DiskError, target_below_a_file),
    (errors.DiskFull, full_disk),
    (errors.TargetBusy, target_in_use),
    (errors.TargetExists, existing_target),
    *ARCHIVES,
    *RUNS,
]

PARENTS = {
    errors.ArtifactsError,
    errors.TransportError,
    errors.GitHubError,
    errors.DownloadError,
    errors.ArchiveError,
    errors.WaitError,
    errors.WebhookError,
}
"""Base classes for callers to catch; only their subclasses are raised."""
