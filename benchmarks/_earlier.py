"""An earlier version of this library, to compare the current one with."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from benchmarks._comparison import ROOT
from benchmarks._scenario import SkippedError

COMMIT = "50106cb"


def extract_earlier(directory: Path) -> Path:
    """Extract the package of the earlier version from the history of this checkout.

    Args:
        directory: Directory to extract into.

    Returns:
        The directory that contains the package.

    Raises:
        SkippedError: This is not a checkout, or its history does not have the commit.
    """
    command = ["git", "-C", str(ROOT), "archive", COMMIT, "ghartifacts_async"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SkippedError(f"the commit {COMMIT} is not in the history of a checkout") from error
    path = directory / "earlier"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(path, filter="data")
    return path
