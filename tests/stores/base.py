"""What the stores share: the interface, and how to find, start, watch and stop a program.

Nothing here uses aiohttp: a store must not share its HTTP with the library that it tests.
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

#: What a signed URL asks the store to answer as ``Content-Disposition``: every character here
#: that is not a letter is one that some client rewrites in the query (``%3D %27 %2F %2B %7E``).
DISPOSITION = """attachment; filename="it's=a/b+c~d.zip\""""

T = TypeVar("T")


class ProgramMissingError(Exception):
    """A store cannot run here, because its program is not installed; the text says which."""


class Store(Protocol):
    """A running blob store; one name holds one blob."""

    @property
    def ca(self) -> Path | None:
        """The certificate to trust, when the store speaks https."""

    async def put(
        self, name: str, data: bytes | Path, content_type: str = "application/zip"
    ) -> None:
        """Store a blob, in place of one of the same name; a path is read in pieces."""

    def signed_url(self, name: str, ttl: float = 60.0) -> str:
        """Return a URL that reads the blob for ``ttl`` seconds; to be sent byte for byte."""


def find(program: str, variable: str) -> str:
    """Return the path of a program: what ``variable`` names if it is set, else from PATH.

    Raises:
        ProgramMissingError: When there is no such program.
    """
    wanted = os.environ.get(variable) or program
    # Debian keeps nginx where only root's PATH looks.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(wanted, path=path)
    if found is None:
        raise ProgramMissingError(f"{wanted} is not installed (.ci/stores does it)")
    return found


def loopback() -> str:
    """Return a loopback address that is not 127.0.0.1 where the system has one."""
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
    """Send one blocking request, byte for byte and past any proxy, and return the answer's body.

    Raises:
        RuntimeError: When the answer is not a success.
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
            answer = response.read()
    finally:
        connection.close()
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise RuntimeError(f"{method} {parts.path}: {response.status} {answer.decode()}")
    return answer


class Child:
    """A program running in a scratch directory of its own; a context manager that ends both.

    Subclasses start the program in ``start`` with ``spawn``.

    Attributes:
        origin: Scheme, host and port; "" until it is known.
    """

    def __init__(self) -> None:
        """Nothing runs before ``__enter__``."""
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.origin = ""

    @property
    def ca(self) -> Path | None:
        """None: http only."""
        return None

    @property
    def directory(self) -> Path:
        """The scratch directory, which lives as long as the program."""
        assert self._scratch is not None, "not started"
        return Path(self._scratch.name)

    @property
    def pid(self) -> int:
        """The program's process id."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start the program and return when it answers."""
        raise NotImplementedError

    def spawn(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Run a command, with ``env`` added to the environment."""
        # Where util-linux is there, the kernel ends the child when the thread that started it
        # ends: even a killed test run leaves no orphan.
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
        """Return what the program has printed until now, on both of its streams."""
        return (self.directory / "output").read_text(errors="replace")

    def wait_until(self, ready: Callable[[], T | None]) -> T:
        """Ask ``ready`` until its answer is not None.

        Raises:
            RuntimeError: When the program ends first, or takes too long; with its output.
        """
        assert self._process is not None, "not started"
        deadline = time.monotonic() + STARTS_WITHIN
        while (answer := ready()) is None:
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                what = "is not ready" if code is None else f"ended with {code}"
                raise RuntimeError(f"{self._process.args!r} {what}:\n{self.output()}")
            time.sleep(0.01)
        return answer

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
        """End the program, by force if it does not listen, and remove its directory."""
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
