"""Fuzz the extraction of archives: the parser, the path rules and the decoder.

If atheris is installed, libFuzzer searches for inputs that reach new code. Otherwise, a set of
archives is mutated at random, and each mutant can be built again from the seed and its number.

Every input must be extracted, or rejected with an `ArchiveError`. A failure is another exception, a
path outside of the directory, content that differs from what `zipfile` reads, or a hang.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import random
import signal
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType

from benchmarks.campaigns._leftovers import BrokenPromiseError
from benchmarks.campaigns._mutants import argument_parser, run_campaign
from ghartifacts_async import ArchiveError, ArchiveLimits
from ghartifacts_async._archive.member_paths import PathRules
from ghartifacts_async._disk.filenames import folded
from tests.archive import zip_writer
from tests.archive.rejected_archives import REJECTED_ARCHIVES
from tests.archive.self_containing_zip import self_containing_zip
from tests.archive.unusual_archives import unusual_archives
from tests.archive.zip_writer import STORED, ZipMember

LIMITS = ArchiveLimits(max_members=200, max_member_size=2**20, max_total_size=2**22, max_ratio=1000)
SAMPLES = Path(__file__).parents[2] / "tests" / "data" / "archives"

_MAX_SEED_SIZE = 50_000
_TIMEOUT = 10.0
_FIELD_VALUES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_SIGNATURES = (
    zip_writer.LOCAL_SIGNATURE,
    zip_writer.CENTRAL_SIGNATURE,
    zip_writer.END_SIGNATURE,
    zip_writer.ZIP64_END_SIGNATURE,
    zip_writer.ZIP64_LOCATOR_SIGNATURE,
)


@cache
def seeds() -> list[bytes]:
    """Return the archives to mutate: valid ones, some of GitHub's uploader, and invalid ones."""
    valid = [
        zip_writer.build_zip(),
        self_containing_zip(),
        zip_writer.build_zip(
            ZipMember("a/b.txt", b"hello" * 50),
            ZipMember("a/", mode=0o040755),
            ZipMember("ü", b"x"),
        ),
        zip_writer.build_zip(
            ZipMember("a", b"x" * 40, STORED, flags=0), comment=b"a comment", zip64=True
        ),
        zip_writer.build_zip(
            ZipMember("a", b""), ZipMember("a/b", b"x"), prefix=b"prefix", between=b"between"
        ),
    ]
    official = [path.read_bytes() for path in sorted(SAMPLES.glob("*.zip"))]
    rejected = [each.archive for each in REJECTED_ARCHIVES]
    # Most mutants of valid archives are rejected, so take as many valid ones as invalid ones.
    accepted = [*valid, *unusual_archives(), *official]
    accepted *= len(rejected) // len(accepted) + 1
    return [archive for archive in (*accepted, *rejected) if len(archive) <= _MAX_SEED_SIZE]


def check(data: bytes) -> str:
    """Extract an archive. The options are derived from its CRC-32, so they can be reproduced.

    Returns:
        ``"extracted"``, or the name of the error that rejected the archive.

    Raises:
        BrokenPromiseError: The extraction is unsafe or wrong.
    """
    crc32 = zlib.crc32(data)
    strip, portable, chunk_size = crc32 & 1, bool(crc32 & 2), 1 + (crc32 >> 2) % 5000
    try:
        contents = zip_writer.unzip(
            data, LIMITS, rules=PathRules(strip, portable), chunk_size=chunk_size
        )
    except ArchiveError as error:
        if not str(error).isprintable():
            raise BrokenPromiseError(f"the message is not printable: {error!r}") from error
        if str(pickle.loads(pickle.dumps(error))) != str(error):
            raise BrokenPromiseError(f"the error does not survive pickling: {error!r}") from error
        return type(error).__name__
    _check_paths(contents)
    if not strip:
        _check_contents(data, contents)
    return "extracted"


def _check_paths(contents: dict[str, bytes]) -> None:
    for path in contents:
        parts = path.removesuffix("/").split("/")
        if {"", ".", ".."} & {*parts} or "\\" in path or "\0" in path or path[1:2] == ":":
            raise BrokenPromiseError(f"unsafe path: {path!r}")
    if len({folded(path.removesuffix("/")) for path in contents}) < len(contents):
        raise BrokenPromiseError(f"colliding paths: {[*contents]}")
    if (
        len(contents) > LIMITS.max_members
        or sum(map(len, contents.values())) > LIMITS.max_total_size
    ):
        raise BrokenPromiseError("the limits were exceeded")


def _check_contents(data: bytes, contents: dict[str, bytes]) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        # Seeking to a negative position fails in a file, but not in memory. Therefore zipfile may
        # reject an archive in memory that it would accept from a file.
        return
    with archive:
        for info in archive.infolist():
            if info.filename in contents and not info.is_dir():
                try:
                    expected = archive.read(info)
                except (zipfile.BadZipFile, NotImplementedError, EOFError):
                    continue
                if expected != contents[info.filename]:
                    raise BrokenPromiseError(f"zipfile reads different content: {info.filename!r}")


def mutant(seed: int, number: int, sources: list[bytes]) -> bytes:
    """Build the mutated archive with this number."""
    rng = random.Random(f"{seed}/{number}")
    data = bytearray(rng.choice(sources))
    for _ in range(rng.randint(1, 6)):
        rng.choice(_MUTATIONS)(rng, data, sources)
    return bytes(data)


def _flip(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _header(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    """Overwrite a field of a header."""
    places = [
        at
        for signature in _SIGNATURES
        if (at := data.find(signature, rng.randrange(len(data) + 1))) >= 0
    ]
    if places:
        width = rng.choice([2, 4])
        at = rng.choice(places) + 4 + 2 * rng.randrange(22)
        number = rng.choice([*_FIELD_VALUES, rng.randrange(300), len(data)]) % 256**width
        data[at : at + width] = struct.pack("<H" if width == 2 else "<I", number)


def _cut(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice([1, 2, 8, 100])]


def _repeat(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    start, at = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    data[at:at] = data[start : start + rng.choice([1, 4, 46, 200])]


def _splice(rng: random.Random, data: bytearray, sources: list[bytes]) -> None:
    other = rng.choice(sources)
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    data[at:] = other[start:]


def _name(rng: random.Random, data: bytearray, _: list[bytes]) -> None:
    """Overwrite bytes with a string that matters in a path."""
    text = rng.choice([b"../", b"/", b"\\", b"\0", b":", b".", b"A", b"\xc3\xa9", b"aux", b"\n"])
    at = rng.randrange(len(data) + 1)
    data[at : at + len(text)] = text


_MUTATIONS: tuple[Callable[[random.Random, bytearray, list[bytes]], None], ...] = (
    _flip, _header, _header, _header, _cut, _repeat, _splice, _name,
)  # fmt: skip


def play(seed: int, number: int) -> str:
    """Check the mutant with this number. A check that hangs fails after a time limit."""

    def raise_timeout(_: int, __: FrameType | None) -> None:
        raise BrokenPromiseError(f"the extraction took more than {_TIMEOUT} seconds")

    before = signal.signal(signal.SIGALRM, raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, _TIMEOUT)
    try:
        return check(mutant(seed, number, seeds()))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def with_atheris(seconds: int, seed: int) -> int:
    """Run libFuzzer in a child process, and return its exit status."""
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory) / "corpus"
        corpus.mkdir()
        for number, archive in enumerate(seeds()):
            (corpus / f"{number}").write_bytes(archive)
        options = [f"-max_total_time={seconds}", f"-seed={seed}", "-rss_limit_mb=1024"]
        options += [f"-timeout={_TIMEOUT:.0f}", f"-max_len={_MAX_SEED_SIZE}"]
        options += ["-print_final_stats=1", f"-artifact_prefix={tempfile.gettempdir()}/"]
        command = [sys.executable, "-m", "benchmarks.campaigns.fuzz", "--child", str(corpus)]
        command += options
        return subprocess.run(command, check=False).returncode


def _child(arguments: list[str]) -> None:
    atheris = importlib.import_module("atheris")
    for name in (
        "_archive.zip_format.archive_tail",
        "_archive.zip_format.central_directory",
        "_archive.zip_format.decompressors",
        "_archive.zip_format.end_record",
        "_archive.zip_format.extra_fields",
        "_archive.zip_format.local_header",
        "_archive.zip_format.member_decoder",
        "_archive.zip_format.member_gap",
        "_archive.zip_format.member_names",
        "_archive.extraction_plan",
        "_archive.member_index",
        "_archive.member_paths",
        "_archive.member_patterns",
        "_disk.filenames",
    ):
        module = importlib.import_module(f"ghartifacts_async.{name}")
        for thing in [*vars(module).values()]:
            if getattr(thing, "__module__", "") == module.__name__:
                _instrument(atheris.instrument_func, module, thing)
    atheris.instrument_func(zipfile.ZipFile._RealGetContents)  # type: ignore[attr-defined]
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


def _instrument(instrument: Callable[[object], object], module: object, thing: object) -> None:
    """Instrument a function, or the methods of a class, in place."""
    for function in vars(thing).values() if isinstance(thing, type) else (thing,):
        plain = getattr(function, "fget", function)
        if hasattr(plain, "__code__") and plain.__module__ == getattr(module, "__name__", ""):
            instrument(plain)


def main() -> None:
    """Run the campaign from the command line."""
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2:])
        return
    parser = argument_parser("fuzz", __doc__)
    parser.add_argument(
        "--random", action="store_true", help="mutate at random even if atheris is installed"
    )
    options = parser.parse_args()
    at_random = options.random or options.only is not None
    if not at_random and importlib.util.find_spec("atheris") is not None:
        raise SystemExit(with_atheris(options.seconds, options.seed))
    run_campaign(play, options)


if __name__ == "__main__":
    main()
