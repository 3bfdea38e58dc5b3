"""``python -m ghartifacts_async``: the command line, where the extra ``cli`` is installed."""

import sys
from importlib.util import find_spec

if __name__ == "__main__":
    if missing := [name for name in ("cyclopts", "rich") if find_spec(name) is None]:
        sys.exit(
            f"the command line needs {' and '.join(missing)}: pip install 'ghartifacts_async[cli]'"
        )
    from ghartifacts_async.cli.commands import main

    sys.exit(main())
