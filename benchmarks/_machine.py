"""The machine, the versions and the date of a run, for the report."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.stores.base import ProgramMissingError, find

_PACKAGES = (
    "ghartifacts_async", "aiohttp", "aiolimiter", "attrs", "cattrs", "filelock", "yarl", "aiofiles",
    "gidgethub", "githubkit", "hishel", "httpx", "obstore", "pycurl", "PyGithub",
)  # fmt: skip
_PROGRAMS = {
    "aria2c": "--version",
    "curl": "--version",
    "gh": "--version",
    "nginx": "-v",
    "openssl": "version",
    "sha256sum": "--version",
    "unzip": "-v",
}


def found(program: str) -> str | None:
    """Return the path of a program, or None if it is not installed."""
    try:
        return find(program, f"{program.upper()}_PROGRAM")
    except ProgramMissingError:
        return None


def has_package(name: str) -> bool:
    """Return True if a package is installed."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def describe() -> dict[str, str]:
    """Describe the machine, the versions and the date. The keys are the labels in the report."""
    packages = {name: version(name) for name in _PACKAGES if has_package(name)}
    programs = {name: _first_line(name, option) for name, option in _PROGRAMS.items()}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} × {_processor()}, {_memory_gib():.0f} GiB, "
        f"{platform.system()} {platform.release()}",
        "commit": _first_line("git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {number}" for name, number in packages.items()),
        "programs": "; ".join(line for line in programs.values() if line),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _first_line(program: str, *options: str) -> str:
    path = found(program)
    if path is None:
        return ""
    reported = subprocess.run([path, *options], capture_output=True, text=True, check=False)
    return " ".join((reported.stdout or reported.stderr).split("\n", 1)[0].split()[:4])
