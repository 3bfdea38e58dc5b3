"""The server and the token that the environment variables of the GitHub CLI and of workflows name.

A token is sent only to the kind of server that its variable names: ``GH_TOKEN`` and
``GITHUB_TOKEN`` to github.com and data-residency hosts, ``GH_ENTERPRISE_TOKEN`` and
``GITHUB_ENTERPRISE_TOKEN`` to an Enterprise Server. The ``GITHUB_TOKEN`` of a workflow is sent only
to the server that runs the workflow. A server on this machine, such as FakeGitHub, gets any token.

Source: https://cli.github.com/manual/gh_help_environment
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from ghartifacts_async import _arguments
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.urls import origin, split_url
from ghartifacts_async.errors import InvalidArgument, NoToken

# Not a mapping of the variables, because tracebacks may show its values.
GetEnv: TypeAlias = Callable[[str], str | None]
"""A function such as `os.getenv`."""

_CLOUD = ("GH_TOKEN", "GITHUB_TOKEN")
_ENTERPRISE = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
_WORKFLOW = "GITHUB_TOKEN"


def base_url_in(getenv: GetEnv) -> str:
    """Return the base URL of the API: that of ``GH_HOST``, ``GITHUB_API_URL`` or github.com.

    Raises:
        InvalidArgument: The variable has an invalid value.
    """
    host, url = getenv("GH_HOST"), getenv("GITHUB_API_URL")
    if url and not host:
        with _naming("GITHUB_API_URL"):
            return _arguments.base_url(url)
    with _naming("GH_HOST"):
        return _arguments.base_url_of_host(host or "github.com")


def token_in(getenv: GetEnv, base_url: str) -> Secret:
    """Return the token for a server.

    Args:
        getenv: Function that returns the value of an environment variable, or None.
        base_url: Base URL of the server's API.

    Raises:
        NoToken: No variable contains a token for this server.
        InvalidArgument: The variable's value cannot be a token.
    """
    names = _token_variables(getenv, base_url)
    for name in names:
        if getenv(name):
            with _naming(name):
                return _arguments.token(getenv(name))
    host = urlsplit(base_url).netloc
    others = [name for name in (*_CLOUD, *_ENTERPRISE) if getenv(name)]
    ignored = f" ({', '.join(others)}: set, but for another server)" if others else ""
    if host == "api.github.com":
        command = "gh auth token"
    else:
        command = f"gh auth token --hostname {host.removeprefix('api.')}"
    raise NoToken(
        f"no token for {host}: set {' or '.join(names)}{ignored}; with the GitHub CLI: "
        f"export {names[0]}=$({command}). For calls without a token, pass auth=Anonymous()"
    )


def repository_in(getenv: GetEnv) -> str:
    """Return the repository of the workflow that this program runs in, ``owner/name``.

    Raises:
        InvalidArgument: ``GITHUB_REPOSITORY`` is not set or has an invalid value.
    """
    name = getenv("GITHUB_REPOSITORY")
    if not name:
        raise InvalidArgument("pass a repository as 'owner/name', or set GITHUB_REPOSITORY")
    with _naming("GITHUB_REPOSITORY"):
        return _arguments.repository(name)


@contextmanager
def _naming(variable: str) -> Iterator[None]:
    """Put the name of the variable before the message if the block raises `InvalidArgument`."""
    try:
        yield
    except InvalidArgument as error:
        raise InvalidArgument(f"{variable}: {error.summary}") from None


def _token_variables(getenv: GetEnv, base_url: str) -> list[str]:
    """Return the variables whose tokens may be sent to a server, in order of preference."""
    server = urlsplit(base_url)
    host = (server.hostname or "").rstrip(".")
    workflow_url = getenv("GITHUB_API_URL")
    workflow = split_url(workflow_url) if workflow_url else None
    if _is_local(host):
        return [*_CLOUD, *_ENTERPRISE]
    if host == "api.github.com" or host.endswith(".ghe.com"):
        names = [*_CLOUD]
        if workflow_url and (workflow is None or origin(workflow) != origin(server)):
            names.remove(_WORKFLOW)
        return names
    runs_here = workflow is not None and origin(workflow) == origin(server)
    return [*_ENTERPRISE, _WORKFLOW] if runs_here else [*_ENTERPRISE]


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
