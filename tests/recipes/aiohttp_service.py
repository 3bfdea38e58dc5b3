"""A web service with aiohttp.web: JSON out of the newest artifact, and artifacts streamed on.

``GET /coverage`` returns ``report.json`` of the newest artifact ``coverage`` on ``main``.
``GET /artifacts/{id}`` streams an artifact without storing it. If the payload turns out to be
wrong, the connection breaks before the last bytes, so no receiver takes it for complete.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from aiohttp import web

from ghartifacts_async import ArtifactExpired, Client, NotFound, Repo

REPO = web.AppKey("repo", Repo)


async def client(app: web.Application) -> AsyncIterator[None]:
    """Open one client for the whole life of the service."""
    async with Client.from_env() as gh:
        app[REPO] = gh.repo(os.environ["GITHUB_REPOSITORY"])
        yield


async def coverage(request: web.Request) -> web.Response:
    """Return one JSON file of the newest artifact; only that file is fetched."""
    repo = request.app[REPO]
    try:
        artifact = await repo.latest_artifact("coverage", branch="main", workflow="ci.yml")
    except NotFound as error:
        raise web.HTTPNotFound(text=str(error)) from error
    report = await repo.read_member(artifact, "report.json")
    return web.Response(body=report, content_type="application/json")


async def download(request: web.Request) -> web.StreamResponse:
    """Stream an artifact on."""
    repo = request.app[REPO]
    response = web.StreamResponse(headers={"Content-Type": "application/zip"})
    try:
        artifact = await repo.get_artifact(int(request.match_info["id"]))
        async with repo.stream_artifact(artifact) as stream:
            response.content_length = artifact.size_in_bytes if artifact.digest else None
            await response.prepare(request)
            async for chunk in stream:
                await response.write(chunk)
            await response.write_eof()
            return response
    except (NotFound, ArtifactExpired) as error:
        if response.prepared:
            raise  # The status was sent, so all that is left is to break the connection.
        raise web.HTTPNotFound(text=str(error)) from error


def create_app() -> web.Application:
    """Return the service."""
    app = web.Application()
    app.cleanup_ctx.append(client)
    app.router.add_get("/coverage", coverage)
    app.router.add_get("/artifacts/{id:[1-9][0-9]{0,18}}", download)
    return app


if __name__ == "__main__":
    web.run_app(create_app(), port=8080)
