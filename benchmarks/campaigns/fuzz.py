"""Archives that nobody thought of, for the parser, the path rules and the inflater.

With atheris, where it is installed, libFuzzer looks for inputs that reach new code; else seeds are
mutated at random, each reproducible by its number. Whatever it is, it is unpacked or refused: no
other exception, no name that leads out, no bytes that `zipfile` reads otherwise, and no hang.
"""

from __future__ import annotations

import argparse
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
import time
import traceback
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from benchmarks.campaigns._leftovers import BrokenPromiseError
from ghartifacts_async import ArchiveError, ArchiveLimits
from ghartifacts_async._disk.filenames import folded
from tests.archive import zip_writer
from tests.archive.hostile import HOSTILE
from tests.archive.quine import quine
from tests.archive.zip_writer import STORED, Part

BUDGET = ArchiveLimits(max_members=200, max_member_size=2**20, max_total_size=2**22, max_ratio=1000)
SAMPLES = Path(__file__).parents[2] / "tests" / "data" / "archives"

_LARGEST_SEED = 50_000
_SECONDS = 10.0
_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_MARKS = (
    zip_writer.LOCAL,
    zip_writer.CENTRAL,
    zip_writer.END,
    zip_writer.END64,
    zip_writer.LOCATOR,
)


def seeds() -> list[bytes]:
    """What is mutated: archives of the real uploader, good ones and hostile ones."""
    good = [
        zip_writer.forge(),
        quine(),
        zip_writer.forge(
            Part("a/b.txt", b"hello" * 50), Part("a/", mode=0o040755), Part("ü", b"x")
        ),
        zip_writer.forge(Part("a", b"x" * 40, STORED, flags=0), comment=b"a comment", zip64=True),
        zip_writer.forge(Part("a", b""), Part("a/b", b"x"), prefix=b"prefix", between=b"between"),
    ]
    real = [path.read_bytes() for path in sorted(SAMPLES.glob("*.zip"))]
    hostile = [each.archive for each in HOSTILE]
    return [archive for archive in (*good, *real, *hostile) if len(archive) <= _LARGEST_SEED]


def check(data: bytes) -> str:
    """Unpack it; what came of that.

    Raises:
        BrokenPromiseError: Something that never may.
    """
    chance = zlib.crc32(data)
    strip, portable, chunk = chance & 1, bool(chance & 2), 1 + (chance >> 2) % 5000
    try:
        found = zip_writer.unpacked(data, BUDGET, strip=strip, portable=portable, chunk=chunk)
    except ArchiveError as error:
        if not str(error).isprintable():
            raise BrokenPromiseError(f"not fit to be printed: {error!r}") from error
        if str(pickle.loads(pickle.dumps(error))) != str(error):
            raise BrokenPromiseError(f"it does not pickle: {error!r}") from error
        return type(error).__name__
    _check_paths(found)
    if not strip:
        _check_bytes(data, found)
    return "unpacked"


def _check_paths(found: dict[str, bytes]) -> None:
    for path in found:
        parts = path.removesuffix("/").split("/")
        if {"", ".", ".."} & {*parts} or "\\" in path or "\0" in path or path[1:2] == ":":
            raise BrokenPromiseError(f"a way out: {path!r}")
    if len({folded(path.removesuffix("/")) for path in found}) < len(found):
        raise BrokenPromiseError(f"two of one name: {[*found]}")
    if len(found) > BUDGET.max_members or sum(map(len, found.values())) > BUDGET.max_total_size:
        raise BrokenPromiseError("more than the budget")


def _check_bytes(data: bytes, found: dict[str, bytes]) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        # A seek before the start is none in memory, and an error in a file.
        return
    with archive:
        for info in archive.infolist():
            if info.filename in found and not info.is_dir():
                try:
                    known = archive.read(info)
                except (zipfile.BadZipFile, NotImplementedError, EOFError):
                    continue
                if known != found[info.filename]:
                    raise BrokenPromiseError(f"other bytes than zipfile's: {info.filename!r}")


def mutant(seed: int, number: int, sources: list[bytes]) -> bytes:
    """The archive of this number."""
    chance = random.Random(f"{seed}/{number}")
    data = bytearray(chance.choice(sources))
    for _ in range(chance.randint(1, 6)):
        chance.choice(_MUTATIONS)(chance, data, sources)
    return bytes(data)


def _flip(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _header(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    """Change a field of a header."""
    places = [
        at for mark in _MARKS if (at := data.find(mark, chance.randrange(len(data) + 1))) >= 0
    ]
    if places:
        width = chance.choice([2, 4])
        at = chance.choice(places) + 4 + 2 * chance.randrange(22)
        number = chance.choice([*_NUMBERS, chance.randrange(300), len(data)]) % 256**width
        data[at : at + width] = struct.pack("<H" if width == 2 else "<I", number)


def _cut(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.choice([1, 2, 8, 100])]


def _repeat(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    start, at = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
    data[at:at] = data[start : start + chance.choice([1, 4, 46, 200])]


def _splice(chance: random.Random, data: bytearray, sources: list[bytes]) -> None:
    other = chance.choice(sources)
    at, start = chance.randrange(len(data) + 1), chance.randrange(len(other) + 1)
    data[at:] = other[start:]


def _name(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    """Put what matters in a path somewhere."""
    text = chance.choice([b"../", b"/", b"\\", b"\0", b":", b".", b"A", b"\xc3\xa9", b"aux", b"\n"])
    at = chance.randrange(len(data) + 1)
    data[at : at + len(text)] = text


_MUTATIONS: tuple[Callable[[random.Random, bytearray, list[bytes]], None], ...] = (
    _flip, _header, _header, _header, _cut, _repeat, _splice, _name,
)  # fmt: skip


def play_many(
    seed: int, numbers: Iterable[int], *, until: float = float("inf")
) -> tuple[Counter[str], dict[int, str]]:
    """Play mutants of these numbers; what came of them, and what went wrong in which."""
    sources, outcomes, failures = seeds(), Counter[str](), dict[int, str]()

    def ring(_: int, __: FrameType | None) -> None:
        raise BrokenPromiseError(f"it is at work after {_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        for number in numbers:
            if time.monotonic() > until:
                break
            signal.setitimer(signal.ITIMER_REAL, _SECONDS)
            try:
                outcomes[check(mutant(seed, number, sources))] += 1
            except Exception:
                failures[number] = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return outcomes, failures


def with_atheris(seconds: int, seed: int) -> int:
    """Let libFuzzer look for them, in a process of its own; its exit status."""
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory) / "corpus"
        corpus.mkdir()
        for number, archive in enumerate(seeds()):
            (corpus / f"{number}").write_bytes(archive)
        limits = [f"-max_total_time={seconds}", f"-seed={seed}", "-rss_limit_mb=1024"]
        limits += [f"-timeout={_SECONDS:.0f}", f"-max_len={_LARGEST_SEED}", "-print_final_stats=1"]
        limits += [f"-artifact_prefix={tempfile.gettempdir()}/"]
        command = [
            sys.executable,
            "-m",
            "benchmarks.campaigns.fuzz",
            "--child",
            str(corpus),
            *limits,
        ]
        return subprocess.run(command, check=False).returncode


def _child(arguments: list[str]) -> None:
    atheris = importlib.import_module("atheris")
    for name in (
        "_archive.central_directory",
        "_archive.inflate",
        "_archive.local_header",
        "_archive.member_index",
        "_archive.member_paths",
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
    """Instrument a function, or the methods of a class, where they are."""
    for function in vars(thing).values() if isinstance(thing, type) else (thing,):
        plain = getattr(function, "fget", function)
        if hasattr(plain, "__code__") and plain.__module__ == getattr(module, "__name__", ""):
            instrument(plain)


def main() -> None:
    """Run it."""
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.fuzz", description=__doc__
    )
    parser.add_argument("--seconds", type=int, default=60, help="for how long")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--only", type=int, help="the mutant of this number alone")
    parser.add_argument("--random", action="store_true", help="mutants also where there is atheris")
    options = parser.parse_args()
    plain = options.random or options.only is not None
    if not plain and importlib.util.find_spec("atheris") is not None:
        raise SystemExit(with_atheris(options.seconds, options.seed))
    numbers = range(sys.maxsize) if options.only is None else [options.only]
    start = time.monotonic()
    outcomes, failures = play_many(options.seed, numbers, until=start + options.seconds)
    for number, failure in failures.items():
        print(f"\nmutant {number} of seed {options.seed}:\n{failure}", file=sys.stderr)
    print(f"seed {options.seed}: {outcomes.total()} mutants in {time.monotonic() - start:.0f} s")
    for outcome, count in outcomes.most_common():
        print(f"{count:>10}  {outcome}")
    if failures:
        raise SystemExit(f"{len(failures)} failures")


if __name__ == "__main__":
    main()
