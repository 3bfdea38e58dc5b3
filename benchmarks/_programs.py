"""Programs that fetch an artifact, as one would type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from benchmarks._servers import GitHub

_ACCEPT = "-H 'Accept: application/vnd.github+json'"
_PATH = "/repos/octo-org/octo-docs/actions/artifacts/1/zip"


def fetchers(server: GitHub, target: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Name, shell command, and the programs it needs."""
    curl, path = curl_to(server, target), quote(str(target))
    yield "curl", curl, ["curl"]
    yield "curl && openssl dgst", f"{curl} && openssl dgst -sha256 {path}", ["curl", "openssl"]
    yield "curl && sha256sum", f"{curl} && sha256sum {path}", ["curl", "sha256sum"]
    yield "aria2c -x8", aria2c_to(server, target, 8), ["aria2c", "curl"]
    yield "gh api", gh(server, f"api {_ACCEPT} {_PATH} > {path}"), ["gh"]


def curl_to(server: GitHub, target: Path) -> str:
    """Curl follows the redirect, and takes the token no farther than GitHub."""
    return f"curl -sSfL {_asking(server)} -o {quote(str(target))}"


def aria2c_to(server: GitHub, target: Path, connections: int) -> str:
    """aria2c takes its headers along on a redirect, so curl asks for the signed URL."""
    trust = f"--ca-certificate={quote(server.ca)} " if server.ca else ""
    located = f"curl -sSf -o /dev/null -w '%{{redirect_url}}' {_asking(server)}"
    return (
        f"aria2c -q -x{connections} -s{connections} -k1M --file-allocation=none {trust}"
        f"--allow-overwrite=true --dir={quote(str(target.parent))} --out={quote(target.name)} "
        f'"$({located})"'
    )


def gh(server: GitHub, arguments: str) -> str:
    """Gh speaks http to one host alone, which a proxy stands for."""
    return (
        f"GH_HOST=github.localhost GH_TOKEN={server.token} GH_CONFIG_DIR=/nonexistent "
        f"HTTP_PROXY=http://{server.relay} gh {arguments}"
    )


def _asking(server: GitHub) -> str:
    trust = f"--cacert {quote(server.ca)} " if server.ca else ""
    return f"{trust}{_ACCEPT} -H 'Authorization: Bearer {server.token}' {server.url}{_PATH}"
