"""The jobs that each client does, and how its programs are found."""

from __future__ import annotations

import importlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

OWNER, NAME = "octo-org", "octo-docs"
REPOSITORY = f"{OWNER}/{NAME}"
LIST = f"/repos/{REPOSITORY}/actions/artifacts"


class RequestFailed(Exception):
    """A client reported an error; `status` is the status of the response."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Client(ABC):
    """A client of the API.

    Attributes:
        limitations: The jobs that the client itself cannot do, each with the reason.
        repeats: Whether the client repeats a call that a secondary limit refused.
        waits: Whether it waits before that, for as long as the response asks for.
        tls: Whether the server has to serve TLS.
    """

    limitations: ClassVar[Mapping[str, str]] = {}
    repeats: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    tls: ClassVar[bool] = False

    def __init__(self, server: Any, token: str, directory: Path) -> None:
        self.server = server
        self.url: str = server.url
        self.token = token
        self.directory = directory

    @abstractmethod
    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Return the ids of all artifacts of the repository or of a run, maybe of one name."""

    @abstractmethod
    def get(self, artifact_id: int) -> str:
        """Return the name of an artifact."""

    @abstractmethod
    def delete(self, artifact_id: int) -> None:
        """Delete an artifact."""

    @abstractmethod
    def download(self, artifact_id: int) -> Path:
        """Download the payload of an artifact to a file."""


def list_path(run_id: int | None) -> str:
    """Return the path that lists the artifacts of the repository, or of a run."""
    return LIST if run_id is None else f"/repos/{REPOSITORY}/actions/runs/{run_id}/artifacts"


def library(name: str) -> Any:
    """Import a client's library, or skip the test if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return missing(f"{name} is not installed; it is in the extra `clients`")


def program(name: str) -> str:
    """Return the path of a program, or skip the test if it is not installed."""
    return shutil.which(name) or missing(f"{name} is not installed; .ci/clients installs it")


def node_modules() -> Path:
    """Return the directory with the clients for Node.js, or skip the test if there is none."""
    directory = os.environ.get("NODE_CLIENTS")
    if directory is None:
        missing("NODE_CLIENTS is not set; .ci/clients installs the clients for Node.js")
    return Path(str(directory))


def missing(reason: str) -> Any:
    """Skip the test, or fail it in pipelines in which every client must be installed."""
    if os.environ.get("REQUIRE_CLIENTS"):
        pytest.fail(reason)
    pytest.skip(reason)
