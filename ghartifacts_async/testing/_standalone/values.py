"""Check that the values of a scenario have the types of the parameters that they are passed to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

Parameters: TypeAlias = Mapping[str, tuple[Any, bool]]
"""The type of each parameter, and whether the parameter is required."""

_MAX_NUMBER = 2**53
"""Larger integers are not exact in every JSON parser."""

_YEARS = range(1980, 9000)
_DESCRIPTIONS: dict[Any, str] = {
    bool: "true or false",
    datetime: f"an ISO time with a time zone, from {_YEARS[0]} to {_YEARS[-1]}",
    float: "a number",
    int: f"a whole number up to {_MAX_NUMBER}",
    str: "text",
}


class _MismatchError(Exception):
    """A value does not have the expected type."""


@cache
def parameters_of(function: Callable[..., Any]) -> Parameters:
    """Return the parameters of a function, a method or a class."""
    types = get_type_hints(function)
    return {
        name: (types[name], parameter.default is parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    }


def check_entry(entry: Any, expected: Parameters) -> dict[str, Any]:
    """Check the keys and values of an entry, and return them. Texts that are times are converted.

    Raises:
        ValueError: It is not a mapping, a key is unknown or missing, or a value has another type.
            The message names the key.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f"must be a mapping, not {entry!r:.60}")
    for key in entry:
        if key not in expected:
            raise ValueError(f"unknown key {key!r}; known: {', '.join(expected)}")
    for key, (_, required) in expected.items():
        if required and key not in entry:
            raise ValueError(f"the key {key!r} is missing")
    return {key: check_value(key, value, expected[key][0]) for key, value in entry.items()}


def check_value(key: str, value: Any, expected: Any) -> Any:
    """Check the type of a value, and return the value. A text that is a time is converted.

    Raises:
        ValueError: The value has another type. The message names the key.
    """
    try:
        return _convert(value, expected)
    except _MismatchError:
        pass
    raise ValueError(f"{key!r} must be {_description(expected)}, not {value!r:.60}")


def _convert(value: Any, expected: Any) -> Any:
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        return _convert_to_any(value, arguments)
    if origin is Mapping and isinstance(value, Mapping):
        return {_convert(k, arguments[0]): _convert(v, arguments[1]) for k, v in value.items()}
    if origin is Sequence and isinstance(value, list):
        return [_convert(item, arguments[0]) for item in value]
    if expected is datetime:
        return _convert_time(value)
    is_number = isinstance(value, int if expected is int else (int, float))
    if (
        expected is object
        or (origin is Literal and isinstance(value, (int, str)) and value in arguments)
        or (expected in (bool, NoneType) and isinstance(value, expected))
        or (expected is str and isinstance(value, str) and _is_unicode(value))
        or (
            expected in (float, int)
            and is_number
            and not isinstance(value, bool)
            and abs(value) <= _MAX_NUMBER
        )
    ):
        return value
    raise _MismatchError


def _convert_to_any(value: Any, types: Sequence[Any]) -> Any:
    for expected in types:
        try:
            return _convert(value, expected)
        except _MismatchError:
            pass
    raise _MismatchError


def _convert_time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime) and moment.tzinfo and moment.astimezone(UTC).year in _YEARS:
            return moment
    except (OverflowError, ValueError):
        pass
    raise _MismatchError


def _is_unicode(text: str) -> bool:
    """Return True if a text has no lone surrogates, which JSON can express."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _description(expected: Any) -> str:
    """Describe a type for an error message, without alternatives that a scenario cannot express."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        found = [_description(argument) for argument in arguments]
        return " or ".join(filter(None, found))
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin is Mapping:
        return f"a mapping to {_description(arguments[1]) or 'any values'}"
    if origin is Sequence:
        return f"a list of {_description(arguments[0])}"
    return _DESCRIPTIONS.get(expected, "")
