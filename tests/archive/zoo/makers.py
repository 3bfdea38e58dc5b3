"""Make archives of one directory with many programs, as far as they are installed.

``bash .ci/zoo DIRECTORY`` installs the programs. The libraries for Node.js are found by the
environment variable ``ZOO_NODE``, the directory in which npm installed them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

HERE = Path(__file__).parent
NODE_LIBRARIES = (
    "archiver", "yazl", "adm-zip", "jszip", "fflate", "zip.js", "client-zip", "compressing",
)  # fmt: skip
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

Maker = Callable[[Path, Path], None]
"""A function that makes archives of the first directory in the second one."""


def make_source(directory: Path) -> None:
    """Make the directory that the programs archive."""
    contents: dict[str, bytes] = {
        "a.txt": b"hello\n",
        "empty.txt": b"",
        "übung/naïve.txt": b"x\n",
        "日本語.txt": "日本語\n".encode(),
        "d/.hidden": b"dot\n",
        "d/e/f/deep": b"deep\n",
        "bin/log.txt": b"".join(b"line %d\n" % number for number in range(20_000)),
        "bin/tool": bytes(range(256)) * 1000 + os.urandom(100_000),
    }
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (directory / "bin" / "tool").chmod(0o755)
    (directory / "übung" / "leer").mkdir()


def run(*command: str | Path, cwd: Path, stdout: Path | None = None, data: bytes = b"") -> None:
    """Run a program, and raise an error with its output if it fails."""
    done = subprocess.run(
        command, cwd=cwd, input=data, capture_output=True, check=False, timeout=120, env=ENVIRONMENT
    )
    if done.returncode:
        raise AssertionError(f"{command}: {done.stdout!r} {done.stderr!r}")
    if stdout is not None:
        stdout.write_bytes(done.stdout)


def info_zip(source: Path, target: Path) -> None:
    """Make archives with Info-ZIP, which writes UTF-8 names without the flag."""
    for layout, options in {
        "deflated": [], "stored": ["-0"], "fast": ["-1"], "bzip2": ["-Z", "bzip2"],
        "no-directories": ["-D"], "no-extra": ["-X"], "flagged": ["-UN=UTF8"],
        "escaped": ["-UN=ESCAPE"], "zip64": ["-fz"],
    }.items():  # fmt: skip
        run("zip", "-q", "-r", *options, target / f"zip-{layout}.zip", ".", cwd=source)
    run("zip", "-q", "-r", "-", ".", cwd=source, stdout=target / "zip-streamed.zip")
    run("zip", "-q", target / "zip-stdin.zip", "-", cwd=source, data=b"from a pipe\n" * 99)
    commented = target / "zip-commented.zip"
    run("zip", "-q", "-r", "-z", commented, ".", cwd=source, data=b"a comment\n.\n")
    updated = target / "zip-updated.zip"
    run("zip", "-q", updated, "a.txt", "empty.txt", cwd=source)
    run("zip", "-q", "-r", updated, "bin", cwd=source)
    run("zip", "-q", "-d", updated, "empty.txt", cwd=source)
    stub = target / "zip-after-a-stub.zip"
    stub.write_bytes(b"#!/bin/sh\nexit 1\n" + (target / "zip-deflated.zip").read_bytes())
    adjusted = target / "zip-adjusted.zip"
    shutil.copy(stub, adjusted)
    run("zip", "-q", "-A", adjusted, cwd=source)


def seven_zip(source: Path, target: Path) -> None:
    """Make archives with 7-Zip."""
    for layout, options in {
        "deflated": [], "stored": ["-mm=Copy"], "bzip2": ["-mm=BZip2"], "lzma": ["-mm=LZMA"],
        "local-names": ["-mcl=on"], "flagged": ["-mcu=on"], "deflate64": ["-mm=Deflate64"],
    }.items():  # fmt: skip
        run("7z", "a", "-tzip", *options, target / f"7z-{layout}.zip", ".", cwd=source)
    piped = target / "7z-piped.zip"
    run("7z", "a", "-tzip", "-sipiped.txt", piped, cwd=source, data=b"from a pipe\n" * 99)


def bsdtar(source: Path, target: Path) -> None:
    """Make archives with bsdtar, which starts names with ``./`` and pads what it pipes."""
    run("bsdtar", "-a", "-cf", target / "bsdtar-dot.zip", ".", cwd=source)
    names = sorted(path.name for path in source.iterdir())
    run("bsdtar", "-a", "-cf", target / "bsdtar-names.zip", *names, cwd=source)
    for layout, options in {"piped": [], "stored": ["--options", "zip:compression=store"]}.items():
        output = target / f"bsdtar-{layout}.zip"
        run("bsdtar", "--format", "zip", *options, "-cf", "-", ".", cwd=source, stdout=output)


def python(source: Path, target: Path) -> None:
    """Make archives with the standard library of Python."""
    for layout, method in {
        "stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED,
        "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA,
    }.items():  # fmt: skip
        with zipfile.ZipFile(target / f"python-{layout}.zip", "w", method) as archive:
            for path in sorted(source.rglob("*")):
                archive.write(path, path.relative_to(source))
    shutil.make_archive(str(target / "python-shutil"), "zip", source)
    piped = BytesIO()
    piped.seekable = lambda: False  # type: ignore[method-assign]
    with zipfile.ZipFile(piped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                with archive.open(path.relative_to(source).as_posix(), "w") as member:
                    member.write(path.read_bytes())
    (target / "python-piped.zip").write_bytes(piped.getvalue())


def perl(source: Path, target: Path) -> None:
    """Make archives with IO::Compress::Zip of Perl."""
    for layout, options in {
        "deflated": "", "streamed": ", Stream => 1", "zip64": ", Zip64 => 1",
        "stored": ", Method => 0",
    }.items():  # fmt: skip
        script = (
            "use IO::Compress::Zip qw(zip $ZipError); use File::Find; my @files;"
            "find({wanted => sub { push @files, $_ if -f $_ }, no_chdir => 1}, '.');"
            f"zip [sort @files] => $ARGV[0]{options} or die $ZipError"
        )
        run("perl", "-e", script, target / f"perl-{layout}.zip", cwd=source)


def java(source: Path, target: Path) -> None:
    """Make archives with Java: with streams, with its file system and with ``jar``."""
    utf8 = ["-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8"]
    run("java", *utf8, HERE / "ZipMaker.java", source, target, cwd=source)
    jar = shutil.which("jar")
    if jar is not None:
        run(jar, "-J" + utf8[1], "cf", target / "java-jar.zip", ".", cwd=source)
        run(jar, "-J" + utf8[1], "c0Mf", target / "java-jar-stored.zip", ".", cwd=source)


def git(source: Path, target: Path) -> None:
    """Make an archive with ``git archive``."""
    repository = target / "repository"
    shutil.copytree(source, repository)
    identity = ["-c", "user.name=zoo", "-c", "user.email=zoo@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Add files"]):
        run("git", *command, cwd=repository)
    for layout, options in {"deflated": [], "prefix": ["--prefix=top/"], "stored": ["-0"]}.items():
        output = target / f"git-{layout}.zip"
        run("git", "archive", "--format=zip", *options, "-o", output, "HEAD", cwd=repository)
    shutil.rmtree(repository)


def node(library: str) -> Maker:
    """Return a function that makes archives with a library for Node.js."""

    def make(source: Path, target: Path) -> None:
        run("node", HERE / "makers.mjs", library, source, target, cwd=source)

    return make


PROGRAMS: dict[str, tuple[str, Maker]] = {
    "zip": ("zip", info_zip),
    "7z": ("7z", seven_zip),
    "bsdtar": ("bsdtar", bsdtar),
    "python": (sys.executable, python),
    "perl": ("perl", perl),
    "java": ("java", java),
    "git": ("git", git),
    **{library: ("node", node(library)) for library in NODE_LIBRARIES},
}
"""The programs: the command that each needs, and the function that makes its archives."""


def missing(name: str) -> str:
    """Return why a program cannot make archives, or ``""``."""
    command, _ = PROGRAMS[name]
    if shutil.which(command) is None:
        return f"{command} is not installed"
    if name in NODE_LIBRARIES:
        directory = Path(os.environ.get("ZOO_NODE", ""), "node_modules")
        package = {"zip.js": "@zip.js/zip.js"}.get(name, name)
        if "ZOO_NODE" not in os.environ or not (directory / package).is_dir():
            return "ZOO_NODE is not set to a directory that has this library; see .ci/zoo"
    return ""


def extracted_by_bsdtar(archive: Path, directory: Path) -> dict[str, bytes]:
    """Extract an archive with bsdtar, and return the contents of the files by path."""
    directory.mkdir()
    run("bsdtar", "-xf", archive, "-C", directory, cwd=directory)
    return contents(directory)


def extracted_by_unzip(archive: Path, directory: Path) -> dict[str, bytes]:
    """Extract an archive with unzip, and return the contents of the files by path."""
    directory.mkdir()
    command = ["unzip", "-q", "-o", str(archive), "-d", str(directory)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60, env=ENVIRONMENT)
    if done.returncode > 1:  # 1 is a warning
        raise AssertionError(f"unzip {archive.name}: {done.stdout!r} {done.stderr!r}")
    # fflate records no modes, so unzip creates files without any permission.
    for parent, directories, files in os.walk(directory):
        for path in (Path(parent, name) for name in directories + files):
            if not path.is_symlink():
                path.chmod(0o700)
    return contents(directory)


def contents(directory: Path) -> dict[str, bytes]:
    """Return the contents of the files and, with a slash, the directories below a directory."""
    return dict(_contents(directory))


def _contents(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in directory.rglob("*"):
        name = path.relative_to(directory).as_posix()
        yield (f"{name}/", b"") if path.is_dir() else (name, path.read_bytes())
