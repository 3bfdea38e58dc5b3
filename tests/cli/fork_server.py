"""A process that imports the command line once, and forks for each command.

Starting Python and importing the program takes several times as long as most commands. All commands
of one server have the same hash seed.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from ghartifacts_async import __main__ as program
from ghartifacts_async import cli

_ROOT = Path(__file__).parents[2]
_MAX_REQUEST = 2**18
"""Size of a buffer for a request. Linux sends at most about 208 kB at once."""


class ForkServer:
    """A client of the server, which is killed when this process ends. It needs Linux.

    Args:
        environment: Environment variables of the server.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._requests, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", __name__, str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=_ROOT,
                env=environment,
            )
        atexit.register(self._close)

    def _close(self) -> None:
        self._requests.close()
        self._process.kill()
        self._process.wait()

    async def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path | None
    ) -> tuple[int, bytes, bytes]:
        """Run a command, whose output goes to files, and kill it if this call is cancelled.

        Returns:
            Its exit status, output and errors.
        """
        if self._process.poll() is not None:
            raise RuntimeError(f"the fork server exited with {self._process.returncode}")
        request = [arguments, environment, str(cwd or Path.cwd())]
        answers, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with answers, other, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            descriptors = [other.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
            other.close()
            answers.setblocking(False)
            status = await asyncio.get_running_loop().sock_recv(answers, 64)
            if not status:
                raise RuntimeError("the fork server ended before the command")
            out.seek(0)
            err.seek(0)
            return int(status), out.read(), err.read()


def main() -> None:
    """Fork for each request until the socket is closed."""
    for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}."):
        import_module(module.name)
    import_module("ghartifacts_async.client")
    gc.freeze()
    # The kernel reaps the children. Ctrl-C is for pytest, which kills this process at the end.
    handlers = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGCHLD, signal.SIGINT)
    }
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        while True:
            request, (*descriptors,), _, _ = socket.recv_fds(requests, _MAX_REQUEST, 3)
            if not request:
                return
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    _run(*json.loads(request), *descriptors)


def _run(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: str, answers: int, *streams: int
) -> NoReturn:
    """Run a command in a fork, and send its exit status, or kill it if its client has gone."""
    if process := os.fork():
        if answers in select.select([os.pidfd_open(process), answers], [], [])[0]:
            os.kill(process, signal.SIGKILL)
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
    # As at the end of each process, wait for threads and report what the command has left open.
    # Python would also delete all modules, which takes longer than most commands.
    ending: Any = threading
    ending._shutdown()
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
