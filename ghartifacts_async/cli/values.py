"""Times, durations and sizes, as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdwSHDW])\s*", re.ASCII)
"""A number and a unit. The unit M is missing, because it could mean minutes or months."""
_DURATION = re.compile(f"(?:{_PART.pattern})+", re.ASCII)
_COUNT = re.compile("[0-9]+")
_MOST = 10**9 - 1
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_YEARS = 100


def parse_count(text: str) -> int:
    """Parse a number that is not negative.

    Raises:
        ValueError: The text has another form, or the number has more than nine digits.
    """
    if _COUNT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a number; write for example 0 or 20")
    if len(text.lstrip("0")) > len(str(_MOST)):
        raise ValueError(f"{text!r} is too large; at most {_MOST} is allowed")
    return int(text)


def parse_positive(text: str) -> int:
    """Parse a number of at least one.

    Raises:
        ValueError: The text has another form, or is zero.
    """
    if parse_count(text) == 0:
        raise ValueError(f"{text!r} is not at least 1")
    return int(text)


def parse_duration(text: str) -> timedelta:
    """Parse ``90s``, ``15m``, ``24h``, ``7d``, ``2w``, or several parts such as ``1h30m``.

    Raises:
        ValueError: The text has another form, or is longer than a century.
    """
    is_duration = _DURATION.fullmatch(text.strip()) is not None
    parts = _PART.findall(text) if is_duration else []
    seconds = sum(float(number) * _UNITS[unit.lower()] for number, unit in parts)
    if not is_duration or seconds > _YEARS * 366 * 86400:
        raise ValueError(
            f"{text!r} is not a duration; write for example 90s, 15m, 24h, 7d, 2w or 1h30m"
        )
    return timedelta(seconds=seconds)


def parse_period(text: str) -> timedelta:
    """Parse a duration that is not zero.

    Raises:
        ValueError: The text has another form, or is zero.
    """
    duration = parse_duration(text)
    if duration < timedelta(milliseconds=1):
        raise ValueError(f"{text!r} is too short; the least is 0.001s")
    return duration


def parse_time(text: str, now: datetime) -> datetime:
    """Parse a date, a time in ISO 8601, or a duration before now such as ``7d``.

    A date or time without a time zone is in UTC, as GitHub's times are.

    Raises:
        ValueError: The text has another form.
    """
    if _DURATION.fullmatch(text.strip()):
        return now - parse_duration(text)
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time; write 2026-03-21, 2026-03-21T18:00Z, or 7d for a week ago"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def parse_size(text: str) -> int:
    """Parse a number of bytes, such as ``4096``, ``10k``, ``1.5M`` or ``2GiB``.

    Raises:
        ValueError: The text has another form.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size; write for example 4096, 10k, 1.5M or 2GiB")
    unit = 1024 if found[3] else 1000
    return round(float(found[1]) * float(unit ** _POWERS[found[2].lower()]))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 file`` or ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_size(size: float) -> str:
    """Return a number of bytes for people, such as ``1.5 MB``."""
    if size == 1:
        return "1 byte"
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def format_seconds(seconds: float) -> str:
    """Return a duration for people, such as ``1 min 5 s``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
