"""A web service with FastAPI: JSON out of the newest artifact, and artifacts streamed on.

Run it with ``uvicorn fastapi_service:app``.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import PositiveInt

from ghartifacts_async import Client, NotFound, Repo


@asynccontextmanager
async def lifespan(service: FastAPI) -> AsyncIterator[None]:
    """Open one client for the whole life of the service."""
    async with Client.from_env() as gh:
        service.state.repo = gh.repo(os.environ["GITHUB_REPOSITORY"])
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/coverage")
async def coverage(request: Request) -> Any:
    """Return one JSON file of the newest artifact; only that file is fetched."""
    repo: Repo = request.app.state.repo
    try:
        artifact = await repo.latest_artifact("coverage", branch="main", workflow="ci.yml")
    except NotFound as error:
        raise HTTPException(404, str(error)) from error
    return json.loads(await repo.read_member(artifact, "report.json"))


@app.get("/artifacts/{artifact_id}")
async def download(artifact_id: PositiveInt, request: Request) -> StreamingResponse:
    """Stream an artifact on, without storing it."""
    repo: Repo = request.app.state.repo
    try:
        artifact = await repo.get_artifact(artifact_id)
    except NotFound as error:
        raise HTTPException(404, str(error)) from error
    if artifact.expired:
        raise HTTPException(404, f"artifact {artifact_id} has expired")

    async def payload() -> AsyncIterator[bytes]:
        async with repo.stream_artifact(artifact) as stream:
            async for chunk in stream:
                yield chunk

    # The length lets the receiver notice a stream that ended because the payload was wrong.
    length = {"Content-Length": str(artifact.size_in_bytes)} if artifact.digest else {}
    return StreamingResponse(payload(), media_type="application/zip", headers=length)
