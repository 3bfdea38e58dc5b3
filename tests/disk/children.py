"""Child processes that use the library and may be killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

_PROGRAM = """
import asyncio
{setup}
from ghartifacts_async import Client, RetryPolicy

async def main():
    async with Client({token!r}, base_url={url!r}, retry=RetryPolicy(attempts=2)) as gh:
        repo = gh.repo({repository!r})
        {body}

asyncio.run(main())
"""


@asynccontextmanager
async def child(
    fake: FakeGitHub, body: str, setup: str = "", wrapper: tuple[str, ...] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program in a child process, and kill it at the end of the block.

    Args:
        fake: The server that it uses.
        body: A statement that uses `repo`.
        setup: Statements that run before the library is imported.
        wrapper: A program, with arguments, that runs the child.
    """
    program = _PROGRAM.format(
        setup=setup, body=body, token=fake.token, url=fake.url, repository=REPOSITORY
    )
    process = await asyncio.create_subprocess_exec(
        *wrapper, sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
