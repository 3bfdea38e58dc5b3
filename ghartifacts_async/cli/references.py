"""References to repositories, runs and artifacts, as people type or paste them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from attrs import frozen

from ghartifacts_async.errors import InvalidArgument

_NAME = re.compile(r"(?:(?P<host>[^/\s]+)/)?(?P<repository>[^/\s:]+/[^/\s:]+)/?")
_SSH = re.compile(r"(?:[^@/\s]+@)(?P<host>[^:/\s]+):(?P<repository>[^/\s:]+/[^/\s:]+)/?")
_ID = "([1-9][0-9]{0,17})(?![0-9])"
_DIGITS = re.compile(_ID)
_RUN = re.compile(rf"/actions/runs/{_ID}")
_ARTIFACT = re.compile(rf"/artifacts/{_ID}")
_PORTS = {"http": {None, 80}, "https": {None, 443}}
"""The ports that the address of a web page does not name."""
_SCHEMES = {*_PORTS, "ssh", "git"}
_API = re.compile(r"\A/(?:api/v3/)?repos/(?=[^/]+/[^/]+)")


@frozen
class Reference:
    """What a reference names. Each part is None if it does not name it.

    Attributes:
        host: Host of the web pages, such as ``github.com``, with a port if it has one.
        repository: ``owner/name``.
        run: Id of a workflow run.
        artifact: Id of an artifact.
    """

    host: str | None = None
    repository: str | None = None
    run: int | None = None
    artifact: int | None = None


def parse_reference(text: str) -> Reference | None:
    """Parse ``OWNER/REPO``, ``HOST/OWNER/REPO``, the URL of a page or API call, or of a git remote.

    Returns:
        What the text refers to, or None if it has none of these forms.
    """
    if "://" in text:
        return _parse_url(text)
    found = _SSH.fullmatch(text) or _NAME.fullmatch(text)
    if found is None:
        return None
    host = found["host"] and web_host(f"//{found['host']}")
    return Reference(host, found["repository"].removesuffix(".git"))


def split_repository(arguments: Sequence[str]) -> tuple[Reference, list[str]]:
    """Split the repository off the arguments of a command.

    The repository is the first argument if it contains a slash, which no artifact's name does. The
    URL of an artifact or run is both a repository and an artifact or run, so it remains.
    """
    if not arguments or "/" not in arguments[0]:
        return Reference(), list(arguments)
    reference = parse_reference(arguments[0])
    if reference is None or reference.repository is None:
        raise InvalidArgument(
            f"{arguments[0]!r} is not a repository; write OWNER/REPO, HOST/OWNER/REPO or a URL"
        )
    is_only_repository = reference.run is None and reference.artifact is None
    return reference, list(arguments[1:] if is_only_repository else arguments)


def number_in(text: str, kind: str) -> int | None:
    """Return the id that a text gives: digits, or the URL of an artifact or run.

    Args:
        text: The argument.
        kind: ``"artifact"`` or ``"run"``.
    """
    if (digits := _DIGITS.fullmatch(text)) is not None:
        return int(digits[1])
    reference = parse_reference(text) if "://" in text else None
    return None if reference is None else getattr(reference, kind)


def web_host(api_url: str) -> str:
    """Return the host of the web pages for a URL of the API, of a page or of an SSH server."""
    host = urlsplit(api_url).netloc
    if host.lower() in _ALIASES:
        return "github.com"
    return host.removeprefix("api.") if _is_cloud(host) else host


_ALIASES = {"www.github.com", "ssh.github.com"}
"""Other names of github.com, of which the second accepts SSH at the port of HTTPS."""


def _is_cloud(api_host: str) -> bool:
    return api_host == "api.github.com" or (
        api_host.startswith("api.") and api_host.endswith(".ghe.com")
    )


def _parse_url(text: str) -> Reference | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.removeprefix("git+")
    if scheme not in _SCHEMES or not parts.hostname:
        return None
    path = unquote(_API.sub("/", parts.path, count=1))
    names = [name for name in path.split("/") if name][:2]
    if len(names) < 2:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    # The port of an SSH server is not that of the web pages.
    if scheme in _PORTS and port not in _PORTS[scheme]:
        host += f":{port}"
    run, artifact = _RUN.search(path), _ARTIFACT.search(path)
    return Reference(
        web_host(f"//{host}"),
        f"{names[0]}/{names[1].removesuffix('.git')}",
        int(run[1]) if run else None,
        int(artifact[1]) if artifact else None,
    )
