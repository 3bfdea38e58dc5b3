"""Which repository, server and token a command uses, by the rules of the GitHub CLI."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve

import ghartifacts_async
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.references import (
    Reference,
    parse_reference,
    split_repository,
    web_host,
)
from ghartifacts_async.errors import InvalidArgument, NoToken

if TYPE_CHECKING:
    from ghartifacts_async import Client, Repo
    from ghartifacts_async.cli.common import Common, RepositoryCommon

_REMOTES = ("upstream", "github", "origin")
"""The git remotes that the GitHub CLI prefers, the preferred one first."""

_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")


def choose_repository(
    common: RepositoryCommon, arguments: Sequence[str], run: str | None = None
) -> tuple[str, list[str]]:
    """Return the repository that a command works on, and the rest of its arguments.

    The repository is given by ``--repo``, the first argument, the URL of an artifact or run,
    ``GH_REPO``, ``GITHUB_REPOSITORY`` or the git remote of the working directory. If its host is
    not the server of the environment, ``GH_HOST`` is set, so that the token for that host is used.

    Args:
        common: The options of the command.
        arguments: The arguments of the command.
        run: The value of ``--run``, which may be a URL.

    Raises:
        InvalidArgument: None of these is a repository, or an argument names another one.
    """
    reference, rest = split_repository(arguments)
    if common.repo is not None:
        reference = _parse(common.repo)
    elif reference.repository is None:
        urls = (parse_reference(text) for text in [*arguments, run or ""] if "://" in text)
        reference = next((url for url in urls if url is not None), None) or _of_environment()
    assert reference.repository is not None
    use_host(reference)
    _refuse_other_repositories(reference.repository, arguments, run)
    return reference.repository, rest


def use_host(reference: Reference) -> None:
    """Set ``GH_HOST`` if a reference names another server than the environment does."""
    if reference.host is not None and reference.host.lower() != _host():
        os.environ["GH_HOST"] = reference.host.lower()


def mirrored_repositories(
    common: RepositoryCommon, arguments: Sequence[str]
) -> tuple[list[str], str]:
    """Return the repositories and the directory that the arguments ``REPO... DIR`` name.

    Raises:
        InvalidArgument: An argument is missing, or is not a repository.
    """
    *names, directory = arguments or [""]
    names += [common.repo] if common.repo else []
    if not names or not directory:
        raise InvalidArgument("pass one or more repositories and a directory: mirror REPO... DIR")
    references = [_parse(name) for name in names]
    for reference in references:
        use_host(reference)
    if len({reference.host for reference in references}) > 1:
        raise InvalidArgument("all repositories must be on one host; run one mirror for each host")
    return [str(reference.repository) for reference in references], directory


@asynccontextmanager
async def open_client(
    common: Common, out: Output, *, anonymous: bool = False
) -> AsyncIterator[Client]:
    """Open a client with the token for the server.

    Args:
        common: The options of the command.
        out: Shows how long the client waits at limits.
        anonymous: Make calls without a token if there is none.

    Raises:
        NoToken: There is no token, and `anonymous` is False.
    """
    settings: dict[str, Any] = {"on_wait": out.waiting}
    if common.timeout is not None:
        seconds = common.timeout.total_seconds()
        settings["timeouts"] = ghartifacts_async.Timeouts(
            connect=seconds, call=seconds, stall=seconds
        )
    if common.max_wait is not None:
        settings["rate_limits"] = ghartifacts_async.RateLimitPolicy(
            max_wait=common.max_wait.total_seconds()
        )
    async with _create_client(settings, out, anonymous=anonymous) as client:
        yield client


@asynccontextmanager
async def open_repository(
    common: Common, repository: str, out: Output, *, anonymous: bool = False
) -> AsyncIterator[Repo]:
    """Open a client, as `open_client` does, and yield one of its repositories."""
    async with open_client(common, out, anonymous=anonymous) as client:
        yield client.repo(repository)


def _create_client(settings: dict[str, Any], out: Output, *, anonymous: bool) -> Client:
    try:
        return ghartifacts_async.Client.from_env(**settings)
    except NoToken as error:
        if token := _token_of_gh(_host()):
            return ghartifacts_async.Client.from_env(token, **settings)
        if not anonymous:
            raise
        missing = str(error).partition(";")[0]
        out.note(f"{missing}; without it, only public repositories can be listed")
        return ghartifacts_async.Client.from_env(ghartifacts_async.Anonymous(), **settings)


def _host() -> str:
    """Return the host of the web pages of the server that the environment names."""
    url = os.environ.get("GITHUB_API_URL")
    return (os.environ.get("GH_HOST") or (web_host(url) if url else "github.com")).lower()


def _refuse_other_repositories(repository: str, arguments: Sequence[str], run: str | None) -> None:
    """Refuse arguments that name another repository, and URLs of its artifacts and runs.

    Raises:
        InvalidArgument: An argument names another repository, or something in it.
    """
    for number, text in enumerate(arguments):
        # Only the first argument may be a name such as OWNER/REPO. Others may be paths of members.
        is_reference = "://" in text or (number == 0 and "/" in text)
        other = parse_reference(text) if is_reference else None
        if other is not None and other.repository is not None:
            _refuse_other(repository, text, (other.host or _host()).lower(), other.repository)
    other = parse_reference(run) if run is not None and "://" in run else None
    if other is not None and other.repository is not None:
        # GITHUB_API_URL may be a proxy, whose host is not that of the pages.
        _refuse_other(repository, str(run), _host(), other.repository)


def _refuse_other(repository: str, text: str, host: str, other: str) -> None:
    if (host, other.lower()) != (_host(), repository.lower()):
        raise InvalidArgument(
            f"{text} belongs to {host}/{other}, but this command works on {repository} on "
            f"{_host()}; run one command for each repository"
        )


def _parse(text: str, source: str = "") -> Reference:
    """Parse the name or URL of a repository.

    Args:
        text: The name or URL.
        source: The variable that contains it, with a colon.

    Raises:
        InvalidArgument: It is neither, or the URL of an artifact or run.
    """
    reference = parse_reference(text)
    if reference is None or reference.repository is None:
        raise InvalidArgument(
            f"{source}{text!r} is not a repository; write OWNER/REPO, HOST/OWNER/REPO or a URL"
        )
    if reference.run is not None or reference.artifact is not None:
        raise InvalidArgument(
            f"{source}{text!r} is the URL of an artifact or run; pass it as an argument, or write "
            f"{reference.repository} for the repository"
        )
    return reference


def _of_environment() -> Reference:
    """Return the repository of a variable, or else of the working directory's git remote."""
    for name in ("GH_REPO", "GITHUB_REPOSITORY"):
        if value := os.environ.get(name):
            return _parse(value, f"{name}: ")
    return _of_git_remote()


def _of_git_remote() -> Reference:
    """Return the repository of the working directory's git remote.

    Raises:
        InvalidArgument: There is no remote on the server.
    """
    found: dict[str, Reference] = {}
    for line in _output_of("git", "remote", "-v").splitlines():
        name, _, rest = line.partition("\t")
        # The URL is followed by "(fetch)", and in a partial clone also by the filter.
        reference = parse_reference(rest.partition(" (")[0])
        if reference is not None and reference.host is not None:
            found.setdefault(name, reference)
    if "GH_HOST" in os.environ or "GITHUB_API_URL" in os.environ:
        found = {name: one for name, one in found.items() if one.host == _host()}
    else:
        found = {name: one for name, one in found.items() if _is_github(str(one.host).lower())}
    resolved = _output_of("git", "config", "--get-regexp", r"^remote\..*\.gh-resolved$")
    for line in resolved.splitlines():
        key, _, value = line.partition(" ")
        name = key.removeprefix("remote.").removesuffix(".gh-resolved")
        if name in found:
            return found[name] if value == "base" else evolve(found[name], repository=value)
    for name in (*_REMOTES, *found):
        if name in found:
            return found[name]
    raise InvalidArgument(
        "no repository: pass OWNER/REPO or -R, set GH_REPO, or run this in a clone whose git "
        f"remote is on {_host()}; for another server, set GH_HOST"
    )


def _is_github(host: str) -> bool:
    """Return True if the host of a git remote is known to be a GitHub server.

    Any other git server must not get the token in ``GH_ENTERPRISE_TOKEN``. The GitHub CLI has the
    same rule.
    """
    return host == "github.com" or host.endswith(".ghe.com") or bool(_token_of_gh(host))


def _token_of_gh(host: str) -> str:
    """Return the token that the GitHub CLI has stored for a host, or ``""``."""
    return _output_of("gh", "auth", "token", "--hostname", host).strip()


def _output_of(program: str, *arguments: str) -> str:
    """Run a program without the tokens of the environment, and return its output.

    The GitHub CLI would print the token of a variable even if it is for another server. If the
    program is not installed or fails, return ``""``.

    Windows looks for a program in the working directory first. That may be a clone of an untrusted
    repository, so a program in it is not run.
    """
    path = shutil.which(program)
    try:
        if path is None or Path(path).parent.resolve() == Path.cwd():
            return ""
        done = subprocess.run(  # noqa: S603 - git or gh, without a shell
            [path, *arguments],
            env={name: value for name, value in os.environ.items() if name not in _TOKENS},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
