"""Which artifacts of a listing are wanted, where GitHub cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from attrs import Attribute, field, frozen

from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact

_SURE = 100


def _of_type(kind: type) -> Callable[[object, Attribute[Any], Any], None]:
    def check(_: object, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and (not isinstance(value, kind) or type(value) is bool is not kind):
            name = kind.__name__
            raise InvalidArgument(f"{attribute.name} is of type {name}, or None, not {value!r}")

    return check


def _aware(_: object, attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidArgument(
            f"{attribute.name} is a datetime with a time zone, such as datetime.now(UTC), "
            f"or None, not {value!r}"
        )


def _glob(pattern: Any) -> Any:
    """As `fnmatch` has it: it knows but one of the two ways in which shells write 'none of'."""
    return pattern.replace("[^", "[!") if isinstance(pattern, str) else pattern


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


@frozen(kw_only=True)
class Filter:
    """What an artifact must be like; see `Repo.list_artifacts`. Of ``None`` nothing is asked."""

    pattern: str | None = field(default=None, validator=_of_type(str), converter=_glob)
    branch: str | None = field(default=None, validator=_of_type(str))
    head_sha: str | None = field(default=None, validator=_of_type(str), converter=_lower)
    created_after: datetime | None = field(default=None, validator=_aware)
    created_before: datetime | None = field(default=None, validator=_aware)
    expired: bool | None = field(default=None, validator=_of_type(bool))
    min_size: int | None = field(default=None, validator=_of_type(int))
    max_size: int | None = field(default=None, validator=_of_type(int))

    def matches(self, artifact: Artifact) -> bool:
        """Whether this one is wanted. One that lacks what is asked about is not."""
        run, size = artifact.workflow_run, artifact.size_in_bytes
        return (
            (self.pattern is None or fnmatchcase(artifact.name, self.pattern))
            and (self.branch is None or (run is not None and run.head_branch == self.branch))
            and (self.head_sha is None or (run is not None and run.head_sha == self.head_sha))
            and (self.expired is None or artifact.expired == self.expired)
            and (self.min_size is None or size >= self.min_size)
            and (self.max_size is None or size <= self.max_size)
            and self._is_in_time(artifact.created_at)
        )

    def _is_in_time(self, created_at: datetime | None) -> bool:
        if self.created_after is None and self.created_before is None:
            return True
        return (
            created_at is not None
            and (self.created_after is None or created_at >= self.created_after)
            and (self.created_before is None or created_at < self.created_before)
        )


class Horizon:
    """Tells when a listing in order of time has left the time that is wanted.

    A hundred in a row that are beyond it tell: ids, by which GitHub may order, are not always
    given in the order of time.

    Args:
        wanted: What is wanted.
        descending: Whether the newest come first.
    """

    def __init__(self, wanted: Filter, *, descending: bool) -> None:
        self._bound = wanted.created_after if descending else wanted.created_before
        self._descending = descending
        self._beyond = 0

    @property
    def is_passed(self) -> bool:
        """Whether nothing that is wanted comes any more."""
        return self._beyond >= _SURE

    def look_at(self, artifacts: Iterable[Artifact]) -> None:
        """These come next."""
        if self._bound is not None:
            for artifact in artifacts:
                self._beyond = self._beyond + 1 if self._is_beyond(artifact, self._bound) else 0

    def _is_beyond(self, artifact: Artifact, bound: datetime) -> bool:
        if artifact.created_at is None:
            return False
        return artifact.created_at < bound if self._descending else artifact.created_at >= bound
