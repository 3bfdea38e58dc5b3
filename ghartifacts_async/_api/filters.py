"""Filter the artifacts of a listing by criteria that GitHub's API does not offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from attrs import Attribute, field, frozen

from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact

_OUT_OF_RANGE_IN_A_ROW = 100


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


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


@frozen(kw_only=True)
class Filter:
    """The filters of a listing; see `ArtifactFilters`. A filter that is None matches everything."""

    pattern: str | None = field(default=None, validator=_of_type(str), converter=_glob)
    branch: str | None = field(default=None, validator=_of_type(str))
    head_sha: str | None = field(default=None, validator=_of_type(str), converter=_lower)
    created_after: datetime | None = field(default=None, validator=_aware)
    created_before: datetime | None = field(default=None, validator=_aware)
    expired: bool | None = field(default=None, validator=_of_type(bool))
    min_size: int | None = field(default=None, validator=_of_type(int))
    max_size: int | None = field(default=None, validator=_of_type(int))

    def matches(self, artifact: Artifact) -> bool:
        """Return True if an artifact matches all filters.

        An artifact that lacks the value that a filter needs does not match.
        """
        run, size = artifact.workflow_run, artifact.size_in_bytes
        return (
            (self.pattern is None or fnmatchcase(artifact.name, self.pattern))
            and (self.branch is None or (run is not None and run.head_branch == self.branch))
            and (self.head_sha is None or (run is not None and run.head_sha == self.head_sha))
            and (self.expired is None or artifact.expired == self.expired)
            and (self.min_size is None or size >= self.min_size)
            and (self.max_size is None or size <= self.max_size)
            and self._is_in_time_range(artifact.created_at)
        )

    def _is_in_time_range(self, created_at: datetime | None) -> bool:
        if self.created_after is None and self.created_before is None:
            return True
        return (
            created_at is not None
            and (self.created_after is None or created_at >= self.created_after)
            and (self.created_before is None or created_at < self.created_before)
        )


class Horizon:
    """The end of the requested time range in a listing that is ordered by time.

    The end has been passed when 100 consecutive artifacts are beyond it. A single artifact does
    not suffice, because GitHub may order by id, and ids do not always follow the order of creation.

    Args:
        criteria: The filters, which include the requested time range.
        descending: Whether the listing begins with the newest artifact.
    """

    def __init__(self, criteria: Filter, *, descending: bool) -> None:
        self._bound = criteria.created_after if descending else criteria.created_before
        self._descending = descending
        self._beyond = 0

    @property
    def is_passed(self) -> bool:
        """Whether the rest of the listing is taken to be outside the time range."""
        return self._beyond >= _OUT_OF_RANGE_IN_A_ROW

    def observe(self, artifacts: Iterable[Artifact]) -> None:
        """Check whether the next artifacts of the listing are beyond the end of the range."""
        if self._bound is not None:
            for artifact in artifacts:
                self._beyond = self._beyond + 1 if self._is_beyond(artifact, self._bound) else 0

    def _is_beyond(self, artifact: Artifact, bound: datetime) -> bool:
        if artifact.created_at is None:
            return False
        return artifact.created_at < bound if self._descending else artifact.created_at >= bound
