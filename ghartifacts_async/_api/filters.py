"""Filter the artifacts of a listing.

GitHub's API filters by name and run only. Both are checked again here, because a server that
ignores a parameter must not make the caller delete or download other artifacts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Generic, Protocol, TypeVar

from attrs import Attribute, field, frozen

from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact, WorkflowRun

_OUT_OF_RANGE_IN_A_ROW = 100

_SHA = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_FULL_REF = re.compile(r"refs/(?:heads|tags|remotes/[^/]+)/(.+)", re.DOTALL)
_PULL_REF = re.compile(r"refs/pull/[0-9]+/(?:merge|head)")
_NOT_IN_REFS = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\A/|(?:/|\.)\Z|(?:\A|/)\.|\.lock(?:/|\Z)"
)
"""What a branch's name cannot contain. Source: https://git-scm.com/docs/git-check-ref-format"""


def _of_type(kind: type) -> Callable[[object, Attribute[Any], Any], None]:
    def check(_: object, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and (not isinstance(value, kind) or type(value) is bool is not kind):
            name = kind.__name__
            raise InvalidArgument(f"{attribute.name} must be of type {name} or None, not {value!r}")

    return check


def _aware(_: object, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidArgument(
            f"{attribute.name} must be a datetime with a time zone, such as datetime.now(UTC), "
            f"or None, not {value!r}"
        )


def _glob(pattern: Any) -> Any:
    """Translate ``[^…]``, which shells accept, to the ``[!…]`` of `fnmatch`."""
    return pattern.replace("[^", "[!") if isinstance(pattern, str) else pattern


def _lower_sha(text: Any) -> Any:
    """Return a SHA in lower case, as GitHub writes it, and anything else unchanged."""
    is_sha = isinstance(text, str) and _SHA.fullmatch(text.lower())
    return text.lower() if is_sha else text


def _is_branch(_: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    if full := _FULL_REF.fullmatch(value):
        raise InvalidArgument(
            f"{attribute.name} {value!r} never matches: GitHub records the short name, {full[1]!r}"
        )
    if _PULL_REF.fullmatch(value):
        raise InvalidArgument(
            f"{attribute.name} {value!r} never matches: GitHub records the branch from which the "
            "pull request was opened, as in GITHUB_HEAD_REF"
        )
    if not value or _NOT_IN_REFS.search(value):
        raise InvalidArgument(
            f"{attribute.name} {value!r} never matches: no branch has this name. It must be the "
            "exact name of a branch, such as 'main', without wildcards"
        )


def _is_full_sha(_: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is not None and not _SHA.fullmatch(value):
        raise InvalidArgument(
            f"{attribute.name} {value!r} never matches: it must be a commit's full SHA of 40 "
            "hexadecimal digits, which 'git rev-parse' prints"
        )


@frozen(kw_only=True)
class Filter:
    """The filters of a listing; see `ArtifactFilters`. A filter that is None matches everything.

    Attributes:
        name: Exact name, which GitHub should have filtered by.
        run_id: Id of the workflow run, which GitHub should have filtered by.

    Raises:
        InvalidArgument: A filter has the wrong type, or no artifact can match.
    """

    name: str | None = None
    run_id: int | None = None
    pattern: str | None = field(default=None, validator=_of_type(str), converter=_glob)
    branch: str | None = field(default=None, validator=[_of_type(str), _is_branch])
    head_sha: str | None = field(
        default=None, validator=[_of_type(str), _is_full_sha], converter=_lower_sha
    )
    from_fork: bool | None = field(default=None, validator=_of_type(bool))
    created_after: datetime | None = field(default=None, validator=_aware)
    created_before: datetime | None = field(default=None, validator=_aware)
    expired: bool | None = field(default=None, validator=_of_type(bool))
    min_size: int | None = field(default=None, validator=_of_type(int))
    max_size: int | None = field(default=None, validator=_of_type(int))

    def __attrs_post_init__(self) -> None:
        if self.pattern == "":
            raise InvalidArgument("pattern is empty and never matches; pass None for all names")
        if None not in (self.name, self.pattern) and not self._matches_name(str(self.name)):
            raise InvalidArgument(
                f"name {self.name!r} and pattern {self.pattern!r} never match together"
            )
        after, before = self.created_after, self.created_before
        if after is not None and before is not None and after >= before:
            raise InvalidArgument(
                f"nothing is created at or after {after.isoformat()} (created_after) and "
                f"before {before.isoformat()} (created_before)"
            )
        smallest, largest = max(0, self.min_size or 0), self.max_size
        if largest is not None and smallest > largest:
            raise InvalidArgument(
                f"no artifact has at least {smallest} bytes (min_size) and at most {largest} "
                "(max_size)"
            )

    def matches(self, artifact: Artifact) -> bool:
        """Return True if an artifact matches all filters.

        An artifact that lacks the value that a filter needs does not match.
        """
        size = artifact.size_in_bytes
        return (
            self._matches_name(artifact.name)
            and self.matches_run(artifact.workflow_run or WorkflowRun())
            and (self.expired is None or artifact.expired == self.expired)
            and (self.min_size is None or size >= self.min_size)
            and (self.max_size is None or size <= self.max_size)
            and self._is_in_time_range(artifact.created_at)
        )

    def _matches_name(self, name: str) -> bool:
        return (self.name is None or name == self.name) and (
            self.pattern is None or fnmatchcase(name, self.pattern)
        )

    def matches_run(self, run: WorkflowRun) -> bool:
        """Return True if a workflow run matches the filters that concern runs."""
        return (
            # The run's id is in the path of the call, so a server may omit it in the response.
            (self.run_id is None or run.id in {None, self.run_id})
            and (self.branch is None or run.head_branch == self.branch)
            and (self.head_sha is None or run.head_sha == self.head_sha)
            and self._matches_origin(run)
        )

    def _matches_origin(self, run: WorkflowRun) -> bool:
        """Compare the repository that the run's commit comes from with the run's repository.

        Anybody can open a pull request from a branch of a fork that is called ``main``. So a branch
        or a commit alone does not say that the repository's members approved of the content.
        """
        from_fork = self.from_fork
        if from_fork is None:
            if self.branch is None and self.head_sha is None:
                return True
            from_fork = False
        # The id of a fork that was deleted since then is null.
        if run.repository_id is None or run.head_repository_id is None:
            return False
        return (run.head_repository_id != run.repository_id) is from_fork

    def _is_in_time_range(self, created_at: datetime | None) -> bool:
        if self.created_after is None and self.created_before is None:
            return True
        return (
            created_at is not None
            and (self.created_after is None or created_at >= self.created_after)
            and (self.created_before is None or created_at < self.created_before)
        )


class Item(Protocol):
    """An item of a listing: an artifact or a workflow run."""

    @property
    def id(self) -> int:
        """Id that no other item of the listing has."""
        ...

    @property
    def created_at(self) -> datetime | None:
        """Time of creation, if GitHub names it."""
        ...


_I = TypeVar("_I", bound=Item)
_I_contra = TypeVar("_I_contra", bound=Item, contravariant=True)


class Criteria(Protocol[_I_contra]):
    """The filters of a listing, such as a `Filter`."""

    @property
    def created_after(self) -> datetime | None:
        """The earliest time of creation that matches."""
        ...

    @property
    def created_before(self) -> datetime | None:
        """The time of creation before which items match."""
        ...

    def matches(self, item: _I_contra, /) -> bool:
        """Return True if an item matches all filters."""
        ...


class Horizon(Generic[_I]):
    """The end of the requested time range in a listing that is ordered by time.

    The end has been passed when 100 consecutive items are beyond it. A single item does not
    suffice, because GitHub may order by id, and ids do not always follow the order of creation.

    Args:
        criteria: The filters, which include the requested time range.
        descending: Whether the listing begins with the newest item.
    """

    def __init__(self, criteria: Criteria[_I], *, descending: bool) -> None:
        self._bound = criteria.created_after if descending else criteria.created_before
        self._descending = descending
        self._beyond = 0

    @property
    def is_passed(self) -> bool:
        """Whether the rest of the listing is taken to be outside the time range."""
        return self._beyond >= _OUT_OF_RANGE_IN_A_ROW

    def observe(self, items: Iterable[_I]) -> None:
        """Check whether the next items of the listing are beyond the end of the range."""
        if self._bound is not None:
            for item in items:
                self._beyond = self._beyond + 1 if self._is_beyond(item, self._bound) else 0

    def _is_beyond(self, item: _I, bound: datetime) -> bool:
        if item.created_at is None:
            return False
        return item.created_at < bound if self._descending else item.created_at >= bound
