"""The interface of a blob store, and a base class that runs a program as a child process.

Nothing here uses aiohttp: the stores must not share an HTTP client with the library under test.
"""

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self, TypeVar
from urllib.parse import urlsplit

STARTS_WITHIN = 30.0
STOPS_WITHIN = 5.0

DISPOSITION = """attachment; filename="it's=a/b+c~d.zip\""""
"""The ``Content-Disposition`` that a signed URL requests from the store.

Percent-encoded, it contains the escapes that some clients rewrite: ``%3D %27 %2F %2B %7E``.
"""

T = TypeVar("T")


class ProgramMissingError(Exception):
    """A store cannot run because its program is not installed. The message names the program."""


class Store(Protocol):
    """A running blob store."""

    @property
    def ca(self) -> Path | None:
        """The certificate to trust, or None if the store uses plain HTTP."""

    async def put(
        self, name: str, data: bytes | Path, content_type: str = "application/zip"
    ) -> None:
        """Store a blob, replacing any blob with the same name. A file is not read into memory."""

    def signed_url(self, name: str, ttl: float = 60.0) -> str:
        """Return a URL that serves the blob for ``ttl`` seconds. Clients must not rewrite it."""


def find(program: str, variable: str) -> str:
    """Return the path of a program.

    Args:
        program: The name of the program in PATH.
        variable: An environment variable that may name another program to use instead.

    Raises:
        ProgramMissingError: The program is not installed.
    """
    name = os.environ.get(variable) or program
    # Debian installs nginx in a directory that is only in the PATH of root.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise ProgramMissingError(f"{name} is not installed; .ci/stores installs the stores")
    return found


def loopback() -> str:
    """Return 127.0.0.3 if the system has this address, and otherwise 127.0.0.1."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.3", 0))
        except OSError:
            return "127.0.0.1"
    return "127.0.0.3"


def request(
    method: str,
    url: str,
    *,
    body: bytes | BinaryIO = b"",
    headers: Mapping[str, str] | None = None,
    ca: Path | None = None,
) -> bytes:
    """Send one blocking request and return the body of the response.

    The URL is sent unchanged, and proxy settings are ignored.

    Raises:
        RuntimeError: The status is not a success.
    """
    parts = urlsplit(url)
    if ca is None:
        connection = http.client.HTTPConnection(parts.netloc, timeout=STARTS_WITHIN)
    else:
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=STARTS_WITHIN, context=context
        )
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        with connection.getresponse() as response:
            content = response.read()
    finally:
        connection.close()
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise RuntimeError(f"{method} {parts.path}: {response.status} {content.decode()}")
    return content


class Child:
    """A context manager that runs a program in a temporary directory and cleans up both.

    Subclasses implement ``start``, which calls ``spawn``.

    Attributes:
        origin: The base URL of the store, without a path. It is "" until it is known.
    """

    def __init__(self) -> None:
        """Create the store; ``__enter__`` starts it."""
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.origin = ""

    @property
    def ca(self) -> Path | None:
        """None: the store uses plain HTTP."""
        return None

    @property
    def directory(self) -> Path:
        """The temporary directory, which exists while the program runs."""
        assert self._scratch is not None, "not started"
        return Path(self._scratch.name)

    @property
    def pid(self) -> int:
        """The process id of the program."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start the program and return when it accepts requests."""
        raise NotImplementedError

    def spawn(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Run a command with the variables of ``env`` added to the environment."""
        # With setpriv (util-linux) the kernel kills the child when the thread that started it
        # ends, so even a killed test run leaves no child behind.
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        with (self.directory / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*guard, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, **(env or {})},
            )

    def output(self) -> str:
        """Return what the program has printed so far to stdout and stderr."""
        return (self.directory / "output").read_text(errors="replace")

    def wait_until(self, ready: Callable[[], T | None]) -> T:
        """Call ``ready`` until it returns something other than None, and return that.

        Raises:
            RuntimeError: The program ended or was not ready in time. The message has its output.
        """
        assert self._process is not None, "not started"
        deadline = time.monotonic() + STARTS_WITHIN
        while (result := ready()) is None:
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                state = "is not ready" if code is None else f"ended with exit code {code}"
                raise RuntimeError(f"{self._process.args!r} {state}:\n{self.output()}")
            time.sleep(0.01)
        return result

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix=f"{type(self).__name__.lower()}-")
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Terminate the program, kill it if it does not stop in time, and remove its directory."""
        try:
            if self._process is not None:
                self._process.send_signal(signal.SIGTERM)
                try:
                    self._process.wait(STOPS_WITHIN)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
        finally:
            self._process = None
            if self._scratch is not None:
                self._scratch.cleanup()
                self._scratch = None
