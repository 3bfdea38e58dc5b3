"""The programs of the stores: how they are found, started and stopped."""

import os
import socket
from pathlib import Path

import pytest

from tests.stores.azurite import Azurite
from tests.stores.base import Child, ProgramMissingError, find
from tests.stores.conftest import running
from tests.stores.nginx import Nginx
from tests.stores.s3 import S3rver


@pytest.mark.parametrize("kind", [Nginx, Azurite, S3rver])
def test_nothing_is_left_behind(kind: type[Nginx | Azurite | S3rver]) -> None:
    """When the block ends, the process has ended, its port is free and its directory is removed."""
    with running(kind()) as store:
        pid, directory = store.pid, store.directory
        host, port = store.origin.removeprefix("http://").split(":")
        assert host.startswith("127.0.0.")
        socket.create_connection((host, int(port))).close()
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


class FailingStore(Child):
    """A store that prints a message and exits."""

    def start(self) -> None:
        """Start a command that fails, and wait for it to be ready."""
        self.spawn(["sh", "-c", "echo oh no >&2; exit 3"])
        self.wait_until(lambda: None)


def test_failure_to_start_shows_the_output() -> None:
    """If a store's program exits while it starts, the error has its exit code and output."""
    with pytest.raises(RuntimeError, match=r"ended with exit code 3:\noh no"):
        FailingStore().__enter__()


def test_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing program. An environment variable can name another program."""
    with pytest.raises(ProgramMissingError, match="no-such-store is not installed"):
        find("no-such-store", "NO_SUCH_STORE")
    monkeypatch.setenv("NO_SUCH_STORE", "sh")
    assert Path(find("no-such-store", "NO_SUCH_STORE")).name == "sh"
