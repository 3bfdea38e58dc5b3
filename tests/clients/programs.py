"""Clients that are programs: curl, gh, and the clients for Node.js."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tests.clients.base import (
    LIST,
    NAME,
    OWNER,
    Client,
    RequestFailed,
    list_path,
    node_modules,
    program,
)

DRIVER = Path(__file__).parent / "driver.mjs"


def run(command: list[str], environment: dict[str, str], **options: Any) -> Any:
    """Run a program with a clean environment, apart from PATH."""
    base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        command,
        env=base | environment,
        capture_output=True,
        check=False,
        timeout=120,
        **options,
    )


class Curl(Client):
    """curl, with the token as a header."""

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Follow the links of each page."""
        url: str | None = (
            f"{self.url}{list_path(run_id)}?per_page=100{f'&name={name}' if name else ''}"
        )
        found: list[int] = []
        while url is not None:
            document, head = self._curl(url)
            found += [one["id"] for one in json.loads(document)["artifacts"]]
            link = re.search(r'<([^>]+)>; rel="next"', head)
            url = None if link is None else link[1]
        return found

    def get(self, artifact_id: int) -> str:
        """Return the name."""
        return str(json.loads(self._curl(f"{self.url}{LIST}/{artifact_id}")[0])["name"])

    def delete(self, artifact_id: int) -> None:
        """Delete it."""
        self._curl(f"{self.url}{LIST}/{artifact_id}", "--request", "DELETE")

    def download(self, artifact_id: int) -> Path:
        """Follow the redirect."""
        self._curl(f"{self.url}{LIST}/{artifact_id}/zip", "--location")
        return self.directory / "body"

    def _curl(self, url: str, *options: str) -> tuple[bytes, str]:
        body, head = self.directory / "body", self.directory / "head"
        command = [program("curl"), "--silent", "--compressed", *options, url]
        command += ["--header", f"Authorization: Bearer {self.token}"]
        command += ["--output", str(body), "--dump-header", str(head)]
        done = run([*command, "--write-out", "%{http_code}"], {})
        status = int(done.stdout)
        if status >= 400:
            raise RequestFailed(status)
        content = b"" if status == 204 else body.read_bytes()
        return content, head.read_text()


class GhOverTls(Client):
    """gh, which takes the server for a GitHub Enterprise Server."""

    tls = True
    _status: ClassVar[re.Pattern[bytes]] = re.compile(rb"\(?HTTP (\d+)")

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make gh use the server.

        The token is in the configuration of the host: gh 2.23 also sends `GH_ENTERPRISE_TOKEN` to
        the blob store, which refuses the request.
        """
        host = self.url.removeprefix("https://")
        config = self.directory / "config"
        config.mkdir(exist_ok=True)
        hosts = f'"{host}":\n    user: octocat\n    oauth_token: {self.token}\n'
        (config / "hosts.yml").write_text(hosts)
        return {"GH_HOST": host, "SSL_CERT_FILE": str(self.server.ca_file)}

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Use `gh api --paginate`."""
        query = f"?per_page=100{f'&name={name}' if name else ''}"
        found = self.gh("api", "--paginate", list_path(run_id) + query, "--jq", ".artifacts[].id")
        return [int(line) for line in found.split()]

    def get(self, artifact_id: int) -> str:
        """Use `gh api`."""
        return self.gh("api", f"{LIST}/{artifact_id}", "--jq", ".name").decode().strip()

    def delete(self, artifact_id: int) -> None:
        """Use `gh api`."""
        self.gh("api", "--method", "DELETE", f"{LIST}/{artifact_id}")

    def download(self, artifact_id: int) -> Path:
        """Use `gh api`, which follows the redirect."""
        target = self.directory / "payload"
        target.write_bytes(self.gh("api", f"{LIST}/{artifact_id}/zip"))
        return target

    def gh(self, *arguments: str) -> bytes:
        """Run gh and return its output."""
        variables = {"GH_CONFIG_DIR": str(self.directory / "config"), "GH_NO_UPDATE_NOTIFIER": "1"}
        done = run([program("gh"), *arguments], variables | self.environment())
        if done.returncode:
            status = self._status.search(done.stderr)
            assert status is not None, done.stderr
            raise RequestFailed(int(status[1]))
        output: bytes = done.stdout
        return output


class GhOverProxy(GhOverTls):
    """gh, with the server as its HTTP proxy for github.localhost."""

    tls = False

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make gh use the server."""
        return {"GH_HOST": "github.localhost", "GH_TOKEN": self.token, "http_proxy": self.url}


class NodeClient(Client):
    """A client for Node.js, which `driver.mjs` uses as in its documentation."""

    script: ClassVar[str]

    def list(self, *, run_id: int | None = None, name: str | None = None) -> list[int]:
        """Iterate over the pages."""
        found: list[int] = self._drive("list", run_id=run_id, name=name)
        return found

    def get(self, artifact_id: int) -> str:
        """Return the name."""
        return str(self._drive("get", id=artifact_id))

    def delete(self, artifact_id: int) -> None:
        """Delete it."""
        self._drive("delete", id=artifact_id)

    def download(self, artifact_id: int) -> Path:
        """Download the payload to a file."""
        return Path(str(self._drive("download", id=artifact_id)))

    def _drive(self, job: str, **options: Any) -> Any:
        request = {
            "client": self.script,
            "job": job,
            "url": self.url,
            "token": self.token,
            "owner": OWNER,
            "repo": NAME,
            "directory": str(self.directory),
            **options,
        }
        environment = {"GITHUB_API_URL": self.url, "RUNNER_TEMP": str(self.directory)}
        command = [program("node"), "--input-type=module", "--eval", DRIVER.read_text()]
        done = run([*command, json.dumps(request)], environment, cwd=node_modules())
        last = done.stdout.strip().splitlines()[-1:]
        assert last, done.stderr
        answer = json.loads(last[0])
        if "status" in answer:
            raise RequestFailed(answer["status"])
        return answer["result"]


class OctokitRest(NodeClient):
    """@octokit/rest with the plugins for retries and throttling."""

    script = "rest"
    repeats = True


class ActionsArtifact(NodeClient):
    """@actions/artifact, which finds artifacts by the run and the name."""

    script = "artifact"
    repeats = True
    waits = False
    limitations: ClassVar[Mapping[str, str]] = {
        "list": "it lists the artifacts of a run only",
        "many": "it lists the artifacts of a run only",
        "name": "it returns the latest artifact of a name",
        "get": "it finds artifacts by name only",
        "missing": "it finds artifacts by name only",
        "delete": "it finds artifacts by name only",
        "large": "it extracts archives, and the payload of this job is none",
        "token": "it repeats a refused request five times, for minutes",
    }


CLIENTS: list[type[Client]] = [Curl, GhOverTls, GhOverProxy, OctokitRest, ActionsArtifact]
