"""Shell commands that download an artifact, as a user would type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from benchmarks._servers import GitHub

_ACCEPT = "-H 'Accept: application/vnd.github+json'"
_PATH = "/repos/octo-org/octo-docs/actions/artifacts/1/zip"


def fetchers(server: GitHub, target: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the ways to download the artifact: a name, a command, and the programs it needs."""
    curl, path = curl_command(server, target), quote(str(target))
    yield "curl", curl, ["curl"]
    yield "curl && openssl dgst", f"{curl} && openssl dgst -sha256 {path}", ["curl", "openssl"]
    yield "curl && sha256sum", f"{curl} && sha256sum {path}", ["curl", "sha256sum"]
    yield "aria2c -x8", aria2c_command(server, target, 8), ["aria2c", "curl"]
    yield "gh api", gh_command(server, f"api {_ACCEPT} {_PATH} > {path}"), ["gh"]


def curl_command(server: GitHub, target: Path) -> str:
    """Return a command that downloads with curl.

    curl follows the redirect, and does not send the token to the redirect's host.
    """
    return f"curl -sSfL {_curl_arguments(server)} -o {quote(str(target))}"


def aria2c_command(server: GitHub, target: Path, connections: int) -> str:
    """Return a command that downloads with aria2c.

    aria2c would also send the token to the redirect's host, so curl requests the signed URL first.
    """
    trust = f"--ca-certificate={quote(server.ca)} " if server.ca else ""
    signed_url = f"curl -sSf -o /dev/null -w '%{{redirect_url}}' {_curl_arguments(server)}"
    return (
        f"aria2c -q -x{connections} -s{connections} -k1M --file-allocation=none {trust}"
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
