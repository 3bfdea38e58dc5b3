"""The options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from attrs import frozen
from cyclopts import Group, Parameter

from ghartifacts_async.cli.common import COUNT, PERIOD, POSITIVE, converter
from ghartifacts_async.cli.values import parse_size, parse_time

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

    from ghartifacts_async import ArtifactFilters

_COMPLETION = "ghartifacts_async.cli.completion"
_FILTERS = Group("Filters", sort_key=10)


def _time(text: str) -> datetime:
    return parse_time(text, datetime.now(UTC))


def _directory(text: str) -> Path:
    if not text:
        raise ValueError("the directory is empty; write . for the current one")
    return Path(text)


_DIRECTORY = Parameter(converter=converter(_directory))


def _complete_names(context: CompletionContext) -> list[str]:
    names: list[str] = import_module(_COMPLETION).complete_names(context)
    return names


def _complete_members(context: CompletionContext) -> list[str]:
    names: list[str] = import_module(_COMPLETION).complete_members(context)
    return names


SIZE = Parameter(metavar="SIZE", converter=converter(parse_size))
_TIME = Parameter(metavar="TIME", converter=converter(_time))
_NAME = Parameter(name=["--name", "-n"], metavar="NAME", group=_FILTERS, completer=_complete_names)
_PATTERN = Parameter(name=["--pattern", "-p"], metavar="PATTERN", group=_FILTERS)

_SEE_USAGE = "See the first line. 'ghartifacts --help' explains REPO and ARTIFACT."

Arguments: TypeAlias = Annotated[str, Parameter(show=False)]
"""The arguments of a command that are no options. Its line of usage names them."""

ArtifactArguments: TypeAlias = Annotated[
    str,
    Parameter(completer=_complete_names, help=_SEE_USAGE),
]
"""Arguments that may be names of artifacts, which the shell completes."""

MemberArguments: TypeAlias = Annotated[str, Parameter(completer=_complete_members, help=_SEE_USAGE)]
"""An artifact and its members, which the shell completes."""

Yes = Annotated[bool, Parameter(name=["--yes", "-y"], help="Delete without asking.")]
DryRun = Annotated[bool, Parameter(help="Only show the artifacts, and delete nothing.")]
Directory = Annotated[
    Path,
    _DIRECTORY,
    Parameter(
        name=["--dir", "-D"],
        metavar="DIR",
        help="Directory to write to. By default the current one.",
    ),
]
ToDirectory = Annotated[
    Path | None,
    _DIRECTORY,
    Parameter(
        name=["--download", "--dir", "-D"],
        metavar="DIR",
        help="Download to this directory, instead of printing.",
    ),
]
Template = Annotated[
    str,
    Parameter(
        metavar="TEMPLATE",
        help="Path of each file, without its extension, such as '{branch}/{name}-{id}'. "
        "Fields: name, id, run_id, branch, sha, created and digest. If two paths would be equal, "
        "the id is appended.",
    ),
]
Concurrency = Annotated[
    int, COUNT, Parameter(help="Number of artifacts that are downloaded at once.")
]
MaxMembers = Annotated[
    int | None,
    POSITIVE,
    Parameter(help="Maximum number of members of an archive. [default: 100000]"),
]
Limit = Annotated[
    int,
    COUNT,
    Parameter(
        name=["--limit", "-L"], show_default=True, help="Maximum number to list; 0 for no limit."
    ),
]
Format = Annotated[
    str | None,
    Parameter(
        metavar="FORMAT",
        help=r"Print these fields in each line, such as '{id}\t{name}', in which \t is a tab.",
    ),
]
Name = Annotated[str | None, _NAME, Parameter(help="Exact name of the artifact.")]
Names = Annotated[tuple[str, ...], _NAME, Parameter(help="Exact name of the artifact; repeatable.")]
Pattern = Annotated[
    str | None, _PATTERN, Parameter(help="Pattern that the name matches, such as 'wheel-*'.")
]
Patterns = Annotated[
    tuple[str, ...],
    _PATTERN,
    Parameter(help="Pattern that the name matches, such as 'wheel-*'; repeatable."),
]
Branch = Annotated[
    str | None,
    Parameter(
        name=["--branch", "-b"],
        metavar="BRANCH",
        group=_FILTERS,
        help="Branch of the run. Runs of forks match only with --from-fork.",
    ),
]
Workflow = Annotated[
    str | None,
    Parameter(
        name=["--workflow", "-w"],
        metavar="WORKFLOW",
        group=_FILTERS,
        help="File name or id of the workflow, such as ci.yml.",
    ),
]
RunId = Annotated[
    str | None, Parameter(metavar="RUN", group=_FILTERS, help="Id or URL of the workflow run.")
]
Commit = Annotated[
    str | None,
    Parameter(
        name=["--commit", "-c"], metavar="SHA", group=_FILTERS, help="Full SHA of the run's commit."
    ),
]
FromFork = Annotated[
    bool | None,
    Parameter(
        negative="--no-from-fork",
        group=_FILTERS,
        help="Only runs of forks, which anybody can make; or none of them.",
    ),
]
Since = Annotated[
    datetime | None,
    _TIME,
    Parameter(
        group=_FILTERS,
        help="Created at or after this time: 7d (a week ago), 2026-03-21, 2026-03-21T18:00Z.",
    ),
]
Until = Annotated[
    datetime | None, _TIME, Parameter(group=_FILTERS, help="Created before this time.")
]
Event = Annotated[
    str | None,
    Parameter(
        name=["--event", "-e"],
        metavar="EVENT",
        group=_FILTERS,
        help="Event of the run, such as push.",
    ),
]


@Parameter(name="*")
@frozen(kw_only=True)
class Conditions:
    """Conditions that artifacts of any name must meet."""

    branch: Branch = None
    commit: Commit = None
    since: Since = None
    until: Until = None
    min_size: Annotated[
        int | None,
        SIZE,
        Parameter(group=_FILTERS, help="Minimum size, such as 10M or 1GiB."),
    ] = None
    max_size: Annotated[int | None, SIZE, Parameter(group=_FILTERS, help="Maximum size.")] = None
    from_fork: FromFork = None
    expired: Annotated[
        bool | None,
        Parameter(
            negative="--no-expired", group=_FILTERS, help="Only expired artifacts; or none of them."
        ),
    ] = None

    def keywords(self) -> ArtifactFilters:
        """Return the conditions as keyword arguments of the library."""
        return {
            "branch": self.branch,
            "head_sha": self.commit,
            "created_after": self.since,
            "created_before": self.until,
            "min_size": self.min_size,
            "max_size": self.max_size,
            "from_fork": self.from_fork,
            "expired": self.expired,
        }


@Parameter(name="*")
@frozen(kw_only=True)
class Filters:
    """The filters of artifacts, of which several names and patterns may be given."""

    name: Names = ()
    pattern: Patterns = ()
    run: RunId = None
    workflow: Workflow = None
    conditions: Conditions = Conditions()


@Parameter(name="*")
@frozen(kw_only=True)
class NameFilters:
    """The filters of artifacts, of which one name and one pattern may be given."""

    name: Name = None
    pattern: Pattern = None
    conditions: Conditions = Conditions()

    def keywords(self) -> ArtifactFilters:
        """Return the filters, except the name, as keyword arguments of the library."""
        return {**self.conditions.keywords(), "pattern": self.pattern}


@Parameter(name="*")
@frozen(kw_only=True)
class SourceFilters:
    """Where to look for an artifact that is given by its name."""

    run: RunId = None
    branch: Branch = None
    workflow: Workflow = None


@Parameter(name="*")
@frozen(kw_only=True)
class RunFilters:
    """The filters of workflow runs."""

    workflow: Workflow = None
    branch: Branch = None
    event: Event = None
    status: Annotated[
        str | None,
        Parameter(
            name=["--status", "-s"],
            metavar="STATUS",
            group=_FILTERS,
            help="Status or conclusion, such as in_progress or failure.",
        ),
    ] = None
    conclusion: Annotated[
        str | None,
        Parameter(
            metavar="CONCLUSION", group=_FILTERS, help="Conclusion, such as success or failure."
        ),
    ] = None
    user: Annotated[
        str | None,
        Parameter(
            name=["--user", "-u"],
            metavar="USER",
            group=_FILTERS,
            help="User who triggered the run.",
        ),
    ] = None
    commit: Commit = None
    since: Since = None
    until: Until = None
    from_fork: FromFork = None


@Parameter(name="*")
@frozen(kw_only=True)
class NewestFilters:
    """Conditions that the newest artifact must meet."""

    branch: Branch = None
    workflow: Workflow = None
    event: Event = None
    conclusion: Annotated[
        Literal["success", "failure", "cancelled", "any"],
        Parameter(group=_FILTERS, show_default=True, help="Conclusion of the run."),
    ] = "success"
    from_fork: FromFork = False
    max_age: Annotated[
        timedelta | None, PERIOD, Parameter(group=_FILTERS, help="Maximum age, such as 7d.")
    ] = None
