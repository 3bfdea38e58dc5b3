"""The filters of workflow run listings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._shared.run import FakeRun

MAX_RESULTS = 1000
"""How many runs a filtered listing has at most.

Source:
    https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
"""

_DATES = "https://docs.github.com/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax#query-for-dates"
_COMPARISON = re.compile(r"(>=|<=|>|<)(.+)")
_FAR_PAST = datetime.min.replace(tzinfo=UTC)
_FAR_FUTURE = datetime.max.replace(tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_YEARS = range(2, 9999)
"""Years in which a day, a second or a time zone can be added or subtracted without an overflow."""

_CONDITIONS: dict[str, Callable[[FakeRun, str], bool]] = {
    "actor": lambda run, value: run.actor.lower() == value.lower(),
    "branch": lambda run, value: run.head_branch == value,
    "check_suite_id": lambda run, value: str(run.check_suite_id) == value,
    "event": lambda run, value: run.event == value,
    "head_sha": lambda run, value: run.head_sha == value,
    "status": lambda run, value: value in (run.status, run.conclusion),
}
"""The conditions of the query parameters, other than `created`."""


def run_filter(query: Mapping[str, str]) -> Callable[[FakeRun], bool] | None:
    """Return the condition that a query sets for runs, or None if it filters none."""
    chosen = [(_CONDITIONS[name], query[name]) for name in _CONDITIONS if query.get(name)]
    created = query.get("created")
    if not chosen and not created:
        return None
    first, last = _parse_range(created) if created else (_FAR_PAST, _FAR_FUTURE)
    return lambda run: (
        first <= run.created_at <= last and all(holds(run, value) for holds, value in chosen)
    )


def _parse_range(text: str) -> tuple[datetime, datetime]:
    """Return the first and the last moment of a range in GitHub's search syntax.

    Source:
        https://docs.github.com/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax#query-for-dates
    """
    comparison = _COMPARISON.fullmatch(text)
    if comparison:
        first, last = _parse_moment(comparison[2])
        return {
            ">=": (first, _FAR_FUTURE),
            ">": (last + _SECOND, _FAR_FUTURE),
            "<=": (_FAR_PAST, last),
            "<": (_FAR_PAST, first - _SECOND),
        }[comparison[1]]
    start, dots, end = text.partition("..")
    if not dots:
        return _parse_moment(text)
    return (
        _FAR_PAST if start == "*" else _parse_moment(start)[0],
        _FAR_FUTURE if end == "*" else _parse_moment(end)[1],
    )


def _parse_moment(text: str) -> tuple[datetime, datetime]:
    """Return the first and the last second of a date, or a date and time twice."""
    try:
        # In a query, "+" stands for a space, so that "+00:00" arrives as " 00:00".
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
        if moment.year not in _YEARS:
            raise ValueError(moment.year)
    except ValueError:
        raise ApiError(422, f"Validation Failed: {text!r} is not a date", _DATES) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    is_date = "T" not in text
    return moment, moment + timedelta(days=1) - _SECOND if is_date else moment
