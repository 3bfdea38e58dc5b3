"""Where the file of an artifact lies: the same for the same artifact, and for no other.

A template names it, such as ``{branch}/{name}-{id}``; the extension, ``.zip`` or that of a raw
payload, is added. Each part is made safe by itself, so that no name reaches out of its directory.
Names are not unique and ids are: of two artifacts the paths differ also where a name looks like a
part of another's template, for an id counts only where nothing else can be taken for it (the
beginning of a part, or the end of the last one). A template without such an id, and a file's name
that is too long for it, get ``-<id>`` at the end. All paths have the same number of parts, so that
no file is in the way of a directory.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Formatter
from typing import TypeAlias

from ghartifacts_async._arguments import DEFAULT_TEMPLATE
from ghartifacts_async._disk.filenames import safe_filename
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact

MANIFEST = "artifacts.jsonl"
"""The file beside which no artifact's may be called so."""

_FIELDS = ("name", "id", "run_id", "branch", "sha", "created", "digest")
_SEPARATORS = frozenset("-_+@~")
_UNKNOWN = "unknown"
_DATE = "%Y-%m-%d"
_DATE_SPEC = re.compile(r"(?:[^%{}]|%[YmdHMSjGV])+")
_EXTENSION = re.compile(r"(?:\.tar)?\.[A-Za-z0-9]{1,16}\Z", re.IGNORECASE)

_Piece: TypeAlias = tuple[str, str | None, str]
"""Literal text, and the field after it with its format."""


class PathTemplate:
    """The paths of a template.

    Args:
        template: Text and fields: ``{name}``, ``{id}``, ``{run_id}``, ``{branch}``, ``{sha}``,
            ``{digest}`` and ``{created}``, the last with a format such as ``{created:%Y-%m}``.

    Raises:
        InvalidArgument: It is none.
    """

    def __init__(self, template: str) -> None:
        if not isinstance(template, str):
            raise InvalidArgument(
                f"template is a str such as {DEFAULT_TEMPLATE!r}, not {template!r}"
            )
        self.template = template
        self._parts = [_pieces(part, template) for part in template.split("/")]
        self._tells = any(_begins_with_id(part) for part in self._parts)
        self._separator = "" if self._tells else _before_last_id(self._parts[-1])

    def path(self, artifact: Artifact, extension: str = ".zip") -> str:
        """The path of an artifact, with slashes, below the directory."""
        values = _values(artifact, extension)
        *directories, name = ("".join(_texts(part, values)) for part in self._parts)
        if not self._tells:
            # Whatever is too long, the id is not what is cut.
            end = f"{self._separator}{artifact.id}"
            name = name.removesuffix(end) if self._separator else name
            extension = f"{self._separator or '-'}{artifact.id}{extension}"
        safe = [*map(safe_filename, directories), safe_filename(name, extension)]
        return "/".join(f"_{part}" if part.casefold() == MANIFEST else part for part in safe)

    def name(self, artifact: Artifact, filename: str) -> str:
        """The last part of the path of an artifact whose payload is called `filename`."""
        return self.path(artifact, extension(filename)).rpartition("/")[2]


def extension(filename: str) -> str:
    """The extension of a file's name, dot included; ``""`` where there is none."""
    found = _EXTENSION.search(filename)
    return found[0] if found and found.start() else ""


def _pieces(part: str, template: str) -> list[_Piece]:
    try:
        parsed = list(Formatter().parse(part))
    except ValueError as error:
        raise InvalidArgument(f"the template {template!r} cannot be read: {error}") from None
    pieces: list[_Piece] = []
    for literal, field, spec, conversion in parsed:
        if field is not None and field not in _FIELDS:
            known = ", ".join(f"{{{name}}}" for name in _FIELDS)
            raise InvalidArgument(f"the template {template!r} names {{{field}}}; there are {known}")
        sound = not spec or (field == "created" and _DATE_SPEC.fullmatch(spec))
        if conversion or not sound:
            raise InvalidArgument(f"the template {template!r} formats {{{field}}} in no known way")
        pieces.append((literal, field, spec or ""))
    if part in {"", ".", ".."}:
        raise InvalidArgument(f"the template {template!r} has a part {part!r}, which is no name")
    return pieces


def _begins_with_id(pieces: list[_Piece]) -> bool:
    """Whether a part does, and with no digit behind it."""
    literal, field, _ = pieces[0]
    if literal or field != "id":
        return False
    following = pieces[1][0] if len(pieces) > 1 else "-"
    return bool(following) and not following[0].isdigit()


def _before_last_id(pieces: list[_Piece]) -> str:
    """What separates an id from what stands before it, ``""`` where a part does not end so."""
    literal, field, _ = pieces[-1]
    return literal[-1] if field == "id" and literal and literal[-1] in _SEPARATORS else ""


def _values(artifact: Artifact, extension: str) -> dict[str, str | datetime]:
    run, name = artifact.workflow_run, artifact.name
    if extension and name.lower().endswith(extension.lower()) and len(name) > len(extension):
        name = name[: -len(extension)]
    known = {
        "name": name,
        "id": str(artifact.id),
        "run_id": None if run is None or run.id is None else str(run.id),
        "branch": None if run is None else run.head_branch,
        "sha": None if run is None else run.head_sha,
        "created": artifact.created_at and artifact.created_at.astimezone(UTC),
        "digest": artifact.digest and artifact.digest.hex,
    }
    return {field: value or _UNKNOWN for field, value in known.items()}


def _texts(pieces: list[_Piece], values: dict[str, str | datetime]) -> list[str]:
    texts = []
    for literal, field, spec in pieces:
        value = values[field] if field is not None else ""
        texts += [literal, value if isinstance(value, str) else value.strftime(spec or _DATE)]
    return texts
