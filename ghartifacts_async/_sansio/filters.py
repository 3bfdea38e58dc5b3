"""Which artifacts of a listing are wanted, where GitHub cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from attrs import Attribute, field, frozen

from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact


def _of_type(kind: type) -> Callable[[object, Attribute[Any], Any], None]:
    def check(_: object, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and type(value) is not kind:
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


@frozen(kw_only=True)
class Filter:
    """What an artifact must be like; see `Repo.list_artifacts`. Of ``None`` nothing is asked."""

    pattern: str | None = field(default=None, validator=_of_type(str))
    branch: str | None = field(default=None, validator=_of_type(str))
    head_sha: str | None = field(default=None, validator=_of_type(str))
    created_after: datetime | None = field(default=None, validator=_aware)
    created_before: datetime | None = field(default=None, validator=_aware)
    expired: bool | None = field(default=None, validator=_of_type(bool))
    min_size: int | None = field(default=None, validator=_of_type(int))
    max_size: int | None = field(default=None, validator=_of_type(int))

    def matches(self, artifact: Artifact) -> bool:
        """Whether this one is wanted. One that lacks what is asked about is not."""
        run, size = artifact.workflow_run, artifact.size_in_bytes
        branch, sha = (None, None) if run is None else (run.head_branch, run.head_sha)
        return (
            (self.pattern is None or fnmatchcase(artifact.name, self.pattern))
            and self.branch in {None, branch}
            and self.head_sha in {None, sha}
            and self.expired in {None, artifact.expired}
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

    Args:
        wanted: What is wanted.
        descending: Whether the newest come first.
    """

    def __init__(self, wanted: Filter, *, descending: bool) -> None:
        self._bound = wanted.created_after if descending else wanted.created_before
        self._descending = descending
        self._last: datetime | None = None
        self._in_order = True

    def is_passed(self, artifacts: Sequence[Artifact]) -> bool:
        """Whether all of these, which come next, are beyond what is wanted.

        Never, once they have turned out not to be in order.
        """
        if self._bound is None:
            return False
        beyond = bool(artifacts)
        for artifact in artifacts:
            created = artifact.created_at
            if created is None or not self._follows(created):
                self._in_order = False
                break
            self._last = created
            inside = created >= self._bound if self._descending else created < self._bound
            beyond = beyond and not inside
        return beyond and self._in_order

    def _follows(self, created: datetime) -> bool:
        if self._last is None:
            return True
        return created <= self._last if self._descending else created >= self._last
