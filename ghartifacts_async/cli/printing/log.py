"""The log of the library, printed as notes."""

from __future__ import annotations

import logging

from ghartifacts_async.cli.printing.explanations import explained
from ghartifacts_async.cli.printing.output import Output


class LogHandler(logging.Handler):
    """Prints the log of the library as notes."""

    def __init__(self, out: Output) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record on one line, without a traceback."""
        self._out.warn(f"{record.levelname.lower()}: {explained(record.getMessage())}")


def start_logging(out: Output, verbose: int) -> None:
    """Print the library's warnings; with ``-v`` also its events, and with ``-vv`` all details."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logger = logging.getLogger("ghartifacts_async")
    logger.handlers = [LogHandler(out)]
    logger.setLevel(logging.ERROR if out.quiet and not verbose else level)
    logger.propagate = False
