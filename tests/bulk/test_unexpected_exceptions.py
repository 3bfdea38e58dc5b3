"""Exceptions that no part of the library expects: they concern one artifact, not all of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ghartifacts_async import ArtifactsError, Client, RateLimitPolicy, RetryPolicy, UnexpectedReply
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.bulk.support import add, counts, download_all
from tests.support import REPOSITORY, raw_server
from tests.values import artifact_json

ONCE = RetryPolicy(attempts=1)


class UnknownError(Exception):
    """An exception of a library that ours has never heard of."""


@asynccontextmanager
async def client(fake: FakeGitHub, path: str) -> AsyncIterator[Client]:
    """Open a client on a session whose tracing raises for requests to a path of the API."""
    raised = UnknownError("a mistake")

    async def trace(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        if params.url.path.endswith(path):
            raise raised

    config = aiohttp.TraceConfig()
    config.on_request_start.append(trace)
    async with (
        aiohttp.ClientSession(trace_configs=[config]) as session,
        Client(
            fake.token,
            base_url=fake.url,
            session=session,
            retry=ONCE,
            rate_limits=RateLimitPolicy.unlimited(),
        ) as gh,
    ):
        yield gh


def assert_has_the_cause(error: ArtifactsError | None) -> None:
    """Check that an outcome's error names the artifact and the exception, which is its cause."""
    assert type(error) is ArtifactsError
    assert str(error) == "artifact 2: unexpected UnknownError; see its __cause__"
    assert isinstance(error.__cause__, UnknownError)
    assert error.__cause__.__traceback__ is None


async def test_a_download_that_raises_is_an_outcome(
    fake_github: FakeGitHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception of one download becomes its outcome, and is logged with traceback."""
    add(fake_github, 4)
    async with client(fake_github, "/2/zip") as gh:
        outcomes = await download_all(gh.repo(REPOSITORY), tmp_path)
    failed = [outcome for outcome in outcomes if outcome.error]
    assert len(outcomes) == 4
    assert len(failed) == 1
    assert_has_the_cause(failed[0].error)
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1] is failed[0].error.__cause__  # type: ignore[union-attr]


async def test_a_mirrored_artifact_that_raises_is_reported(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An unexpected exception of one artifact of a mirror is reported, and the others are saved."""
    add(fake_github, 4)
    async with client(fake_github, "/2/zip") as gh:
        report = await gh.repo(REPOSITORY).mirror(tmp_path)
    assert counts(report) == (3, 0, 0, 0, 1)
    assert_has_the_cause(report.failures[0].error)


async def test_a_repository_that_raises_is_unlisted(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If listing one of several repositories raises, the report has it; the others are mirrored."""
    add(fake_github, 2)
    fake_github.add_artifact("octo-org/other", "dist", b"x")
    async with client(fake_github, "/repos/octo-org/other/actions/artifacts") as gh:
        report = await gh.mirror([REPOSITORY, "octo-org/other"], tmp_path)
    assert counts(report) == (2, 0, 0, 0, 0)
    error = report.unlisted["octo-org/other"]
    assert str(error) == "octo-org/other: unexpected UnknownError; see its __cause__"


async def test_a_deletion_that_raises_is_an_outcome(fake_github: FakeGitHub) -> None:
    """An unexpected exception of one deletion becomes its outcome; the others are deleted."""
    add(fake_github, 3)
    async with client(fake_github, "/artifacts/2") as gh:
        deletions = [one async for one in gh.repo(REPOSITORY).delete_artifacts([1, 2, 3])]
    failed = [deletion for deletion in deletions if deletion.error]
    assert len(deletions) == 3
    assert len(failed) == 1
    assert_has_the_cause(failed[0].error)


async def test_an_odd_disposition_does_not_end_a_mirror(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A store's header that no parser expects does not end a mirror."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
    odd = b"Content-Disposition: attachment; filename*=utf-8''a; filename*0*=b\r\n\r\nhello"

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + odd)
        await writer.drain()

    add(fake_github, 1)
    async with raw_server(answer) as url:
        fake_github.add_artifact(REPOSITORY, "raw", b"hello", location=f"{url}/x")
        async with Client(fake_github.token, base_url=fake_github.url, retry=ONCE) as gh:
            report = await gh.repo(REPOSITORY).mirror(tmp_path)
    assert counts(report) == (2, 0, 0, 0, 0)


@pytest.mark.parametrize("field", ["size_in_bytes", "id"])
@pytest.mark.parametrize("value", [-1, 2**63, 10**30])
async def test_impossible_numbers_are_an_unexpected_reply(
    fake_github: FakeGitHub, field: str, value: Any
) -> None:
    """A size or an id that cannot be is refused where it is read, and the error names the field."""
    body = artifact_json(**{field: value})
    async with Client(fake_github.token, base_url=fake_github.url, retry=ONCE) as gh:
        fake_github.fail_next(Fault(200, body=json.loads(json.dumps(body))))
        with pytest.raises(UnexpectedReply, match=rf"from 0 to 2\*\*63 - 1 @ \$\.{field}"):
            await gh.repo(REPOSITORY).get_artifact(1)
