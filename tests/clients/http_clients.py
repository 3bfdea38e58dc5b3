"""HTTP clients in Python, used as in their documentation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.clients.base import LIST, Client, RequestFailed, library, list_path


class Requests(Client):
    """requests, with a session that has the token."""

    def _session(self) -> Any:
        session = library("requests").Session()
        session.headers["Authorization"] = f"Bearer {self.token}"
        return session

    def _send(self, method: str, url: str, **options: Any) -> Any:
        response = self._session().request(method, url, **options)
        if response.status_code >= 400:
            raise RequestFailed(response.status_code)
        return response

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Follow the links of each page."""
        url: str | None = self.url + list_path(run_id)
        parameters: dict[str, str] | None = {"per_page": "100", **({"name": name} if name else {})}
        found: list[int] = []
        while url is not None:
            response = self._send("GET", url, params=parameters)
            found += [one["id"] for one in response.json()["artifacts"]]
            url, parameters = response.links.get("next", {}).get("url"), None
        return found

    def get(self, artifact_id: int) -> str:
        """Return the name."""
        return str(self._send("GET", f"{self.url}{LIST}/{artifact_id}").json()["name"])

    def delete(self, artifact_id: int) -> None:
        """Delete it."""
        self._send("DELETE", f"{self.url}{LIST}/{artifact_id}")

    def download(self, artifact_id: int) -> Path:
        """Follow the redirect and write the body in chunks."""
        target = self.directory / "payload"
        response = self._send("GET", f"{self.url}{LIST}/{artifact_id}/zip", stream=True)
        with target.open("wb") as file:
            for chunk in response.iter_content(1 << 20):
                file.write(chunk)
        return target


class Httpx(Requests):
    """httpx, which follows redirects if the caller asks for it."""

    def _send(self, method: str, url: str, **options: Any) -> Any:
        options.pop("stream", None)
        auth = {"Authorization": f"Bearer {self.token}"}
        httpx = library("httpx")
        parameters = options.pop("params", None)
        if parameters:
            url = str(httpx.URL(url, params=parameters))
        response = httpx.request(method, url, headers=auth, follow_redirects=True, **options)
        if response.status_code >= 400:
            raise RequestFailed(response.status_code)
        return response

    def download(self, artifact_id: int) -> Path:
        """Follow the redirect and keep the body."""
        target = self.directory / "payload"
        target.write_bytes(self._send("GET", f"{self.url}{LIST}/{artifact_id}/zip").content)
        return target


class Urllib3(Httpx):
    """urllib3, which removes the token when a redirect leads to another host."""

    def _send(self, method: str, url: str, **options: Any) -> Any:
        urllib3 = library("urllib3")
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "test"}
        with urllib3.PoolManager(headers=headers) as pool:
            response = pool.request(method, url, fields=options.get("params"))
        if response.status >= 400:
            raise RequestFailed(response.status)
        response.content = response.data
        link = [part.split(";") for part in response.headers.get("Link", "").split(",") if part]
        response.links = {
            relation.strip()[5:-1]: {"url": target.strip()[1:-1]} for target, relation in link
        }
        return response


class Aiohttp(Client):
    """aiohttp, with its default quoting and its own handling of redirects."""

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Follow the links of each page."""

        async def pages(session: Any) -> list[int]:
            url: Any = self.url + list_path(run_id)
            parameters = {"per_page": "100", **({"name": name} if name else {})}
            found: list[int] = []
            while url:
                async with session.get(url, params=parameters) as response:
                    found += [one["id"] for one in (await response.json())["artifacts"]]
                    url = response.links.get("next", {}).get("url")
                parameters = {}
            return found

        return self._run(pages)  # type: ignore[no-any-return]

    def get(self, artifact_id: int) -> str:
        """Return the name."""

        async def get(session: Any) -> str:
            async with session.get(f"{self.url}{LIST}/{artifact_id}") as response:
                return str((await response.json())["name"])

        return str(self._run(get))

    def delete(self, artifact_id: int) -> None:
        """Delete it."""

        async def delete(session: Any) -> None:
            async with session.delete(f"{self.url}{LIST}/{artifact_id}"):
                pass

        self._run(delete)

    def download(self, artifact_id: int) -> Path:
        """Follow the redirect and write the body in chunks."""
        target = self.directory / "payload"

        async def download(session: Any) -> None:
            async with session.get(f"{self.url}{LIST}/{artifact_id}/zip") as response:
                with target.open("wb") as file:
                    async for chunk in response.content.iter_any():
                        file.write(chunk)

        self._run(download)
        return target

    def _run(self, work: Any) -> Any:
        aiohttp = library("aiohttp")

        async def run() -> Any:
            auth = {"Authorization": f"Bearer {self.token}"}
            async with aiohttp.ClientSession(headers=auth, raise_for_status=True) as session:
                return await work(session)

        try:
            return asyncio.run(run())
        except aiohttp.ClientResponseError as error:
            raise RequestFailed(error.status) from None


CLIENTS: list[type[Client]] = [Requests, Httpx, Urllib3, Aiohttp]
