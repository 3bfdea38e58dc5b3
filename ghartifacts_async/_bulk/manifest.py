"""The manifest of a mirror: what lies there, one line of JSON for each artifact.

The first line tells of the mirror itself. Each other line is written after the file that it tells
of was put in place, and a later one of the same artifact takes its place: so a kill leaves at worst
a line that is torn, which is none, or one too few, and then the file is recognised by its digest.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator

from attrs import frozen

from ghartifacts_async._api.converters import ShapeError, parse_json, to_json
from ghartifacts_async.models import Artifact, Digest

_FORMAT = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DEAD_LINES = 1000
_LONGEST_PART = 255


@frozen
class Header:
    """What a mirror is of.

    Attributes:
        server: Base URL of the API, as ids are unique there.
        template: Of the paths.
    """

    server: str
    template: str


@frozen
class ManifestEntry:
    """What a line tells of a file.

    Attributes:
        id: Of the artifact.
        path: From the mirror's root, with slashes.
        size: Bytes.
        mtime_ns: When the file was last changed, in nanoseconds since the epoch.
        digest: SHA-256 of the file.
    """

    id: int
    path: str
    size: int
    mtime_ns: int
    digest: Digest


def header_line(header: Header) -> bytes:
    """The first line."""
    told = {"format": _FORMAT, "server": header.server, "template": header.template}
    return json.dumps(told).encode() + b"\n"


def read_header(line: bytes) -> Header | None:
    """What a first line tells, ``None`` where it is none."""
    match _object(line):
        case {"format": int(number), "server": str(server), "template": str(template)}:
            return Header(server, template) if number == _FORMAT else None
    return None


def line(artifact: Artifact, entry: ManifestEntry) -> bytes:
    """The line of a file, with all that is known of its artifact."""
    told = {
        "path": entry.path,
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "digest": str(entry.digest),
        "artifact": json.loads(to_json(artifact)),
    }
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def read_line(line: bytes) -> ManifestEntry | None:
    """What a line tells, ``None`` where it is none of ours, whatever it is."""
    match _object(line):
        case {
            "path": str(path),
            "size": int(size),
            "mtime_ns": int(mtime_ns),
            "digest": str(digest),
            "artifact": {"id": int(number)},
        } if _is_below(path) and _DIGEST.fullmatch(digest):
            return ManifestEntry(number, path, size, mtime_ns, Digest.parse(digest))
    return None


def worth_rewriting(lines: int, entries: int) -> bool:
    """Whether so few of a manifest's lines still count that the others are better left out."""
    return lines - entries > max(_DEAD_LINES, entries)


class ManifestIndex:
    """Where in a manifest the line of an artifact stands, and the lines of equal files.

    Small, as a mirror may have hundreds of thousands: of each line its offset, and of equal files
    each leads to the one before.
    """

    def __init__(self) -> None:
        self._offsets = array("q")
        self._before = array("q")
        self._ids: dict[int, int] = {}
        self._digests: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def lines(self) -> int:
        """How many there are, superseded ones too."""
        return len(self._offsets)

    def add(self, entry: ManifestEntry, offset: int) -> None:
        """Take note of a line."""
        number, key = len(self._offsets), _key(entry.digest)
        self._offsets.append(offset)
        self._before.append(self._digests.get(key, -1))
        self._ids[entry.id] = self._digests[key] = number

    def find(self, artifact_id: int) -> int | None:
        """The offset of an artifact's line."""
        number = self._ids.get(artifact_id)
        return None if number is None else self._offsets[number]

    def find_by_digest(self, digest: Digest) -> Iterator[int]:
        """Offsets of lines that may be of this digest, the latest first."""
        number = self._digests.get(_key(digest), -1)
        while number >= 0:
            yield self._offsets[number]
            number = self._before[number]

    def offsets(self) -> list[int]:
        """Of all lines that count, in their order."""
        return sorted(self._offsets[number] for number in self._ids.values())


def _key(digest: Digest) -> int:
    return int(digest.hex[:15], 16)


def _object(line: bytes) -> dict[str, object]:
    try:
        told = parse_json(line)
    except ShapeError:
        return {}
    return told if isinstance(told, dict) else {}


def _is_below(path: str) -> bool:
    """Whether a path, which anybody may have written, stays below the root it is joined to."""
    parts = path.split("/")
    odd = any(part in {"", ".", ".."} or set(part) & set("\\:\0") for part in parts)
    try:
        return not odd and max(map(len, path.encode().split(b"/"))) <= _LONGEST_PART
    except UnicodeEncodeError:
        return False
