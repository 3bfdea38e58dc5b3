"""Libraries for GitHub's API in Python, used as in their documentation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import Any, ClassVar

from tests.clients.base import (
    LIST,
    NAME,
    OWNER,
    REPOSITORY,
    Client,
    RequestFailed,
    library,
    list_path,
)


class Gidgethub(Client):
    """gidgethub over aiohttp."""

    limitations: ClassVar[Mapping[str, str]] = {
        "download": "it reports a redirect as an error instead of following it",
        "large": "it reports a redirect as an error instead of following it",
        "raw": "it reports a redirect as an error instead of following it",
    }

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Iterate over the pages."""
        query = f"?per_page=100{f'&name={name}' if name else ''}"

        async def collect(github: Any) -> list[int]:
            pages: AsyncIterator[Any] = github.getiter(
                list_path(run_id) + query, iterable_key="artifacts"
            )
            return [one["id"] async for one in pages]

        found: list[int] = self._run(collect)
        return found

    def get(self, artifact_id: int) -> str:
        """Return the name."""
        return str(self._run(lambda github: github.getitem(f"{LIST}/{artifact_id}"))["name"])

    def delete(self, artifact_id: int) -> None:
        """Delete it."""
        self._run(lambda github: github.delete(f"{LIST}/{artifact_id}"))

    def download(self, artifact_id: int) -> Path:
        """Request the payload, which fails for every artifact that exists."""
        self._run(lambda github: github.getitem(f"{LIST}/{artifact_id}/zip"))
        raise AssertionError("the redirect was followed")

    def _run(self, work: Any) -> Any:
        aiohttp, errors = library("aiohttp"), library("gidgethub")
        api = library("gidgethub.aiohttp")

        async def run() -> Any:
            async with aiohttp.ClientSession() as session:
                github = api.GitHubAPI(session, "test", oauth_token=self.token, base_url=self.url)
                return await work(github)

        try:
            return asyncio.run(run())
        except errors.RateLimitExceeded:
            raise RequestFailed(403) from None
        except errors.HTTPException as error:
            raise RequestFailed(int(error.status_code)) from None


class GitHubKit(Client):
    """githubkit, with its generated methods."""

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Iterate over the pages."""
        filters: dict[str, Any] = {"name": name} if name else {}

        async def collect(github: Any) -> list[int]:
            method = github.rest.actions.async_list_artifacts_for_repo
            if run_id is not None:
                method = github.rest.actions.async_list_workflow_run_artifacts
                filters["run_id"] = run_id
            pages = github.rest.paginate(
                method,
                map_func=lambda response: response.parsed_data.artifacts,
                owner=OWNER,
                repo=NAME,
                per_page=100,
                **filters,
            )
            return [one.id async for one in pages]

        found: list[int] = self._run(collect)
        return found

    def get(self, artifact_id: int) -> str:
        """Return the name."""
        response = self._call("get_artifact", artifact_id=artifact_id)
        return str(response.parsed_data.name)

    def delete(self, artifact_id: int) -> None:
        """Delete it."""
        self._call("delete_artifact", artifact_id=artifact_id)

    def download(self, artifact_id: int) -> Path:
        """Download the payload into memory, and write it."""
        target = self.directory / "payload"
        response = self._call("download_artifact", artifact_id=artifact_id, archive_format="zip")
        target.write_bytes(response.content)
        return target

    def _call(self, method: str, **options: Any) -> Any:
        def call(github: Any) -> Coroutine[Any, Any, Any]:
            method_of = getattr(github.rest.actions, f"async_{method}")
            work: Coroutine[Any, Any, Any] = method_of(OWNER, NAME, **options)
            return work

        return self._run(call)

    def _run(self, work: Any) -> Any:
        kit, errors = library("githubkit"), library("githubkit.exception")
        github = kit.GitHub(self.token, base_url=self.url, auto_retry=False)
        try:
            return asyncio.run(work(github))
        except errors.RequestFailed as error:
            raise RequestFailed(error.response.status_code) from None


class PyGithub(Client):
    """PyGithub, in the usual way: the repository first."""

    repeats = True
    limitations: ClassVar[Mapping[str, str]] = {
        "download": "it has no method that downloads an artifact",
        "large": "it has no method that downloads an artifact",
        "raw": "it has no method that downloads an artifact",
        "expired": "it has no method that downloads an artifact",
    }

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Iterate over the pages."""
        filters = {"name": name} if name else {}

        def collect(repository: Any) -> list[int]:
            if run_id is None:
                return [one.id for one in repository.get_artifacts(**filters)]
            run = repository.get_workflow_run(run_id)
            return [one.id for one in run.get_artifacts(**filters)]

        found: list[int] = self._run(collect)
        return found

    def get(self, artifact_id: int) -> str:
        """Return the name."""
        return str(self._run(lambda repository: repository.get_artifact(artifact_id).name))

    def delete(self, artifact_id: int) -> None:
        """Delete it."""
        self._run(lambda repository: repository.get_artifact(artifact_id).delete())

    def download(self, artifact_id: int) -> Path:
        """Fail: there is no such method."""
        raise AssertionError(f"artifact {artifact_id} cannot be downloaded")

    def _run(self, work: Any) -> Any:
        github = library("github")
        auth = github.Auth.Token(self.token)
        options = {"seconds_between_requests": 0, "seconds_between_writes": 0}
        try:
            with github.Github(auth=auth, base_url=self.url, **options) as client:
                return work(client.get_repo(REPOSITORY))
        except github.GithubException as error:
            raise RequestFailed(error.status) from None


CLIENTS: list[type[Client]] = [Gidgethub, GitHubKit, PyGithub]
