"""The options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from attrs import frozen
from cyclopts import Group, Parameter

from ghartifacts_async.cli.common import converter
from ghartifacts_async.cli.completion import complete_names
from ghartifacts_async.cli.values import parse_duration, parse_size, parse_time

if TYPE_CHECKING:
    from ghartifacts_async import ArtifactFilters

_FILTERS = Group("Filters", sort_key=10)


def _time(text: str) -> datetime:
    return parse_time(text, datetime.now(UTC))


_duration, _size = converter(parse_duration), converter(parse_size)

Arguments: TypeAlias = Annotated[str, Parameter(show=False, completer=complete_names)]
"""The arguments of a command that are no options. Its line of usage names them."""

Duration: TypeAlias = Annotated[timedelta, Parameter(converter=_duration)]
Size: TypeAlias = Annotated[int, Parameter(converter=_size)]
Time: TypeAlias = Annotated[datetime, Parameter(converter=converter(_time))]

Yes = Annotated[bool, Parameter(name=["--yes", "-y"], negative="", help="Do not ask.")]
Limit = Annotated[
    int,
    Parameter(
        name=["--limit", "-L"], show_default=True, help="Maximum number to list; 0 for no limit."
    ),
]
Format = Annotated[
    str | None,
    Parameter(help="Print each line in this format, such as '{id} {name}'."),
]
Name = Annotated[
    tuple[str, ...],
    Parameter(
        name=["--name", "-n"],
        negative="",
        group=_FILTERS,
        completer=complete_names,
        help="Exact name; repeat it for several names.",
    ),
]
Branch = Annotated[
    str | None,
    Parameter(
        name=["--branch", "-b"],
        group=_FILTERS,
        help="Branch of the run. Runs of forks do not match, unless --from-fork is given.",
    ),
]
Workflow = Annotated[
    str | None,
    Parameter(
        name=["--workflow", "-w"],
        group=_FILTERS,
        help="File name or id of the workflow, such as ci.yml.",
    ),
]
RunId = Annotated[str | None, Parameter(group=_FILTERS, help="Id or URL of the workflow run.")]
Commit = Annotated[
    str | None,
    Parameter(name=["--commit", "-c"], group=_FILTERS, help="Full SHA of the run's commit."),
]
FromFork = Annotated[
    bool | None,
    Parameter(
        negative="--no-from-fork",
        group=_FILTERS,
        help="Only, or no, runs of forks, which anybody can make.",
    ),
]
Since = Annotated[
    datetime | None,
    Parameter(
        metavar="TIME",
        converter=converter(_time),
        group=_FILTERS,
        help="Created at or after this time: 7d (a week ago), 2026-03-21, 2026-03-21T18:00Z.",
    ),
]
Until = Annotated[
    datetime | None,
    Parameter(
        metavar="TIME",
        converter=converter(_time),
        group=_FILTERS,
        help="Created before this time.",
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
        Parameter(
            metavar="SIZE",
            converter=_size,
            group=_FILTERS,
            help="Minimum size, such as 10M or 1GiB.",
        ),
    ] = None
    max_size: Annotated[
        int | None,
        Parameter(metavar="SIZE", converter=_size, group=_FILTERS, help="Maximum size."),
    ] = None
    from_fork: FromFork = None
    expired: Annotated[
        bool | None,
        Parameter(negative="--no-expired", group=_FILTERS, help="Only, or no, expired artifacts."),
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

    name: Name = ()
    pattern: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--pattern", "-p"],
            negative="",
            group=_FILTERS,
            help="Pattern that the name matches, such as 'wheel-*'; repeatable.",
        ),
    ] = ()
    run: RunId = None
    workflow: Workflow = None
    conditions: Conditions = Conditions()


@Parameter(name="*")
@frozen(kw_only=True)
class NameFilters:
    """The filters of artifacts, of which one name and one pattern may be given."""

    name: Annotated[
        str | None,
        Parameter(name=["--name", "-n"], group=_FILTERS, help="Exact name."),
    ] = None
    pattern: Annotated[
        str | None,
        Parameter(
            name=["--pattern", "-p"],
            group=_FILTERS,
            help="Pattern that the name matches, such as 'wheel-*'.",
        ),
    ] = None

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
    event: Annotated[
        str | None,
        Parameter(name=["--event", "-e"], group=_FILTERS, help="Event, such as push."),
    ] = None
    status: Annotated[
        str | None,
        Parameter(name=["--status", "-s"], group=_FILTERS, help="Status, such as in_progress."),
    ] = None
    conclusion: Annotated[
        str | None, Parameter(group=_FILTERS, help="Conclusion, such as success or failure.")
    ] = None
    user: Annotated[
        str | None,
        Parameter(name=["--user", "-u"], group=_FILTERS, help="Login of who triggered the run."),
    ] = None
    commit: Commit = None
    since: Since = None
    until: Until = None
    from_fork: FromFork = None


@Parameter(name="*")
@frozen(kw_only=True)
class NewestFilters:
    """What the newest artifact must meet."""

    branch: Branch = None
    workflow: Workflow = None
    event: Annotated[
        str | None,
        Parameter(name=["--event", "-e"], group=_FILTERS, help="Event, such as push."),
    ] = None
    conclusion: Annotated[
        Literal["success", "failure", "cancelled", "any"],
        Parameter(group=_FILTERS, show_default=True, help="Conclusion of the run."),
    ] = "success"
    from_fork: FromFork = False
    max_age: Annotated[
        timedelta | None,
        Parameter(
            metavar="DURATION",
            converter=_duration,
            group=_FILTERS,
            help="Maximum age, such as 7d.",
        ),
    ] = None
