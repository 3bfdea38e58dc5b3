"""The journal of an incomplete download: a text file that lists the bytes that are on disk.

The first line is JSON and identifies the payload. Each further line is a byte range. A line is
written only after its bytes are written, and incomplete lines are ignored. So the journal stays
correct even if the process is killed at any moment.
"""

from __future__ import annotations

import json
import re

from attrs import asdict, evolve, frozen

from ghartifacts_async._disk.filenames import MAX_BYTES
from ghartifacts_async._download.ranges import ByteRange, RangeSet
from ghartifacts_async._http.headers import is_validator

_FORMAT = 1
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@frozen
class Record:
    """The content of a journal.

    Attributes:
        artifact: Unique identifier of the artifact; it names the server, the repository and the id.
        digest: GitHub's digest of the payload, or None if GitHub has none.
        total: Size of the payload in bytes.
        validator: The payload's ``ETag`` or ``Last-Modified``, or None if the store sent neither or
            the digest is checked.
        name: Name of the file when the download is complete.
        boot: Identifier of the boot during which the journal was written, or ``""`` if the system
            has no such identifier.
        spans: Byte ranges that are on disk.
    """

    artifact: str
    digest: str | None
    total: int
    validator: str | None
    name: str
    boot: str = ""
    spans: tuple[ByteRange, ...] = ()


def header(record: Record) -> bytes:
    """Return the first line of a journal."""
    values = {name: value for name, value in asdict(record).items() if name != "spans"}
    return json.dumps({"format": _FORMAT, **values}).encode() + b"\n"


def line(start: int, stop: int) -> bytes:
    """Return the journal line for a byte range."""
    return b"%d-%d\n" % (start, stop)


def read(text: bytes, artifact: str, digest: str | None, boot: str) -> Record | None:
    """Parse a journal. Return None if the download cannot be resumed from it.

    Args:
        text: Content of the journal.
        artifact: Unique identifier of the artifact to download.
        digest: GitHub's digest of the artifact, or None. Without a digest, bytes that a power
            failure has destroyed would not be noticed. So the journal must then be from the
            current boot.
        boot: Identifier of the current boot, or ``""`` if the system has none.
    """
    first, *lines = text.split(b"\n")
    try:
        values = json.loads(first)
        if values.pop("format") != _FORMAT or not lines:
            return None
        record = Record(**values)
        valid_version = record.validator is None or is_validator(record.validator)
        named = (
            valid_version
            and isinstance(record.name, str)
            and record.name not in {"", ".", ".."}
            and not set(record.name) & set("/\\\0")
            and len(record.name.encode("utf-8", "surrogateescape")) <= MAX_BYTES
        )
        valid = named and type(record.total) is int and record.total >= 0
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not valid or (record.artifact, record.digest) != (artifact, digest):
        return None
    if digest is None and (record.boot != boot or not boot):
        return None
    spans = RangeSet()
    for text_range in lines[:-1]:
        match = _RANGE.fullmatch(text_range.decode("ascii", "replace"))
        if match is None:
            continue  # an incomplete line, which may continue with the next one
        if not int(match[1]) < int(match[2]) <= record.total:
            return None
        spans.add(int(match[1]), int(match[2]))
    return evolve(record, spans=tuple(spans))
