"""A process that has imported the command line, and forks for each command that is to run.

Starting Python and importing the program takes several times as long as most commands.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from ghartifacts_async import __main__ as program
from ghartifacts_async import cli

_MAX_REQUEST = 2**20


class ForkServer:
    """Starts the process, which ends with this one, and lets it run commands."""

    def __init__(self) -> None:
        self._requests, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", __name__, str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            )
        atexit.register(self._close)

    def _close(self) -> None:
        self._requests.close()
        self._process.wait()

    async def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path | None
    ) -> tuple[int, bytes, bytes]:
        """Run a command, and return its exit status, output and errors."""
        request = [arguments, environment, str(cwd or Path.cwd())]
        answers, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with answers, other, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            descriptors = [other.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
            other.close()
            answers.setblocking(False)
            loop = asyncio.get_running_loop()
            process = int(await loop.sock_recv(answers, 64))
            try:
                status = int(await loop.sock_recv(answers, 64))
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                raise
            out.seek(0)
            err.seek(0)
            return status, out.read(), err.read()


def main() -> None:
    """Fork for each request until the socket is closed."""
    for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}."):
        import_module(module.name)
    import_module("ghartifacts_async.client")
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Children need not be waited for.
    requests = socket.socket(fileno=int(sys.argv[1]))
    with requests:
        while True:
            request, (*descriptors,), _, _ = socket.recv_fds(requests, _MAX_REQUEST, 3)
            if not request:
                return
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _run(*json.loads(request), *descriptors)


def _run(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: str, answers: int, *streams: int
) -> NoReturn:
    """Run a command in a fork, and tell its process id and exit status."""
    if process := os.fork():
        os.write(answers, str(process).encode())
        _, status = os.waitpid(process, 0)
        os.write(answers, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(answers)
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv[1:] = arguments
    status = program.main()
    # Find what the command has left open. To delete all modules would take longer than the command.
    gc.collect()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
