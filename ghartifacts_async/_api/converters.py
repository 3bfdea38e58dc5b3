"""Convert between JSON and the models.

By default, cattrs coerces values to the types of the fields. Here types are checked instead: if a
field is missing or has the wrong type, the error names the path of that field.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import IterableValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from ghartifacts_async._http import messages
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Digest

_T = TypeVar("_T")

_MAX_PROBLEM = 200
_PRIMITIVES = (int, str, bool)
_MAX_INT = 2**63 - 1
_MAX_ITEMS = 1000


class ShapeError(ValueError):
    """A value does not match the model. The message gives the paths of the wrong fields.

    Args:
        message: What is wrong, which may quote values.
        without_values: What is wrong, without quoting any value.
    """

    def __init__(self, message: str, without_values: str | None = None) -> None:
        super().__init__(message)
        self.without_values: str = message if without_values is None else without_values


def structure(value: object, model: type[_T]) -> _T:
    """Convert parsed JSON to an instance of `model`. Unknown fields are ignored.

    Raises:
        ShapeError: A field is missing or of the wrong type.
    """
    try:
        return _converter.structure(value, model)
    except Exception as error:
        problems = transform_error(error, format_exception=_describe)
    paths = ", ".join(problem.rpartition(" @ ")[2] for problem in problems[:3])
    message = "; ".join(problem[:_MAX_PROBLEM] for problem in problems[:3])
    raise ShapeError(message, f"wrong or missing: {paths}")


def prepare(model: type) -> None:
    """Compile the converter of a `model` now, so that the first conversion is not slowed down."""
    _converter.get_structure_hook(model)


def from_body(body: bytes, model: type[_T]) -> _T:
    """Convert the JSON of a response to an instance of `model`.

    Raises:
        ShapeError: The body is not JSON or does not match `model`, or a list has more than 1,000
            items. GitHub's pages have at most 100. To convert all that fit into a response would
            stop the event loop for too long.
    """
    value = _parsed(messages.json_in, body)
    for items in value.values() if isinstance(value, dict) else (value,):
        if isinstance(items, list) and len(items) > _MAX_ITEMS:
            raise ShapeError(f"{len(items)} items on one page")
    return structure(value, model)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ShapeError: The text is not valid JSON.
    """
    return _parsed(messages.parse_json, text)


def to_json(value: object) -> str:
    """Serialize a model as JSON, for a queue or a file. `from_json` returns an equal value.

    Datetimes are written in ISO 8601 and UTC, digests as ``sha256:<hex>``, and paths as strings.

    Args:
        value: A value of one of this library's models, such as an `Artifact` or a `Download`.
    """
    return json.dumps(_converter.unstructure(value), separators=(",", ":"))


def from_json(text: str | bytes, model: type[_T]) -> _T:
    """Parse the output of `to_json`, or an object of GitHub's API. Unknown fields are ignored.

    Args:
        text: The JSON text.
        model: The class of the result, such as `Artifact`.

    Raises:
        InvalidArgument: The text is not JSON or does not match `model`. The summary names the
            wrong field.
    """
    try:
        return structure(parse_json(text), model)
    except ShapeError as error:
        problem = str(error)
    raise InvalidArgument(f"the JSON is not a valid {model.__name__}: {problem}")


def _parsed(parse: Callable[[Any], Any], text: str | bytes) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        problem = str(error)
    raise ShapeError(problem)


def _describe(error: BaseException, expected: type | None) -> str:
    match error:
        case KeyError():
            return "required field missing"
        case TypeError() | ValueError() if error.args and not isinstance(error, ExceptionGroup):
            return str(error)
        case _:
            return f"not a value of {getattr(expected, '__name__', expected)}"


def _type_name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _exactly(kind: type, *others: type) -> Any:
    kinds = {kind, *others}

    def check(value: object, _: object) -> object:
        if type(value) not in kinds:
            raise TypeError(f"expected {kind.__name__}, got {_type_name(value)}")
        # All ints of the models are ids, sizes and other counts.
        if type(value) is int and not 0 <= value <= _MAX_INT:
            raise ValueError("expected an int from 0 to 2**63 - 1")
        return value

    return check


def _from_text(parse: Callable[[str], object]) -> Any:
    def check(value: object, _: object) -> object:
        if not isinstance(value, str):
            raise TypeError(f"expected str, got {_type_name(value)}")
        return parse(value)

    return check


def _moment(text: str) -> datetime:
    return _in_utc(datetime.fromisoformat(text))


def _object(model: type[_T], converter: Converter) -> Any:
    nulls: Any = {
        field.name: override(struct_hook=_or_null(field, converter))
        for field in attrs.fields(cast("type[attrs.AttrsInstance]", model))
        if "null" in field.metadata
    }
    fast = make_dict_structure_fn(model, converter, _cattrs_detailed_validation=False, **nulls)
    detailed = make_dict_structure_fn(model, converter, _cattrs_detailed_validation=True, **nulls)

    def check(value: object, _: object) -> _T:
        if not isinstance(value, dict):
            raise TypeError(f"expected an object, got {_type_name(value)}")
        try:
            return fast(value, model)
        except Exception:
            # Detailed validation takes twice as long, so it runs only to explain an error.
            return detailed(value, model)

    return check


def _or_null(field: attrs.Attribute[Any], converter: Converter) -> Any:
    """Return a hook that replaces null by the value that the field's metadata names."""
    hook = converter.get_structure_hook(str)
    return lambda value, kind: field.metadata["null"] if value is None else hook(value, kind)


def _optional(kind: Any, converter: Converter) -> Any:
    (inner,) = (each for each in get_args(kind) if each is not NoneType)
    if inner in _PRIMITIVES:
        return _exactly(inner, NoneType)
    hook = converter.get_structure_hook(inner)
    return lambda value, _: None if value is None else hook(value, inner)


def _array(kind: Any, converter: Converter) -> Any:
    item_kind = get_args(kind)[0]
    item_hook = converter.get_structure_hook(item_kind)

    def check(value: object, _: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise TypeError(f"expected an array, got {_type_name(value)}")
        items = []
        for index, item in enumerate(value):
            try:
                items.append(item_hook(item, item_kind))
            except Exception as error:
                # Report only the first error, because every item of a large array may be wrong.
                error.add_note(IterableValidationNote("an item", index, item_kind))
                raise IterableValidationError("of an array", [error], tuple) from None  # pyright: ignore[reportCallIssue]
        return tuple(items)

    return check


def _number(value: object, _: object) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"expected a number, got {_type_name(value)}")
    return float(value)  # type: ignore[arg-type]


def _iso(moment: datetime) -> str:
    return _in_utc(moment).isoformat()


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _make_converter() -> Converter:
    converter = Converter()
    for kind in _PRIMITIVES:
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(datetime, _from_text(_moment))
    converter.register_structure_hook(Digest, _from_text(Digest.parse))
    converter.register_structure_hook(Path, _from_text(Path))
    converter.register_structure_hook(Secret, _from_text(Secret))
    converter.register_structure_hook_factory(
        lambda kind: attrs.has(kind) and kind is not Digest,
        lambda kind: _object(kind, converter),
    )
    converter.register_structure_hook_factory(
        lambda kind: getattr(kind, "__origin__", None) is tuple,
        lambda kind: _array(kind, converter),
    )
    converter.register_structure_hook_factory(
        lambda kind: isinstance(kind, UnionType) and NoneType in get_args(kind),
        lambda kind: _optional(kind, converter),
    )
    converter.register_unstructure_hook(datetime, _iso)
    converter.register_unstructure_hook(Digest, str)
    converter.register_unstructure_hook(Path, str)
    return converter


_converter = _make_converter()
