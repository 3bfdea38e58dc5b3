"""Compare how archives are read here, by `zipfile` and by bsdtar.

Random archives are made, with the layouts of many programs, and some of them are damaged. If
`zipfile` and bsdtar read the same files from an archive, we must read the same files, or refuse the
archive for one of the reasons in `REFUSALS`. Each archive can be made again from its number.
"""

from __future__ import annotations

import argparse
import bz2
import io
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from attrs import field, frozen

from benchmarks.campaigns.fuzz import LIMITS, mutant, seeds
from ghartifacts_async import ArchiveError
from tests.archive.unusual_archives import (
    BZIP2,
    LZMA,
    LZMA_END_MARK_FLAG,
    compress_lzma,
    unicode_path,
)
from tests.archive.zip_writer import (
    DATA_DESCRIPTOR_FLAG,
    DEFLATED,
    STORED,
    ZipMember,
    build_zip,
    unzip,
)

Files = dict[str, bytes]

REFUSALS = {
    "ambiguous": (
        r"contains the end record|contains records of another|another archive precedes|"
        r"is not in the central directory|end record says|contradict|overlaps|is missing"
    ),
    "ambiguous name": r"another name in a Unicode|not valid UTF-8",
    "collision": r"conflicts with the path",
    "control characters": r"control characters",
    "damaged data": (
        r"CRC-32|decompresses to|data is (invalid|truncated)|bytes follow|is too large for|differs "
        r"from its size|header is (invalid|truncated)|is a directory, but has"
    ),
    "damaged directory": (
        r"invalid entry|is truncated|lies outside|split archive|extra field|needs version"
    ),
    "limit": r"ArchiveLimits|path components|more than \d+ bytes|name of \d+ bytes",
    "no archive": r"has no end record",
    "path": r"absolute path|as a path component|backslash|name is that of the target",
    "type": r"symbolic link|a device, a pipe",
    "unsupported": r"is encrypted|is compressed with|needs an LZMA dictionary",
}
"""Reasons for which an archive may be refused although other programs read it."""


@frozen
class Tally:
    """The results of a campaign.

    Attributes:
        outcomes: How often each outcome occurred.
        refused: How often an archive that the others read alike was refused, by reason.
        failures: What is wrong with the archives that are read differently, by number.
    """

    outcomes: Counter[str] = field(factory=Counter)
    refused: Counter[str] = field(factory=Counter)
    failures: dict[int, str] = field(factory=dict)


def generated(seed: int, number: int, sources: list[bytes]) -> bytes:
    """Make the archive with this number."""
    rng = random.Random(f"{seed}/{number}")
    kind = rng.random()
    if kind < 0.3:
        return mutant(seed, number, sources)
    archive = _archive(rng)
    return archive if kind < 0.7 else mutant(seed, number, [archive])


def _archive(rng: random.Random) -> bytes:
    names = ["a", "b.txt", "d/", "d/e", "./f", "d//g", "h/./i", "ü", "-", "A", "日本", "x" * 200]
    members = [_member(rng, name) for name in rng.sample(names, rng.randint(0, 5))]
    trailer = rng.choice([b"", b"", b"\n", bytes(100), b"text"])
    between = rng.choice([b"", b"", bytes(4), bytes(40)])
    prefix = rng.choice([b"", b"", b"#!/bin/sh\n"])
    comment = rng.choice([b"", b"", b"a comment"])
    zip64 = rng.random() < 0.2
    made = build_zip(*members, prefix=prefix, between=between, comment=comment, zip64=zip64)
    return made + trailer


def _member(rng: random.Random, name: str) -> ZipMember:
    """Make a member with the layout of some program."""
    data = b"" if name.endswith("/") else rng.randbytes(rng.choice([0, 1, 50])) * rng.randint(1, 9)
    method = STORED if name.endswith("/") else rng.choice([STORED, DEFLATED, BZIP2, LZMA])
    flags = rng.choice([0, DATA_DESCRIPTOR_FLAG])
    packed = {BZIP2: bz2.compress, LZMA: compress_lzma}.get(method)
    if method == LZMA:
        flags |= LZMA_END_MARK_FLAG
    raw = name.encode()
    central: dict[str, object] = {"system": rng.choice([0, 3, 3, 19])}
    local: dict[str, object] = {}
    fields = [b"", b"", b"UT\5\0\1" + bytes(4), b"\x99\x99\0\0" * 300, unicode_path(raw, name)]
    for values in (central, local):
        values["extra"] = rng.choice(fields)
    if name.isascii() and rng.random() < 0.2:
        central["flags"] = flags | DATA_DESCRIPTOR_FLAG
    mode = 0o040755 if name.endswith("/") else rng.choice([0o100644, 0o100755, 0, 0o644])
    recorded: str | bytes = raw if rng.random() < 0.2 else name
    return ZipMember(
        recorded, data, method, mode, flags, packed(data) if packed else None, local, central
    )


def read_with_zipfile(data: bytes) -> Files | None:
    """Return the files in an archive, or None if `zipfile` refuses it."""
    files: Files = {}
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as archive:
            warnings.simplefilter("ignore")
            for info in archive.infolist():
                if info.file_size > LIMITS.max_member_size:
                    return None
                if not info.is_dir():
                    files[_clean(info.filename)] = archive.read(info)
    except Exception:  # zipfile raises all kinds of exceptions for damaged archives
        return None
    return files


def read_with_bsdtar(data: bytes, directory: Path) -> Files | None:
    """Return the files in an archive, or None if bsdtar refuses it. Nothing is extracted."""
    path = directory / "archive.zip"
    path.write_bytes(data)
    command = ["bsdtar", "-c", "-f", "-", "--format", "pax", f"@{path}"]
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment)
    if done.returncode:
        return None
    files: Files = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                files[_clean(member.name)] = content.read()
    return files


def _clean(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def check(data: bytes, directory: Path, tally: Tally, number: int) -> None:
    """Read an archive in three ways, and record the result."""
    known = read_with_zipfile(data)
    try:
        contents = unzip(data, LIMITS)
    except ArchiveError as error:
        if known is None or known != read_with_bsdtar(data, directory):
            tally.outcomes["refused, and the others do not read it alike"] += 1
            return
        text = str(error)
        reason = next((name for name, form in REFUSALS.items() if re.search(form, text)), None)
        if reason is None:
            tally.failures[number] = f"refused for a reason that is not listed: {text}"
        tally.refused[reason or "not listed"] += 1
        tally.outcomes["refused, although the others read it alike"] += 1
        return
    files = {name: content for name, content in contents.items() if not name.endswith("/")}
    # An empty file with the path of a directory is not extracted; see `plan_extraction`.
    known = known and {n: c for n, c in known.items() if c or f"{n}/" not in contents}
    if files == known:
        tally.outcomes["read like zipfile"] += 1
    elif files == (other := read_with_bsdtar(data, directory)):
        tally.outcomes["read like bsdtar, unlike zipfile"] += 1
    elif known is None or known != other:
        tally.outcomes["read, and the others do not read it alike"] += 1
    else:
        tally.failures[number] = f"we read {files!r:.500}, the others {known!r:.500}"
        tally.outcomes["read unlike the others"] += 1


def compare_many(seed: int, numbers: Iterable[int], *, until: float = float("inf")) -> Tally:
    """Check the archives with these numbers, until a time on the monotonic clock."""
    tally, sources = Tally(), seeds()
    with tempfile.TemporaryDirectory() as directory:
        for number in numbers:
            if time.monotonic() > until:
                break
            check(generated(seed, number, sources), Path(directory), tally, number)
    return tally


def main() -> None:
    """Run the campaign from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.readers", description=__doc__
    )
    parser.add_argument("--seconds", type=int, default=60, help="duration of the campaign")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--only", type=int, help="check only the archive with this number")
    options = parser.parse_args()
    if shutil.which("bsdtar") is None:
        raise SystemExit("bsdtar is not installed; it is in the package libarchive-tools")
    numbers = range(sys.maxsize) if options.only is None else [options.only]
    tally = compare_many(options.seed, numbers, until=time.monotonic() + options.seconds)
    for number, failure in tally.failures.items():
        print(f"\narchive {number} of seed {options.seed}: {failure}", file=sys.stderr)
    print(f"seed {options.seed}: {tally.outcomes.total()} archives in {options.seconds} s")
    for counter, title in ((tally.outcomes, "outcomes"), (tally.refused, "refused because")):
        print(f"{title}:")
        for name, count in counter.most_common():
            print(f"{count:>10}  {name}")
    if tally.failures:
        raise SystemExit(f"{len(tally.failures)} failures")


if __name__ == "__main__":
    main()
