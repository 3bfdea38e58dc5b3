"""Split a range of time, so that each part contains few enough runs to be listed completely.

GitHub returns at most 1,000 runs of a filtered listing. The range is split by the times of creation
of the newest runs in it: if the newest 100 were created within a day, the newest 500 were created
within about five days. This is only a guess. A part that still has too many runs is split again.
Adjacent parts share a second, so that it does not matter whether GitHub includes the end of a
range; the runs of that second are listed twice, and the caller drops the duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from attrs import frozen

MAX_RESULTS = 1000
"""Maximum number of runs that GitHub returns for a filtered listing."""

_ORIGIN = datetime(2018, 1, 1, tzinfo=UTC)
"""A time before the first workflow run of GitHub Actions."""

_SECOND = timedelta(seconds=1)
_WANTED = MAX_RESULTS // 2


@frozen
class TimeRange:
    """A range of times of creation in whole seconds. Both ends belong to it.

    Attributes:
        start: The earliest time, or None for no limit.
        end: The latest time, or None for no limit.
    """

    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def between(cls, after: datetime | None, before: datetime | None) -> TimeRange:
        """Return the smallest range that contains the times from `after` until before `before`."""
        return cls(_whole(after), _whole(before))

    def __str__(self) -> str:
        """Return the range in GitHub's search syntax, for the parameter ``created``."""
        if self.end is None:
            return "" if self.start is None else f">={_text(self.start)}"
        return f"{'*' if self.start is None else _text(self.start)}..{_text(self.end)}"

    def split(
        self, created: Sequence[datetime], now: datetime
    ) -> tuple[TimeRange, TimeRange] | None:
        """Split the range into a newer and an older part, or return None if it is one second.

        Args:
            created: The times of creation of the newest runs in the range.
            now: The current time, or an earlier one.
        """
        start = self.start or _ORIGIN
        end = self.end or max(now.replace(microsecond=0), *created, start + _SECOND)
        if end - start < _SECOND:
            return None
        at = start + (end - start) / 2
        if created:
            newest, oldest = max(created), min(created)
            reach = (newest - oldest).total_seconds() * _WANTED / len(created)
            guess = newest - timedelta(seconds=min(reach, (newest - start).total_seconds()))
            at = guess if start < guess < end else at
        at = max(at.replace(microsecond=0), start)
        if end - start == _SECOND:
            return TimeRange(self.end or end, self.end), TimeRange(self.start, start)
        at = min(max(at, start + _SECOND), end - _SECOND)
        return TimeRange(at, self.end), TimeRange(self.start, at)


def _whole(moment: datetime | None) -> datetime | None:
    """Return a time in whole seconds and UTC, or None if the calendar of UTC does not have it."""
    try:
        return None if moment is None else moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return None  # Do not send this time in the request; the runs are filtered afterwards.


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
