"""The snippets of the README and of the guides, for type checkers; this module is never run.

``python -m tests.architecture.snippets`` writes it.
"""

# fmt: off
from collections.abc import Mapping

from ghartifacts_async import Client, Repo


def readme_1() -> None:
    import asyncio

    from ghartifacts_async import Client


    async def main() -> None:
        async with Client.from_env() as gh:
            repo = gh.repo("octo-org/octo-docs")
            async for artifact in repo.list_artifacts(name="dist", expired=False):
                # Names of artifacts are not unique, so give each artifact a directory of its own.
                download = await repo.download_artifact(artifact, f"out/{artifact.id}/")
                print(download.path, download.size, download.verified)


    asyncio.run(main())


async def readme_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from datetime import UTC, datetime, timedelta

    week = datetime.now(UTC) - timedelta(days=7)
    async for artifact in repo.list_artifacts(pattern="wheel-*", branch="main", created_after=week):
        print(artifact.name, artifact.size_in_bytes)


async def readme_3(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    artifact = await repo.latest_artifact("dist", branch="main")
    download = await repo.download_artifact(artifact, "out/")
    print(download.path, "was there already" if download.skipped else "is new")


async def readme_4(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    artifact = await repo.wait_for_artifact("dist", run_id=2332938, timeout=300)
    print(artifact.created_at)


async def readme_5(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    async with repo.open_artifact(11) as archive:
        print(archive.glob("**/*.json"), await archive.read_json("report.json"))
    files = await repo.extract_artifact(11, "site/", if_exists="replace")
    print(len(files), "files")


async def readme_6(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    async with repo.stream_artifact(11) as stream:
        async for chunk in stream:
            print(stream.filename, len(chunk))


async def readme_7(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    async for outcome in repo.download_artifacts(repo.list_artifacts(), "out/", concurrency=16):
        print(outcome.error or outcome.result().path)


async def readme_8(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    report = await gh.mirror(["octo-org/octo-docs"], "archive/", durable=True)
    print(report.downloaded, report.skipped, report.expired, report.failed)


async def readme_9(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    plan = await repo.prune(keep_latest=3, pattern="dist*")  # or older_than=, max_total_size=
    print(f"{len(plan.artifacts)} artifacts, {plan.size:,} bytes; {plan.kept} stay")


def init_1() -> None:
    import asyncio

    from ghartifacts_async import Client


    async def main() -> None:
        async with Client.from_env() as gh:
            repo = gh.repo("octo-org/octo-docs")
            async for artifact in repo.list_artifacts(name="dist", expired=False):
                download = await repo.download_artifact(artifact, f"out/{artifact.id}/")
                print(download.path, download.verified)


    asyncio.run(main())


async def errors_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import ArtifactExpired, ArtifactsError, NotFound, RateLimited

    try:
        await repo.download_artifact(20, "out/")
    except ArtifactExpired:
        print("artifact 20 has been deleted, because its retention period is over")
    except NotFound as error:
        print("no such artifact, or the token cannot see it:", error.request_id)
    except RateLimited as error:
        print("try again at", error.retry_at)
    except ArtifactsError as error:
        print(f"failed after {error.attempts} attempts in {error.seconds:.1f} s: {error}")


async def errors_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    import logging

    logging.basicConfig()
    logging.getLogger("ghartifacts_async").setLevel(logging.INFO)
    await repo.get_artifact(11)


async def models_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Artifact, from_json, to_json

    artifact = await repo.get_artifact(11)
    text = to_json(artifact)
    assert from_json(text, Artifact) == artifact


async def auth_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    import os

    from ghartifacts_async import Client


    async def current_token() -> str:
        return os.environ["GH_TOKEN"]  # or from the place where you keep secrets


    async with Client(current_token, base_url=base_url) as gh:
        print(await gh.repo("octo-org/octo-docs").list_artifacts().first())


async def auth_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Client, GitHubApp

    app = GitHubApp(app_id, private_key, repository="octo-org/octo-docs")
    async with Client(app, base_url=base_url) as gh:
        print(await gh.repo("octo-org/octo-docs").list_artifacts().first())


async def auth_3(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Client, GitHubApp

    app = GitHubApp(app_id, private_key, permissions={"actions": "read"})
    async with Client(app, base_url=base_url) as service:
        gh = service.for_installation(installation_id)  # such as webhooks.Event.installation_id
        print(await gh.repo("octo-org/octo-docs").list_artifacts().first())


async def repo_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    listing = repo.list_artifacts(pattern="dist*", branch="main", expired=False)
    async for artifact in listing:
        print(artifact.id, artifact.name, artifact.size_in_bytes, artifact.created_at)
    newest = await listing.first()  # None if no artifact matches
    print(newest, await repo.list_artifacts().total_count())


async def repo_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    download = await repo.download_artifact(11, "out/")
    print(download.path, download.size, download.digest, download.verified)


async def repo_3(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Progress


    def show(progress: Progress) -> None:
        print(f"{progress.received:,} of {progress.total or 0:,} bytes, {progress.rate:,.0f} a second")


    await repo.download_artifact(11, "out/dist.zip", if_exists="replace", on_progress=show)


async def repo_4(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    async with repo.stream_artifact(11) as stream:
        async for chunk in stream:
            print(stream.filename, len(chunk))


async def repo_5(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    async with repo.open_artifact(11) as archive:
        for member in archive.members():
            print(member.name, member.size)
        for name in archive.glob("**/*.json"):
            print(await archive.read_json(name))
    print(await repo.read_member(11, "report.json"))  # a single member


async def repo_6(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import ArchiveLimits

    files = await repo.extract_artifact(
        11, "site/", members="**/*.json", limits=ArchiveLimits(max_total_size=2**30)
    )
    print(files)


async def repo_7(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    artifact = await repo.latest_artifact("dist", branch="main", workflow="ci.yml", event="push")
    resolution = await repo.resolve_artifacts(["dist"], branch="main")
    print(artifact.created_at, resolution.run.html_url, resolution.artifacts["dist"].id)

    async for run in repo.list_runs(branch="main", conclusion="success"):
        print(run.id, run.workflow_file, run.run_attempt, run.created_at)


async def client_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Client

    gh = await Client.from_env(user_agent="octo-dashboard/1.2").open()
    try:
        print(await gh.repo("octo-org/octo-docs").list_artifacts().total_count())
    finally:
        await gh.aclose()


async def client_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Client, RateLimitPolicy, RetryPolicy, Timeouts

    async with Client.from_env(
        retry=RetryPolicy(attempts=4, timeout=60),
        rate_limits=RateLimitPolicy(concurrent_requests=20, max_wait=300),
        timeouts=Timeouts(stall=15),
        on_wait=lambda wait: print(f"waiting {wait.seconds:.0f} s: {wait.reason}"),
    ) as gh:
        await gh.repo("octo-org/octo-docs").get_artifact(11)
        print(gh.rate_limit, gh.stats)


async def client_3(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    import asyncio

    async with asyncio.timeout(30):
        await repo.download_artifact(11, "out/")


async def client_4(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    import ssl

    from ghartifacts_async import Client

    context = ssl.create_default_context()
    context.load_verify_locations("company-ca.pem")
    async with Client.from_env(ssl=context) as gh:
        print(await gh.repo("octo-org/octo-docs").list_artifacts().first())


async def client_5(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    import aiohttp

    from ghartifacts_async import Client

    async with aiohttp.ClientSession() as session, Client.from_env(session=session) as gh:
        print(await gh.repo("octo-org/octo-docs").list_artifacts().first())


async def client_6(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    info = await gh.request("GET", "/repos/octo-org/octo-docs")
    print(info["default_branch"])


async def reports_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from contextlib import aclosing

    listing = repo.list_artifacts(name="dist")
    async with aclosing(repo.download_artifacts(listing, "out/", concurrency=16)) as outcomes:
        async for outcome in outcomes:
            if outcome.error is not None:
                print("failed:", outcome.error)  # here, the artifact that has expired
            else:
                print(outcome.result().path)


async def reports_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    async for extraction in repo.extract_artifacts(repo.list_run_artifacts(2332938), "unpacked/"):
        print(extraction.directory, len(extraction.files), extraction.error)


async def reports_3(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from datetime import UTC, datetime, timedelta

    week = datetime.now(UTC) - timedelta(days=7)
    report = await gh.mirror(["octo-org/octo-docs"], "archive/", created_after=week, durable=True)
    print(report.downloaded, report.linked, report.skipped, report.expired, report.failed)
    report.raise_for_errors()


async def reports_4(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    import json
    from datetime import UTC, datetime, timedelta
    from pathlib import Path

    month = datetime.now(UTC) - timedelta(days=30)
    await repo.mirror("mirror/", created_after=month)
    _, *lines = Path("mirror/artifacts.jsonl").read_text(encoding="utf-8").splitlines()
    for entry in map(json.loads, lines):
        if datetime.fromisoformat(entry["artifact"]["created_at"]) < month:
            Path("mirror", entry["path"]).unlink(missing_ok=True)


async def reports_5(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    names: list[str] = []
    page = 1
    while repositories := await gh.request("GET", "/orgs/octo-org/repos", params={"page": page}):
        names += [each["full_name"] for each in repositories]
        page += 1
    await gh.mirror(names, "archive/")


async def reports_6(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from datetime import timedelta

    plan = await repo.prune(older_than=timedelta(days=30), keep_latest=3)
    print(len(plan.artifacts), plan.kept, plan.size)
    report = await repo.prune(keep_latest=3, dry_run=False)
    print(report.deleted)
    report.raise_for_errors()


async def testing_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Client
    from ghartifacts_async.testing import FakeGitHub

    async with FakeGitHub() as fake:
        fake.add_artifact("octo-org/octo-docs", "dist", {"a.txt": b"hello"}, id=11)
        async with Client(fake.token, base_url=fake.url) as client:
            assert await client.repo("octo-org/octo-docs").read_member(11, "a.txt") == b"hello"
        print([request.status for request in fake.requests_to("blob")])


async def testing_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from pathlib import Path

    from ghartifacts_async import Client
    from ghartifacts_async.testing import FakeGitHub


    async def test_the_report_is_downloaded(fake_github: FakeGitHub, tmp_path: Path) -> None:
        added = fake_github.add_artifact("octo-org/octo-docs", "report", {"report.json": "{}"})
        async with Client(fake_github.token, base_url=fake_github.url) as client:
            download = await client.repo("octo-org/octo-docs").download_artifact(added.id, tmp_path)
        assert download.verified


async def testing_3(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    import pytest
    from aiohttp import web
    from aiohttp.test_utils import TestServer

    from ghartifacts_async import Client, webhooks
    from ghartifacts_async.testing import FakeGitHub


    async def receive(request: web.Request) -> web.Response:
        event = webhooks.parse(request.headers, await request.read(), secret="s3cret")
        async with Client.from_env() as gh:
            assert event.repository is not None and event.run is not None
            found = await gh.repo(event.repository.full_name).list_run_artifacts(event.run).collect()
        return web.Response(status=200 if found else 404)


    async def test_a_webhook_is_received(
        fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("GH_HOST", raising=False)
        monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
        monkeypatch.setenv("GH_TOKEN", fake_github.token)
        run = fake_github.add_run("octo-org/octo-docs")
        fake_github.add_artifact("octo-org/octo-docs", "report", {"a.json": "{}"}, run_id=run)
        app = web.Application()
        app.router.add_post("/webhook", receive)
        async with TestServer(app) as server:
            url = str(server.make_url("/webhook"))
            assert await fake_github.deliver(url, "workflow_run", run=run, secret="s3cret") == 200


async def testing_4(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from ghartifacts_async import Client, GitHubApp
    from ghartifacts_async.testing import FakeGitHub

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    async with FakeGitHub() as fake:
        fake.add_app(7, public, 42, ["octo-org/octo-docs"])
        fake.add_artifact("octo-org/octo-docs", "dist", {"a.txt": b"hello"}, id=11)
        async with Client(GitHubApp(7, private), base_url=fake.url) as service:
            repo = service.for_installation(42).repo("octo-org/octo-docs")
            assert await repo.read_member(11, "a.txt") == b"hello"


async def testing_5(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import Client
    from ghartifacts_async.testing import BlobFault, FakeGitHub

    async with FakeGitHub() as fake:
        fake.add_artifact("octo-org/octo-docs", "dist", bytes(1000), id=11)
        fake.fail_next(503)  # the next call
        fake.fail_blobs_next(503, BlobFault.truncate(after=100))  # the next two requests for bytes
        async with Client(fake.token, base_url=fake.url) as client:
            download = await client.repo("octo-org/octo-docs").download_artifact(11, "faults.zip")
        assert download.verified and fake.queued_faults == 0


async def webhooks_1(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import WebhookError, webhooks

    try:
        event = webhooks.parse(headers, body, secret=secret)
    except WebhookError as error:
        print("answer the delivery with status", error.status)
    else:
        if isinstance(event, webhooks.WorkflowRunEvent) and event.action == "completed":
            repo = gh.repo(event.repository.full_name)
            artifact = await repo.wait_for_artifact("report", run_id=event.run, timeout=60)
            print(event.run.conclusion, await repo.read_member(artifact, "report.json"))


async def webhooks_2(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
    from ghartifacts_async import webhooks

    run = await repo.wait_for_run(2332938, timeout=600)
    artifact = await repo.wait_for_artifact("dist", run_id=run, timeout=300)
    print(run.conclusion, artifact.id)
    repo.waiter.notify(webhooks.parse(headers, body, secret=secret))
