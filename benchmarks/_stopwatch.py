"""Measure one program with the kernel's accounting: ``python -I -S _stopwatch.py COMMAND...``.

The peak memory that the kernel reports for a program is at least the memory of its parent process
when the program was started. Therefore the parent is this small process. The program's output goes
to standard error, so that standard output has only the figures, as a line of JSON.
"""

import json
import os
import sys
import time


def main(*command: str) -> None:
    """Run a command once and print its figures."""
    started = time.perf_counter()
    pid = os.posix_spawnp(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)]
    )
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    figures = {
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_kib": usage.ru_maxrss,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
