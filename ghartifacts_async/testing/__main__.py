"""`python -m ghartifacts_async.testing`: run the server for clients in any language."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress

from ghartifacts_async.testing.server import FakeGitHub

_REPOSITORY = "octo-org/octo-docs"


def add_samples(fake: FakeGitHub) -> None:
    """Add four sample artifacts: three zip archives, one of them expired, and an unzipped file."""
    fake.add_artifact(
        _REPOSITORY, "old-logs", {"build.log": "It worked last year.\n"}, expired=True
    )
    fake.add_artifact(
        _REPOSITORY,
        "coverage",
        {"index.html": "<h1>100 %</h1>\n", "data/größe.json": '{"covered": 100}\n'},
    )
    fake.add_artifact(_REPOSITORY, "report.json", b'{"passed": 42}\n', raw="report.json")
    fake.add_artifact(_REPOSITORY, "dist", {"octo_docs-1.0.tar.gz": bytes(range(256)) * 4096})


async def serve(fake: FakeGitHub) -> None:
    """Print the addresses and serve until cancelled. SIGTERM cancels it, as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with fake:
        listing = f"{fake.url}/repos/{_REPOSITORY}/actions/artifacts"
        print(f"API        {fake.url}")
        print(f"API (GHES) {fake.ghes_url}")
        print(f"blobs      {fake.blob_url}")
        print(f"token      {fake.token}")
        print(f"try        curl -H 'Authorization: Bearer {fake.token}' '{listing}'")
        print("Press Ctrl-C to stop.", flush=True)
        await asyncio.Event().wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ghartifacts_async.testing", description="Run a fake GitHub on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="port of the API (default: a free one)")
    parser.add_argument(
        "--blob-port", type=int, default=0, help="port of the blob store (default: a free one)"
    )
    parser.add_argument("--token", default="fake-token", help="the token that the API accepts")
    parser.add_argument("--empty", action="store_true", help="start without sample artifacts")
    options = parser.parse_args(arguments)
    try:
        fake = FakeGitHub(port=options.port, blob_port=options.blob_port, token=options.token)
    except ValueError as error:
        parser.error(str(error))
    if not options.empty:
        add_samples(fake)
    try:
        asyncio.run(serve(fake))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    except (OSError, OverflowError) as error:
        print(f"cannot start the server: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
