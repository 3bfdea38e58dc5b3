"""The options of every command that talks to GitHub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from attrs import frozen
from cyclopts import Group, Parameter, Token

from ghartifacts_async.cli.values import (
    parse_count,
    parse_duration,
    parse_period,
    parse_positive,
)
from ghartifacts_async.errors import InvalidArgument

_COMMON = Group("Common options", sort_key=20)


def converter(parse: Callable[[str], Any]) -> Callable[[Any, Sequence[Token]], Any]:
    """Return a converter of cyclopts that parses the text of an option."""

    def convert(_: Any, tokens: Sequence[Token]) -> Any:
        return parse(tokens[0].value)

    return convert


def refuse_options(given: Mapping[str, object], reason: str) -> None:
    """Refuse options that would have no effect.

    Args:
        given: Options and their values. A false value means that the option is not given.
        reason: When they have no effect, such as "without --extract".

    Raises:
        InvalidArgument: One of the options is given.
    """
    for option, value in given.items():
        if value:
            raise InvalidArgument(f"{option} cannot be used {reason}")


def refuse_arguments(arguments: Sequence[str], instead: str) -> None:
    """Refuse arguments that a command does not take.

    Args:
        arguments: The arguments.
        instead: What to use in their place.

    Raises:
        InvalidArgument: There is an argument.
    """
    if arguments:
        raise InvalidArgument(f"unexpected argument {arguments[0]!r}; use {instead}")


def refuse_wildcards(names: Sequence[str]) -> None:
    """Refuse wildcards where names are expected.

    Raises:
        InvalidArgument: There is a wildcard, which no name of an artifact may contain.
    """
    for name in names:
        if "*" in name or "?" in name:
            raise InvalidArgument(
                f"{name!r} never matches, because no name of an artifact contains * or ?; use "
                "--pattern, which 'list', 'latest' and 'download' have"
            )


def refuse_urls(arguments: Sequence[str]) -> None:
    """Refuse URLs where names are expected.

    Raises:
        InvalidArgument: There is a URL, which cannot be the name of an artifact.
    """
    for text in arguments:
        if "://" in text:
            raise InvalidArgument(
                f"{text} is not the name of an artifact; this command searches the runs itself, so "
                "use 'ghartifacts list URL' or 'ghartifacts download URL' for one run"
            )


COUNT = Parameter(metavar="NUMBER", converter=converter(parse_count))
POSITIVE = Parameter(metavar="NUMBER", converter=converter(parse_positive))
DURATION = Parameter(metavar="DURATION", converter=converter(parse_duration))
PERIOD = Parameter(metavar="DURATION", converter=converter(parse_period))


@Parameter(name="*")
@frozen(kw_only=True)
class Common:
    """The options of every command that talks to GitHub."""

    json: Annotated[bool, Parameter(group=_COMMON, help="Print one JSON object per line.")] = False
    quiet: Annotated[
        bool,
        Parameter(name=["--quiet", "-q"], group=_COMMON, help="Print no progress and no notes."),
    ] = False
    verbose: Annotated[
        int,
        Parameter(
            name=["--verbose", "-v"],
            count=True,
            group=_COMMON,
            show_default=False,
            help="Log retries and other events; -vv logs more.",
        ),
    ] = 0
    no_color: Annotated[
        bool, Parameter(group=_COMMON, help="Use no colours, as with NO_COLOR=1.")
    ] = False
    timeout: Annotated[
        timedelta | None,
        PERIOD,
        Parameter(
            group=_COMMON,
            help="Longest wait for a response, or for its next byte, such as 30s.",
        ),
    ] = None
    max_wait: Annotated[
        timedelta | None,
        DURATION,
        Parameter(
            group=_COMMON,
            help="Longest wait at a rate limit, such as 5m; with 0s, do not wait. [default: 1h]",
        ),
    ] = None

    def refuse_format(self, line_format: str | None) -> None:
        """Refuse ``--format`` with ``--json``.

        Raises:
            InvalidArgument: Both are given.
        """
        refuse_options({"--format": line_format is not None and self.json}, "with --json")


@Parameter(name="*")
@frozen(kw_only=True)
class RepositoryCommon(Common):
    """The options of every command that works on a repository."""

    repo: Annotated[
        str | None,
        Parameter(
            name=["--repo", "-R"],
            metavar="REPO",
            group=_COMMON,
            help="Repository: [HOST/]OWNER/REPO or a URL. By default the argument REPO, GH_REPO, "
            "GITHUB_REPOSITORY, or the git remote of the working directory.",
        ),
    ] = None
