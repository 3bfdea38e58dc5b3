"""The lines of a mirror's manifest, and an index of them.

A manifest is a file of JSON lines. The first line is a header that describes the mirror. Every
other line is an entry that describes the file of one artifact. An entry is appended after the file
is in place, and it replaces earlier entries for the same artifact.

If the process is killed, the last line may be incomplete, or the entry of a finished file may be
missing. An incomplete line is removed when the manifest is next opened. A file without an entry is
recognized by its digest.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator

from attrs import frozen

from ghartifacts_async._api.converters import ShapeError, parse_json, structure, to_json
from ghartifacts_async.models import Artifact, Digest

_FORMAT = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_REPLACED_LINES = 1000
_MAX_COMPONENT_BYTES = 255


@frozen
class Header:
    """The first line of a manifest.

    Attributes:
        server: Base URL of the API. Artifact ids are unique only within one server.
        template: The path template of the mirror.
    """

    server: str
    template: str


@frozen
class FileRecord:
    """The file of an artifact, as recorded in a line of the manifest.

    Attributes:
        id: Id of the artifact.
        path: Path of the file below the mirror's directory, with slashes.
        size: Size of the file in bytes.
        mtime_ns: Modification time of the file, in nanoseconds since the epoch.
        digest: SHA-256 of the file.
    """

    id: int
    path: str
    size: int
    mtime_ns: int
    digest: Digest


def header_line(header: Header) -> bytes:
    """Serialize a header, with a line break."""
    values = {"format": _FORMAT, "server": header.server, "template": header.template}
    return json.dumps(values).encode() + b"\n"


def read_header(line: bytes) -> Header | None:
    """Parse the first line of a manifest; return None if it is not a header of this format."""
    match _parse_object(line):
        case {"format": int(number), "server": str(server), "template": str(template)}:
            return Header(server, template) if number == _FORMAT else None
    return None


def entry_line(artifact: Artifact, entry: FileRecord) -> bytes:
    """Serialize an entry together with all fields of its artifact, with a line break."""
    values = {
        "path": entry.path,
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "digest": str(entry.digest),
        "artifact": json.loads(to_json(artifact)),
    }
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def read_entry(line: bytes) -> FileRecord | None:
    """Parse a line of a manifest; return None if it is not a valid entry.

    The line may be incomplete or written by another program, so every field is checked, and the
    path must stay below the mirror's directory.
    """
    match _parse_object(line):
        case {
            "path": str(path),
            "size": int(size),
            "mtime_ns": int(mtime_ns),
            "digest": str(digest),
            "artifact": {"id": int(artifact_id)},
        } if _is_below(path) and _DIGEST.fullmatch(digest):
            return FileRecord(artifact_id, path, size, mtime_ns, Digest.parse(digest))
    return None


def read_artifact(line: bytes) -> Artifact | None:
    """Parse the artifact in a line of a manifest; return None if it is not valid."""
    try:
        return structure(_parse_object(line).get("artifact"), Artifact)
    except ShapeError:
        return None


def should_compact(lines: int, entries: int) -> bool:
    """Return True if a manifest has too many replaced lines and should be rewritten without them.

    Args:
        lines: Number of lines, including replaced ones.
        entries: Number of lines that have not been replaced.
    """
    return lines - entries > max(_MAX_REPLACED_LINES, entries)


class ManifestIndex:
    """The offsets of a manifest's lines, by artifact id and by digest.

    A mirror may have hundreds of thousands of entries, so the index does not hold the entries
    themselves. For each line, it holds only integers: the offset of the line, and the number of the
    previous line with the same digest.
    """

    def __init__(self) -> None:
        self._offsets = array("q")
        self._previous_with_digest = array("q")
        self._line_by_id: dict[int, int] = {}
        self._line_by_digest: dict[int, int] = {}

    def __len__(self) -> int:
        """Return the number of artifacts."""
        return len(self._line_by_id)

    @property
    def lines(self) -> int:
        """Number of lines, including replaced ones."""
        return len(self._offsets)

    def add(self, entry: FileRecord, offset: int) -> None:
        """Add the line at `offset`. It replaces the previous line of the same artifact."""
        line, key = len(self._offsets), _digest_key(entry.digest)
        self._offsets.append(offset)
        self._previous_with_digest.append(self._line_by_digest.get(key, -1))
        self._line_by_id[entry.id] = self._line_by_digest[key] = line

    def find(self, artifact_id: int) -> int | None:
        """Return the offset of an artifact's line, or None if there is none."""
        line = self._line_by_id.get(artifact_id)
        return None if line is None else self._offsets[line]

    def find_by_digest(self, digest: Digest) -> Iterator[int]:
        """Yield offsets of lines that may have this digest, latest first.

        The index holds only a part of each digest, so the caller must compare the whole digest.
        """
        line = self._line_by_digest.get(_digest_key(digest), -1)
        while line >= 0:
            yield self._offsets[line]
            line = self._previous_with_digest[line]

    def offsets(self) -> list[int]:
        """Return the offsets of all lines that have not been replaced, in ascending order."""
        return sorted(self._offsets[line] for line in self._line_by_id.values())


def _digest_key(digest: Digest) -> int:
    return int(digest.hex[:15], 16)


def _parse_object(line: bytes) -> dict[str, object]:
    """Parse a line as a JSON object. Return an empty dict if the line is something else."""
    try:
        value = parse_json(line)
    except ShapeError:
        return {}
    return value if isinstance(value, dict) else {}


def _is_below(path: str) -> bool:
    """Return True if a relative path is valid and cannot lead outside its base directory."""
    components = path.split("/")
    if any(part in {"", ".", ".."} or set(part) & set("\\:\0") for part in components):
        return False
    try:
        return max(map(len, path.encode().split(b"/"))) <= _MAX_COMPONENT_BYTES
    except UnicodeEncodeError:
        return False
