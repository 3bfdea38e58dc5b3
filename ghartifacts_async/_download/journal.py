"""What is on disk of a download that is not complete, as lines of text.

The first line, JSON, says of which payload; each line after it is a span that was written before
the line was. A line is taken for what it says only when its line break is there: so whatever
moment a process is killed in, the journal is right or recognisably not.
"""

from __future__ import annotations

import json
import re

from attrs import asdict, evolve, frozen

from ghartifacts_async._download.ranges import BlobInfo, RangeSet

_FORMAT = 1
_SPAN = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@frozen
class Record:
    """A download that is not complete.

    Attributes:
        artifact: Which artifact of which repository of which server.
        digest: As GitHub tells it, or ``None``.
        total: Bytes of the payload.
        etag: Its ``ETag``, or ``None``.
        name: Of the file that it becomes.
        boot: Which start of the machine wrote it, ``""`` where that cannot be told.
        spans: What is on disk.
    """

    artifact: str
    digest: str | None
    total: int
    etag: str | None
    name: str
    boot: str = ""
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def blob(self) -> BlobInfo:
        """What the store's answers must agree with."""
        return BlobInfo(self.total, self.etag)


def header(record: Record) -> bytes:
    """The first line of a record's journal."""
    values = {name: value for name, value in asdict(record).items() if name != "spans"}
    return json.dumps({"format": _FORMAT, **values}).encode() + b"\n"


def line(start: int, stop: int) -> bytes:
    """The line of a span."""
    return b"%d-%d\n" % (start, stop)


def read(text: bytes, artifact: str, digest: str | None, boot: str) -> Record | None:
    """What a journal says, ``None`` where that is nothing to go on with.

    Args:
        text: All of it.
        artifact: Of which artifact it must be.
        digest: What GitHub tells of it. Without one nobody would notice that a machine lost what
            its journal says it wrote: then only this start of the machine is believed.
        boot: Which start of the machine it is.
    """
    first, *lines = text.split(b"\n")
    try:
        values = json.loads(first)
        if values.pop("format") != _FORMAT or not lines:
            return None
        record = Record(**values)
        texts = isinstance(record.name, str) and isinstance(record.etag, str | None)
        named = texts and record.name not in {"", ".", ".."} and not set(record.name) & set("/\\\0")
        sound = named and record.total >= 0
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if not sound or (record.artifact, record.digest) != (artifact, digest):
        return None
    if digest is None and (record.boot != boot or not boot):
        return None
    spans = RangeSet()
    for piece in lines[:-1]:
        match = _SPAN.fullmatch(piece.decode("ascii", "replace"))
        if match is None or not int(match[1]) < int(match[2]) <= record.total:
            return None
        spans.add(int(match[1]), int(match[2]))
    return evolve(record, spans=tuple(spans))
