"""Times one program by the kernel's accounts: ``python -I -S _stopwatch.py COMMAND...``.

Small, and a process of its own: the kernel's peak of a child's memory begins with that of whoever
started it. What the program prints goes to this one's standard error, so that the accounts, a line
of JSON, are alone on its output.
"""

import json
import os
import sys
import time


def main(*command: str) -> None:
    """Run it once."""
    began = time.perf_counter()
    pid = os.posix_spawnp(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)]
    )
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    accounts = {
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_kib": usage.ru_maxrss,
    }
    print(json.dumps(accounts))


if __name__ == "__main__":
    main(*sys.argv[1:])
