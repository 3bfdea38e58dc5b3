"""Shell commands that download an artifact, as a user would type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from benchmarks._servers import GitHub

_ACCEPT = "-H 'Accept: application/vnd.github+json'"
_PATH = "/repos/octo-org/octo-docs/actions/artifacts/1/zip"


def fetchers(
    server: GitHub, target: Path, digest: str
) -> Iterator[tuple[str, str, list[str], bool]]:
    """Yield the ways to download the artifact.

    Args:
        server: The server.
        target: Path of the file to write.
        digest: SHA-256 of the artifact, in hexadecimal.

    Yields:
        A name, a command, the programs it needs, and whether it verifies the digest.
    """
    curl, path = curl_command(server, target), quote(str(target))
    hashed = f"{curl_command(server)} | tee {path} | openssl dgst -sha256 -r"
    checked = f'hashed=$({hashed}) && test "${{hashed%% *}}" = {digest}'
    aria2c = aria2c_command(server, target, 8, digest)
    yield "curl | tee | openssl dgst", checked, ["curl", "tee", "openssl"], True
    yield "aria2c -x8 --checksum", aria2c, ["aria2c", "curl"], True
    yield "curl", curl, ["curl"], False
    yield "gh api", gh_command(server, f"api {_ACCEPT} {_PATH} > {path}"), ["gh"], False


def curl_command(server: GitHub, target: Path | None = None) -> str:
    """Return a command that downloads with curl, to standard output without a target.

    curl follows the redirect, and does not send the token to the redirect's host.
    """
    output = "" if target is None else f" -o {quote(str(target))}"
    return f"curl -sSfL {_curl_arguments(server)}{output}"


def aria2c_command(
    server: GitHub, target: Path, connections: int, digest: str | None = None
) -> str:
    """Return a command that downloads with aria2c, and verifies the SHA-256 if it is given.

    aria2c would also send the token to the redirect's host, so curl requests the signed URL first.
    """
    trust = f"--ca-certificate={quote(server.ca)} " if server.ca else ""
    checksum = "" if digest is None else f"--checksum=sha-256={digest} "
    signed_url = f"curl -sSf -o /dev/null -w '%{{redirect_url}}' {_curl_arguments(server)}"
    return (
        f"aria2c -q -x{connections} -s{connections} -k1M --file-allocation=none {trust}{checksum}"
        f"--allow-overwrite=true --dir={quote(str(target.parent))} --out={quote(target.name)} "
        f'"$({signed_url})"'
    )


def gh_command(server: GitHub, arguments: str) -> str:
    """Return a command that runs gh with these arguments.

    gh uses plain http for no other host than ``github.localhost``, so its requests go through a
    proxy.
    """
    return (
        f"GH_HOST=github.localhost GH_TOKEN={server.token} GH_CONFIG_DIR=/nonexistent "
        f"HTTP_PROXY=http://{server.relay} gh {arguments}"
    )


def _curl_arguments(server: GitHub) -> str:
    trust = f"--cacert {quote(server.ca)} " if server.ca else ""
    return f"{trust}{_ACCEPT} -H 'Authorization: Bearer {server.token}' {server.url}{_PATH}"
