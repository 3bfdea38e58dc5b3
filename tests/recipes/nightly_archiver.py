"""Archive all artifacts of repositories, for cron: progress bars, a summary and an exit code.

``python nightly_archiver.py DIRECTORY OWNER/NAME…`` exits with 0 if everything is archived, with 1
if something failed and with 4 if the token is missing or refused. Run it again to download what is
missing.
"""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ghartifacts_async import AuthenticationError, BulkProgress, Client, MirrorReport, NoToken


async def archive(directory: str, repositories: list[str], console: Console) -> MirrorReport:
    """Mirror the repositories, and show the progress."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("archiving", total=None)

        def show(now: BulkProgress) -> None:
            text = f"{now.done} done, {now.running} running, {now.failed} failed"
            bars.update(bar, completed=now.received, total=now.total_bytes, description=text)

        async with Client.from_env() as gh:
            return await gh.mirror(
                repositories, directory, concurrency=16, durable=True, on_progress=show
            )


def summarize(report: MirrorReport, console: Console) -> int:
    """Print a summary, and return the exit code."""
    console.print(
        f"{report.downloaded} downloaded ({report.received:,} bytes), {report.linked} linked, "
        f"{report.skipped} there already, {report.expired} expired, {report.failed} failed "
        f"in {report.seconds:.0f} s"
    )
    for name, error in report.unlisted.items():
        console.print(f"{name}: {error}", markup=False)
    for outcome in report.failures:
        console.print(str(outcome.error), markup=False)
    return 1 if report.failed or report.unlisted else 0


def main(arguments: list[str]) -> int:
    """Run the program, and return its exit code."""
    console = Console(stderr=True)
    if len(arguments) < 2:
        console.print("usage: nightly_archiver.py DIRECTORY OWNER/NAME…", markup=False)
        return 2
    try:
        report = asyncio.run(archive(arguments[0], arguments[1:], console))
    except (AuthenticationError, NoToken) as error:
        console.print(str(error), markup=False)
        return 4
    return summarize(report, console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
