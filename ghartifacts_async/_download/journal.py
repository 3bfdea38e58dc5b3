"""The journal of an incomplete download: which bytes of which payload are on disk, as text.

The first line is JSON and identifies the payload. Each further line is a byte range that was
written before the line was. A line without its line break is ignored. So a process can be killed at
any moment, and the journal is either correct or recognisably not.
"""

from __future__ import annotations

import json
import re

from attrs import asdict, evolve, frozen

from ghartifacts_async._download.ranges import BlobInfo, ByteRange, RangeSet

_FORMAT = 1
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@frozen
class Record:
    """The content of a journal.

    Attributes:
        artifact: Key of the artifact, which names server, repository and id.
        digest: Digest that GitHub records, or None.
        total: Size of the payload in bytes.
        etag: The payload's ``ETag``, or None.
        name: Name of the file that it becomes.
        boot: Identifier of the start of the machine that wrote it, ``""`` where there is none.
        spans: Byte ranges that are on disk.
    """

    artifact: str
    digest: str | None
    total: int
    etag: str | None
    name: str
    boot: str = ""
    spans: tuple[ByteRange, ...] = ()

    @property
    def blob(self) -> BlobInfo:
        """What the store's responses must agree with."""
        return BlobInfo(self.total, self.etag)


def header(record: Record) -> bytes:
    """Return the first line of a journal."""
    values = {name: value for name, value in asdict(record).items() if name != "spans"}
    return json.dumps({"format": _FORMAT, **values}).encode() + b"\n"


def line(start: int, stop: int) -> bytes:
    """Return the line of a byte range."""
    return b"%d-%d\n" % (start, stop)


def read(text: bytes, artifact: str, digest: str | None, boot: str) -> Record | None:
    """Parse a journal. Return None if the download cannot be resumed from it.

    Args:
        text: Content of the journal.
        artifact: Key of the artifact to download.
        digest: Digest that GitHub records for it. Without one, nothing would reveal bytes that
            were lost in a power failure, so only a journal of this start of the machine is used.
        boot: Identifier of this start of the machine.
    """
    first, *lines = text.split(b"\n")
    try:
        values = json.loads(first)
        if values.pop("format") != _FORMAT or not lines:
            return None
        record = Record(**values)
        texts = isinstance(record.name, str) and isinstance(record.etag, str | None)
        named = texts and record.name not in {"", ".", ".."} and not set(record.name) & set("/\\\0")
        valid = named and record.total >= 0
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if not valid or (record.artifact, record.digest) != (artifact, digest):
        return None
    if digest is None and (record.boot != boot or not boot):
        return None
    spans = RangeSet()
    for text_range in lines[:-1]:
        match = _RANGE.fullmatch(text_range.decode("ascii", "replace"))
        if match is None or not int(match[1]) < int(match[2]) <= record.total:
            return None
        spans.add(int(match[1]), int(match[2]))
    return evolve(record, spans=tuple(spans))
