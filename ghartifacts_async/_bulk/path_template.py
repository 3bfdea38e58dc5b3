"""Path templates, which give the files of a mirror or bulk download their paths.

A template such as ``{branch}/{name}-{id}`` is filled in for each artifact. The extension of the
payload is added: ``.zip``, or the extension of a raw file. Each component of the path is converted
to a safe file name, so that no artifact's name can lead outside the directory.

Two artifacts never have the same path. Artifact names are not unique, so each path contains the id,
in a place where no other text can be mistaken for it: at the beginning of a component, or at the
end of the last component. If the template has no id there, ``-<id>`` is appended. The id is kept if
a long file name is shortened. All paths of one template have the same number of components, so the
file of one artifact cannot block a directory that another artifact needs.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Formatter
from typing import TypeAlias

from ghartifacts_async._arguments import DEFAULT_TEMPLATE
from ghartifacts_async._disk.filenames import folded, safe_filename
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact

MANIFEST = "artifacts.jsonl"
"""The file name of a mirror's manifest, which no artifact's file may have."""

_FIELDS = ("name", "id", "run_id", "branch", "sha", "created", "digest")
_SEPARATORS = frozenset("-_+@~")
_UNKNOWN = "unknown"
_DATE = "%Y-%m-%d"
_DATE_SPEC = re.compile(r"(?:[^%{}]|%[YmdHMSjGV])+")
_EXTENSION = re.compile(r"(?:\.tar)?\.[A-Za-z0-9]{1,16}\Z", re.IGNORECASE)

_Replacement: TypeAlias = tuple[str, str | None, str]
"""Literal text, the field that follows it (None at the end), and the format of that field."""


class PathTemplate:
    """A parsed path template.

    Args:
        template: Text and fields: ``{name}``, ``{id}``, ``{run_id}``, ``{branch}``, ``{sha}``,
            ``{digest}`` and ``{created}``. Only ``{created}`` takes a format, for example
            ``{created:%Y-%m}``.
        append_id: Whether to append the id if the template has none in a place where no other text
            can be mistaken for it. If False, artifacts may have equal paths.

    Attributes:
        template: The text of the template.
        has_id: Whether the template has the id in a place where no other text can be mistaken for
            it.

    Raises:
        InvalidArgument: The template is not valid.
    """

    def __init__(self, template: str, *, append_id: bool = True) -> None:
        if not isinstance(template, str):
            raise InvalidArgument(
                f"template must be a str such as {DEFAULT_TEMPLATE!r}, not {template!r}"
            )
        self.template = template
        self._components = [_parse(component, template) for component in template.split("/")]
        self._has_leading_id = any(map(_starts_with_id, self._components))
        self._id_separator = "" if self._has_leading_id else _id_separator(self._components[-1])
        self.has_id = self._has_leading_id or bool(self._id_separator)
        self._append_id = append_id or bool(self._id_separator)

    def path(self, artifact: Artifact, extension: str = ".zip") -> str:
        """Return the path of an artifact below the directory, with slashes.

        Args:
            artifact: The artifact.
            extension: The extension of its payload, with the dot.
        """
        values = _values(artifact, extension)
        *directories, name = ("".join(_texts(one, values)) for one in self._components)
        if self._append_id and not self._has_leading_id:
            # Make the id a part of the extension, so that it is kept if a long name is shortened.
            ending = f"{self._id_separator}{artifact.id}"
            name = name.removesuffix(ending) if self._id_separator else name
            extension = f"{self._id_separator or '-'}{artifact.id}{extension}"
        safe = [*map(safe_filename, directories), safe_filename(name, extension)]
        return "/".join(f"_{part}" if part.casefold() == MANIFEST else part for part in safe)

    def name(self, artifact: Artifact, filename: str) -> str:
        """Return the last component of an artifact's path.

        Args:
            artifact: The artifact.
            filename: File name of its payload. Only the extension is used.
        """
        return self.path(artifact, extension(filename)).rpartition("/")[2]


class DistinctPaths:
    """Paths by a template without an id.

    The first artifact with a path gets it. Artifacts whose paths would be equal to it, on some file
    system, get their id appended, several times if an earlier artifact has that path too.

    Args:
        template: The template.
    """

    def __init__(self, template: str) -> None:
        self._plain = PathTemplate(template, append_id=False)
        self._with_id = PathTemplate(template)
        self._users: dict[str, int] = {}

    def path(self, artifact: Artifact, extension: str = ".zip") -> str:
        """Return the path of an artifact below the directory; see `PathTemplate.path`."""
        path, ending = self._plain.path(artifact, extension), ""
        while self._users.setdefault(folded(path), artifact.id) != artifact.id:
            path = self._with_id.path(artifact, ending + extension)
            ending += f"-{artifact.id}"
        return path

    def name(self, artifact: Artifact, filename: str) -> str:
        """Return the last component of an artifact's path; see `PathTemplate.name`."""
        return self.path(artifact, extension(filename)).rpartition("/")[2]


def extension(filename: str) -> str:
    """Return the extension of a file name with its dot, or ``""``."""
    found = _EXTENSION.search(filename)
    return found[0] if found and found.start() else ""


def _parse(component: str, template: str) -> list[_Replacement]:
    """Parse one component of a template.

    Raises:
        InvalidArgument: The component is not valid.
    """
    try:
        parsed = list(Formatter().parse(component))
    except ValueError as error:
        raise InvalidArgument(f"the template {template!r} cannot be parsed: {error}") from None
    replacements: list[_Replacement] = []
    for literal, field, spec, conversion in parsed:
        if field is not None and field not in _FIELDS:
            known = ", ".join(f"{{{name}}}" for name in _FIELDS)
            raise InvalidArgument(
                f"the template {template!r} has an unknown field {{{field}}}; "
                f"the fields are {known}"
            )
        is_valid = not spec or (field == "created" and _DATE_SPEC.fullmatch(spec))
        if conversion or not is_valid:
            raise InvalidArgument(
                f"the template {template!r} has an unsupported format for {{{field}}}; "
                "only {created} takes a format, such as {created:%Y-%m-%d}"
            )
        replacements.append((literal, field, spec or ""))
    if component in {"", ".", ".."}:
        raise InvalidArgument(
            f"the template {template!r} has a component {component!r}, which is not a file name"
        )
    return replacements


def _starts_with_id(component: list[_Replacement]) -> bool:
    """Return True if a component starts with ``{id}`` and no digit can follow the id."""
    literal, field, _ = component[0]
    if literal or field != "id":
        return False
    following = component[1][0] if len(component) > 1 else "-"
    return bool(following) and not following[0].isdigit()


def _id_separator(component: list[_Replacement]) -> str:
    """Return the separator before an ``{id}`` at the end of a component.

    Return ``""`` if the component does not end with a separator and ``{id}``.
    """
    literal, field, _ = component[-1]
    return literal[-1] if field == "id" and literal and literal[-1] in _SEPARATORS else ""


def _values(artifact: Artifact, extension: str) -> dict[str, str | datetime]:
    """Return the values of the template's fields. `extension` is removed from the name."""
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


def _texts(component: list[_Replacement], values: dict[str, str | datetime]) -> list[str]:
    texts = []
    for literal, field, spec in component:
        value = values[field] if field is not None else ""
        texts += [literal, value if isinstance(value, str) else value.strftime(spec or _DATE)]
    return texts
