"""A chat bot, as for Discord or Slack, whose client is opened and closed by hooks.

Chat libraries call a hook at the start and one at the end, so the bot cannot use ``async with``.
"""

from __future__ import annotations

from ghartifacts_async import ArtifactsError, Client, NotFound


class ChatBot:
    """A bot that answers ``latest NAME`` and ``coverage``.

    Args:
        gh: The client, not open yet.
        repository: ``owner/name``.
    """

    def __init__(self, gh: Client, repository: str) -> None:
        self._gh = gh
        self._repository = repository

    async def setup_hook(self) -> None:
        """Open the client (the chat library calls this once, before the first message)."""
        await self._gh.open()

    async def close(self) -> None:
        """Close the client (the chat library calls this at the end)."""
        await self._gh.aclose()

    async def on_message(self, text: str) -> str:
        """Return the answer to a message."""
        try:
            match text.split():
                case ["latest", name]:
                    return await self._latest(name)
                case ["coverage"]:
                    return await self._coverage()
        except NotFound as error:
            return f"Nothing found: {error}"
        except ArtifactsError as error:
            return f"That did not work: {error}"
        return "I know 'latest NAME' and 'coverage'."

    async def _latest(self, name: str) -> str:
        repo = self._gh.repo(self._repository)
        found = await repo.resolve_artifacts([name], branch="main")
        return "\n".join(
            f"{artifact.name}: {artifact.size_in_bytes:,} bytes of {found.run.html_url}"
            for artifact in found.artifacts.values()
        )

    async def _coverage(self) -> str:
        repo = self._gh.repo(self._repository)
        artifact = await repo.latest_artifact("coverage", branch="main")
        async with repo.open_artifact(artifact) as archive:
            report = await archive.read_json("report.json", max_size=100_000)
        return f"Coverage of main: {float(report['percent']):.1f} %"
