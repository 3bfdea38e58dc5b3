"""The recipes, run against FakeGitHub. A recipe is skipped if a package that it uses is missing."""

from __future__ import annotations

import asyncio
import importlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer

from ghartifacts_async import Client
from ghartifacts_async.testing import BlobFault, FakeGitHub, LoggedRequest
from tests.support import REPOSITORY

SECRET = "It's a Secret to Everybody"
UPLOADED = datetime.now(UTC)
REPORT = {"report.json": '{"percent": 97.25, "passed": 3}'}
RECIPES = Path(__file__).parent


@pytest.fixture
async def fake(fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """A fake GitHub with two equal artifacts, to which the environment variables lead."""
    run = fake_github.add_run(REPOSITORY)
    for name in ("coverage", "report"):
        fake_github.add_artifact(REPOSITORY, name, REPORT, run_id=run, created_at=UPLOADED)
    monkeypatch.setenv("GH_TOKEN", fake_github.token)
    monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    return fake_github


def recipe(name: str) -> Any:
    """Import a recipe, or skip the test if it needs a package that is not installed."""
    return pytest.importorskip(f"tests.recipes.{name}", exc_type=ImportError)


async def served(app: web.Application) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Serve an application of aiohttp."""
    async with TestClient(TestServer(app)) as client:
        yield client


def test_recipes_are_short_and_linked() -> None:
    """Each recipe has fewer than 120 lines, and the README links to it."""
    readme = (RECIPES.parents[1] / "README.md").read_text(encoding="utf-8")
    programs = [path for path in RECIPES.glob("[a-z]*.py") if not path.name.startswith("test_")]
    assert len(programs) == 7
    for path in programs:
        assert len(path.read_text(encoding="utf-8").splitlines()) < 120, path.name
        assert f"tests/recipes/{path.name}" in readme, path.name


async def test_aiohttp_service(fake: FakeGitHub) -> None:
    """The service returns the newest report and streams artifacts on."""
    artifact = fake.add_artifact(REPOSITORY, "large", b"x" * 300_000)
    async for client in served(recipe("aiohttp_service").create_app()):
        assert await (await client.get("/coverage")).json() == {"percent": 97.25, "passed": 3}
        assert await (await client.get(f"/artifacts/{artifact.id}")).read() == b"x" * 300_000
        old = fake.add_artifact(REPOSITORY, "old", b"x", expired=True)
        for missing in (99, 0, old.id):
            assert (await client.get(f"/artifacts/{missing}")).status == 404


async def test_an_artifact_that_is_deleted_while_it_is_streamed_on(fake: FakeGitHub) -> None:
    """The connection of the receiver breaks, and the error is not sent as a part of the body."""
    artifact = fake.add_artifact(REPOSITORY, "large", b"x" * 300_000)
    requests = itertools.count()

    def delete(request: LoggedRequest) -> int | None:
        return 404 if request.path.endswith("/zip") and next(requests) else None

    async for client in served(recipe("aiohttp_service").create_app()):
        fake.fail_blobs_next(BlobFault.truncate(after=200_000), BlobFault.status(403))
        fake.fail_when(delete)
        async with asyncio.timeout(60):
            response = await client.get(f"/artifacts/{artifact.id}")
            assert response.status == 200
            with pytest.raises(ClientPayloadError):
                await response.read()


async def test_fastapi_service(fake: FakeGitHub) -> None:
    """The service returns the newest report and streams artifacts on."""
    httpx = pytest.importorskip("httpx")
    app = recipe("fastapi_service").app
    artifact = fake.add_artifact(REPOSITORY, "large", b"x" * 300_000)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        assert (await client.get("/coverage")).json() == {"percent": 97.25, "passed": 3}
        streamed = await client.get(f"/artifacts/{artifact.id}")
        assert streamed.content == b"x" * 300_000
        assert streamed.headers["content-length"] == "300000"
        old = fake.add_artifact(REPOSITORY, "old", b"x", expired=True)
        for missing, status in ((99, 404), (0, 422), (old.id, 404)):
            assert (await client.get(f"/artifacts/{missing}")).status_code == status


async def test_coverage_bot(fake: FakeGitHub) -> None:
    """A completed run is commented once, even if its webhook is delivered twice or forged."""
    comments: asyncio.Queue[str] = asyncio.Queue()

    def comment(_request: Any, number: str, **_: str) -> tuple[int, dict[str, int]]:
        comments.put_nowait(number)
        return 201, {"id": 1}

    fake.route("POST", "/repos/{owner}/{repo}/issues/{number}/comments", comment)
    run = fake.add_run(REPOSITORY, event="pull_request", pull_request=5, status="in_progress")
    fake.add_artifact(REPOSITORY, "coverage", REPORT, run_id=run)
    async for client in served(recipe("coverage_bot").create_app()):
        url = str(client.make_url("/webhook"))
        assert await fake.deliver(url, "ping", secret=SECRET) == 202
        assert await fake.deliver(url, "workflow_run", run=run, secret="wrong") == 401
        fake.add_webhook(url, secret=SECRET)
        fake.complete_run(run)
        assert await asyncio.wait_for(comments.get(), 10) == "5"
        for _ in range(2):
            status = await fake.deliver(
                url, "workflow_run", run=run, secret=SECRET, delivery="1-2-3"
            )
            assert status == 202
        assert await asyncio.wait_for(comments.get(), 10) == "5"
        await asyncio.sleep(0.2)
    assert comments.empty()


async def test_nightly_archiver(
    fake: FakeGitHub,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The archiver prints a summary, and its exit code says whether everything is archived."""
    main = recipe("nightly_archiver").main
    assert await asyncio.to_thread(main, [str(tmp_path), REPOSITORY]) == 0
    assert "1 downloaded (168 bytes), 1 linked" in capfd.readouterr().err
    assert await asyncio.to_thread(main, [str(tmp_path), REPOSITORY, "no/such"]) == 1
    assert "no/such: " in capfd.readouterr().err
    assert await asyncio.to_thread(main, []) == 2
    fake.token = "another"
    assert await asyncio.to_thread(main, [str(tmp_path), REPOSITORY]) == 4
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert await asyncio.to_thread(main, [str(tmp_path), REPOSITORY]) == 4


async def test_dask_job(fake: FakeGitHub) -> None:
    """The workers read one file of each artifact and add up the results."""
    dask_job = recipe("dask_job")
    distributed = importlib.import_module("distributed")
    fake.add_artifact(REPOSITORY, "report", REPORT)
    async with distributed.LocalCluster(
        processes=False, n_workers=1, dashboard_address=None, asynchronous=True
    ) as cluster:
        assert await dask_job.total(cluster, REPOSITORY) == 6


async def test_object_store(fake: FakeGitHub) -> None:
    """Artifacts are streamed into the store once; a wrong payload leaves no object."""
    object_store = recipe("object_store")
    memory = importlib.import_module("obstore.store").MemoryStore()
    bad = fake.add_artifact(REPOSITORY, "bad", b"y" * 9000, digest=f"sha256:{'0' * 64}")
    async with Client(fake.token, base_url=fake.url) as gh:
        first = await object_store.archive(gh.repo(REPOSITORY), memory)
        assert sorted(first.stored) == [f"{REPOSITORY}/1.zip", f"{REPOSITORY}/2.zip"]
        assert [*first.failed] == [f"{REPOSITORY}/{bad.id}.zip"]
        again = await object_store.archive(gh.repo(REPOSITORY), memory)
        assert (len(again.existing), len(again.stored), len(again.failed)) == (2, 0, 1)


async def test_chat_bot(fake: FakeGitHub) -> None:
    """The bot answers questions about artifacts, and says what went wrong."""
    bot = recipe("chat_bot").ChatBot(Client(fake.token, base_url=fake.url), REPOSITORY)
    await bot.setup_hook()
    assert await bot.on_message("coverage") == "Coverage of main: 97.2 %"
    assert "/actions/runs/" in await bot.on_message("latest report")
    assert (await bot.on_message("latest repor*")).startswith("report: ")
    assert (await bot.on_message("latest none")).startswith("Nothing found")
    assert "latest NAME" in await bot.on_message("hello")
    await bot.close()
