"""The Python snippets of the README, which type checkers check; this module is never run."""

from __future__ import annotations

from collections.abc import Mapping

from ghartifacts_async import Client, Repo


def program() -> None:
    """The program of the quick start."""
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


async def jobs(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str
) -> None:
    """The common jobs, in the order of the README."""
    from datetime import UTC, datetime, timedelta

    week = datetime.now(UTC) - timedelta(days=7)
    async for artifact in repo.list_artifacts(pattern="wheel-*", branch="main", created_after=week):
        print(artifact.name, artifact.size_in_bytes)

    artifact = await repo.latest_artifact("dist", branch="main")
    download = await repo.download_artifact(artifact, "out/")
    print(download.path, "was there already" if download.skipped else "is new")

    artifact = await repo.wait_for_artifact("dist", run_id=2332938, timeout=300)
    print(artifact.created_at)

    async with repo.open_artifact(11) as archive:
        print(archive.glob("**/*.json"), await archive.read_json("report.json"))
    files = await repo.extract_artifact(11, "site/", if_exists="replace")
    print(len(files), "files")

    async with repo.stream_artifact(11) as stream:
        async for chunk in stream:
            print(stream.filename, len(chunk))

    async for outcome in repo.download_artifacts(repo.list_artifacts(), "out/", concurrency=16):
        print(outcome.error or outcome.result().path)

    report = await gh.mirror(["octo-org/octo-docs"], "archive/", durable=True)
    print(report.downloaded, report.skipped, report.expired, report.failed)

    plan = await repo.prune(keep_latest=3, pattern="dist*")  # or older_than=, max_total_size=
    print(f"{len(plan.artifacts)} artifacts, {plan.size:,} bytes; {plan.kept} stay")

    from ghartifacts_async import webhooks

    event = webhooks.parse(headers, body, secret=secret)
    if isinstance(event, webhooks.WorkflowRunEvent) and event.action == "completed":
        print(await repo.list_run_artifacts(event.run).collect())

    from ghartifacts_async.testing import FakeGitHub

    async with FakeGitHub() as fake:
        fake.add_artifact("octo-org/octo-docs", "dist", {"report.json": '{"passed": 3}'})
        fake.fail_next(503)
        async with Client(fake.token, base_url=fake.url) as client:
            print(await client.repo("octo-org/octo-docs").list_artifacts().first())
