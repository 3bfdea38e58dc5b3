"""The command line, ``ghartifacts`` or ``python -m ghartifacts_async``; needs the extra ``cli``."""

import sys
from importlib.util import find_spec


def main() -> int:
    """Run the command line and return its exit status."""
    if any(find_spec(name) is None for name in ("cyclopts", "rich")):
        print(
            "the command line needs the extra cli: pip install 'ghartifacts_async[cli]'",
            file=sys.stderr,
        )
        return 1
    try:
        from ghartifacts_async.cli.app import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
