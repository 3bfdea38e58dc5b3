"""Names that a stranger chose, such as those of a fork's artifacts, in the output of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import run, run_in_terminal
from tests.support import REPOSITORY

HOSTILE = "\x1b[2J\x07\x9b31m\u202e\u2066\u200fx"
RUN = 7

COMMANDS = (
    "list", "list --json", "list --format {name}{branch}", "runs", "runs --format {branch}",
    "latest 3", "latest none3", "wait 3 --run 7", "download 1", "download 3", "extract 1",
    "extract 1 --json", "ls 1", "ls 1 --format {name}", "cat 1", "cat 1 none", "grep x 1",
    "grep -l x 1 2", "prune --keep-latest 0", "delete 1 --yes", "mirror .", "list --format {3}",
    "-3",
)  # fmt: skip
"""Commands whose output or error has a hostile name. The digit 3 stands for that name."""


@pytest.fixture(autouse=True)
def artifacts(fake_github: FakeGitHub) -> None:
    """Artifacts, members, a branch and a run with names that have control characters."""
    fake_github.add_run(REPOSITORY, RUN, branch=HOSTILE)
    for number in (1, 2):
        fake_github.add_artifact(
            REPOSITORY, HOSTILE, {HOSTILE: "x", f"{number}": "x"}, run_id=RUN, id=number
        )


def is_safe(text: str) -> bool:
    """Return True if the text has no control character except line ends, tabs and returns."""
    return all(character.isprintable() or character in "\r\n\t" for character in text)


@pytest.mark.parametrize("command", COMMANDS)
async def test_control_characters_are_escaped(
    fake_github: FakeGitHub, tmp_path: Path, command: str
) -> None:
    """No command writes control or bidirectional characters of a name, an argument or an error."""
    words = [word.replace("3", HOSTILE) for word in command.split(" ") if word]
    words = [str(tmp_path / "mirror") if word == "." else word for word in words]
    words += [] if words[0].startswith("-") else ["-q", "-R", REPOSITORY]
    if words[0] in {"download", "extract"}:
        words += ["-D", str(tmp_path / "out")]
    piped = await run(fake_github, *words)
    shown = await run_in_terminal(fake_github, *words)
    assert is_safe(piped.out)
    assert is_safe(piped.err)
    assert is_safe(shown.out)
    assert piped.status in {0, 1, 2, 3}
