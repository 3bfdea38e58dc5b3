"""What happens before a command starts: arguments, the repository, the token and the help."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ghartifacts_async import __main__ as entry_point
from ghartifacts_async.cli import app
from ghartifacts_async.cli.overview import COMMANDS
from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import run
from tests.support import REPOSITORY

ROOT = Path(__file__).parents[2]
RUN_URL = f"https://github.com/{REPOSITORY}/actions/runs/7"


def test_a_missing_extra_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra `cli`, the command exits with 1 and prints how to install it."""
    monkeypatch.setattr(entry_point, "find_spec", lambda _: None)
    assert entry_point.main() == 1
    assert "pip install 'ghartifacts_async[cli]'" in capsys.readouterr().err


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C outside the event loop also exits with status 130."""

    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "main", interrupted)
    assert entry_point.main() == 130


@pytest.mark.parametrize("command", ["", *COMMANDS])
async def test_help(command: str, tmp_path: Path) -> None:
    """`--help` and `help` print the usage and examples of the program and of each command."""
    done = await run(None, *command.split(), "--help", cwd=tmp_path)
    assert (done.status, done.err) == (0, "")
    assert done.out.lower().startswith("usage: ")
    if command != "serve-fake":
        assert "Examples:" in done.out
    same = await run(None, "help", *command.split(), cwd=tmp_path)
    assert same == done
    if not command:
        assert "Exit status:" in done.out
        assert all(f"\n  {name} " in done.out for name in COMMANDS)
    assert "[default: ()]" not in done.out


def cpu_seconds(*arguments: str) -> float:
    """Run Python and return the CPU time that it takes."""
    resource = pytest.importorskip("resource", reason="Windows does not count the time of children")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds: float = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds


def test_help_starts_quickly() -> None:
    """`--help` takes less than 0.35 times the CPU time of `import aiohttp, rich`."""
    reference = help_time = float("inf")
    for _ in range(5):
        reference = min(reference, cpu_seconds("-c", "import aiohttp, rich"))
        help_time = min(help_time, cpu_seconds("-m", "ghartifacts_async", "--help"))
    assert help_time < 0.35 * reference, (help_time, reference)


def test_help_imports_no_dependency() -> None:
    """`--help` imports no installed package, and the commands import rich only to draw bars."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ghartifacts_async", "--help"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.split("\n")
    }
    assert "ghartifacts_async" in imported
    assert not imported & {"aiohttp", "asyncio", "attr", "cyclopts", "inspect", "rich"}


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["lsit"], 'Did you mean "list"?'),
        (["list", "--limt", "3"], "Did you mean --limit?"),
        (["list", REPOSITORY, "--limit", "x"], "is not a number"),
        (["list", REPOSITORY, "--limit", "-1"], "is not a number"),
        (["list", REPOSITORY, "--limit", "1.5"], "is not a number"),
        (["cat", REPOSITORY, "dist", "--head", "-1"], "is not a number"),
        (["prune", REPOSITORY, "--keep-latest", "-1"], "is not a number"),
        (["download", REPOSITORY, "1", "--connections", "0"], "at least 1"),
        (["download", REPOSITORY, "0"], "neither the id nor the URL"),
        (["download", REPOSITORY, "1", "-D", ""], "write . for the current one"),
        (["delete", "1", "--yes", "-R", ""], "OWNER/REPO"),
        (["list", REPOSITORY, "--timeout", "0s"], "0.001s"),
        (["wait", REPOSITORY, "dist", "--run", "1", "--within", "0s"], "0.001s"),
        (["list", "-R", "git@ghe.example:8431:a/b"], "OWNER/REPO"),
        (["list", REPOSITORY, "--since", "soon"], "7d for a week ago"),
        (["list", REPOSITORY, "--min-size", "big"], "10k"),
        (["list", REPOSITORY, "dist"], "--name"),
        (["list", REPOSITORY, "--json", "name"], "--format"),
        (["list", REPOSITORY, "--min-size", "2k", "--max-size", "1k"], "(--max-size)"),
        (["list", "a/b/c/d"], "OWNER/REPO"),
        (["list", REPOSITORY, "--run", "x"], "--run"),
        (["list", REPOSITORY, "--commit", "abc"], "git rev-parse"),
        (["grep"], "PATTERN"),
        (["grep", "[", REPOSITORY, "1"], "-F"),
        (["grep", "a{4294967295}", REPOSITORY, "1"], "-F"),
        (["grep", "(" * 9000 + ")" * 9000, REPOSITORY, "1"], "-F"),
        (["grep", "[[:space:]]", REPOSITORY, "1"], "-F"),
        (["delete", REPOSITORY, "1", "2", "--until", "30d", "--yes"], "with the id or URL"),
        (["delete", RUN_URL, "1", "--yes"], "with the id or URL"),
        (["download", REPOSITORY, "1", "-n", "dist"], "with the id or URL"),
        (["download", REPOSITORY, "1", "--latest"], "--latest cannot be used with the id or URL"),
        (["extract", REPOSITORY, "1", "--all"], "--all cannot be used with the id or URL"),
        (["download", REPOSITORY, "-n", "dist", "--latest", "--all"], "with --latest"),
        (["cat", REPOSITORY, "1", "--branch", "main"], "with the id or URL"),
        (["ls", REPOSITORY, "1", "--run", "7"], "with the id or URL"),
        (["grep", "x", REPOSITORY, "1", "dist", "-w", "ci.yml"], "with the id or URL"),
        (["download", REPOSITORY, "7", "-n", "dist"], "pass it as --run"),
        (["list", REPOSITORY, "7"], "--run for a run"),
        (["runs", REPOSITORY, "ci.yml"], "--workflow for a workflow"),
        (["prune", REPOSITORY, "dist", "--older-than", "1d"], "--name for a name"),
        (["list", "-R", "a/b", "--run", RUN_URL], f"/{REPOSITORY}, but this command works on a/b"),
        (["delete", "a/b", "--run", RUN_URL, "--yes"], "one command for each repository"),
        (["ls", "a/b", "dist", "--run", RUN_URL], "one command for each repository"),
        (["wait", "a/b", "dist", "--run", RUN_URL], "one command for each repository"),
        (["delete", "-R", RUN_URL, "-n", "dist", "--yes"], "pass it as an argument"),
        (["mirror", RUN_URL, "archive"], f"or write {REPOSITORY}"),
        (["list", "-R", "a/b", REPOSITORY], f"/{REPOSITORY}, but this command works on a/b"),
        (["delete", "-R", "a/b", "c/d", "-n", "x", "--yes"], "c/d"),
        (["delete", "-R", "a/b", "ghe.example/a/b", "-n", "x", "--yes"], "ghe.example/a/b"),
        (["delete", RUN_URL, RUN_URL.replace("7", "8"), "--yes"], "one command for each run"),
        (["grep", "x", RUN_URL, "--run", "8"], "one command for each run"),
        (["extract", REPOSITORY, "1", "--template", "x"], "--template cannot be used with"),
        (["download", REPOSITORY, "1", "-x", "--connections", "2"], "cannot be used with --ex"),
        (["extract", REPOSITORY, "1", "--if-exists", "verify"], "verify cannot be used with --ex"),
        (
            ["extract", REPOSITORY, "1", "--flat", "--if-exists", "replace"],
            "replace cannot be used with",
        ),
        (["download", REPOSITORY, "1", "--flat"], "--flat cannot be used without --extract"),
        (["download", REPOSITORY, "1", "--symlinks", "skip"], "without --extract"),
        (["download", REPOSITORY, "1", "--symlinks", "error"], "without --extract"),
        (["latest", REPOSITORY, "dist", "--on-collision", "error"], "without --extract"),
        (["extract", REPOSITORY, "1", "--template", "{name}"], "--template cannot be used with"),
        (["latest", RUN_URL, "dist"], "'ghartifacts download URL' for one run"),
        (["list", REPOSITORY, "-L", "1234567890"], "at most 999999999"),
        (["prune", REPOSITORY, "--older-than", "3M"], "is not a duration"),
        (["prune", REPOSITORY, "--keep-latest", "1", "--yes", "--dry-run"], "with --yes"),
        (["delete", REPOSITORY, "1", "--yes", "--dry-run"], "with --yes"),
        (["grep", "-n", "x", REPOSITORY, "1"], "each line is printed with its number"),
        (["download", REPOSITORY, "1", "--output=x.zip"], "-D names the directory"),
        (["list", REPOSITORY, "--jq", ".name"], "--json prints one object per line"),
        (["list", REPOSITORY, "-n", "dist*"], "use --pattern"),
        (["delete", REPOSITORY, "-n", "dist?", "--yes"], "use --pattern"),
        (["latest", REPOSITORY, "dist*"], "use --pattern"),
        (["wait", REPOSITORY, "dist*", "--run", "1"], "use --pattern"),
        (["ls", REPOSITORY, "dist*"], "use --pattern"),
        (["rate-limit", REPOSITORY], f"unexpected argument '{REPOSITORY}'"),
        (["demo", "extra"], "unexpected argument 'extra'"),
        (["latest", REPOSITORY, "dist", "-D", "x", "--max-ratio", "9"], "without --extract"),
        (["latest", REPOSITORY, "dist", "-D", "x", "--format", "{id}"], "with --download"),
        (["wait", REPOSITORY, "dist", "--run", "1", "-x", "--format", "{id}"], "or --extract"),
        (["wait", REPOSITORY, "dist"], "pass exactly one of --run and --commit"),
        (["cat", REPOSITORY, "dist", "--head", "1", "--tail", "0"], "--head cannot be used with"),
        (["list", REPOSITORY, "--run", "7", "-w", "ci.yml"], "--workflow cannot be used with"),
        (["ls", REPOSITORY, "dist", "--run", "7", "-b", "main"], "--branch cannot be used with"),
        (["grep", "x", REPOSITORY, "--run", "7", "-w", "a.yml"], "--workflow cannot be used with"),
        (["rate-limit", "-R", REPOSITORY], "Unknown option: -R"),
        *[
            ([*command, "--json", "--format", "{name}"], "--format cannot be used with --json")
            for command in (["list"], ["runs"], ["latest", "x"], ["wait", "x"], ["ls", "x"])
        ],
        (["ls", REPOSITORY], "artifact"),
        (["cat", REPOSITORY], "artifact"),
        (["delete", REPOSITORY], "--name"),
        (["prune", REPOSITORY], "--older-than"),
        (["wait", REPOSITORY, "--run", "1"], "--name"),
        (["run", "download", "1"], "'ghartifacts extract --run ID'"),
        (["run", "list"], "'ghartifacts runs'"),
        (["run", "rerun"], "no command of this program"),
        (["latest", REPOSITORY], "--name"),
        (["download", REPOSITORY, "--latest", "--run", "1"], "--latest"),
        (["completion", "tcsh"], "bash"),
        (["delete", "-R", REPOSITORY, "https://ghe.example/a/b/actions/runs/1"], "ghe.example/a/b"),
        (["download", REPOSITORY, "1", "https://github.com/a/b/suites/1/artifacts/2"], "a/b"),
    ],
)
async def test_wrong_usage(fake_github: FakeGitHub, arguments: list[str], hint: str) -> None:
    """Wrong arguments exit with 2 and one line that says what to do, and nothing is requested."""
    done = await run(fake_github, *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert hint in done.err
    assert fake_github.requests == []


@pytest.mark.parametrize(
    ("arguments", "token", "status", "reason"),
    [
        ([REPOSITORY], "ghp_two words", 2, "white space"),
        ([REPOSITORY], "ghp_of_a_file\n", 2, "GH_TOKEN=$(cat FILE)"),
        ([REPOSITORY], "ghp_revoked", 4, "check the token"),
        (["octo-org/none"], "t0", 3, "octo-org/none"),
    ],
)
async def test_an_error_is_one_line(
    fake_github: FakeGitHub, arguments: list[str], token: str, status: int, reason: str
) -> None:
    """An error is one line with a reason, without the token, and has its own exit status."""
    fake_github.token = "t0"
    fake_github.add_repository(REPOSITORY)
    done = await run(fake_github, "list", *arguments, GH_TOKEN=token)
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert reason in done.err


async def test_no_token(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Without a token, public artifacts can be listed; a download exits with 4 and a hint."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "list", REPOSITORY, GH_TOKEN="")
    assert done.rows()[0][:2] == ["1", "dist"]
    assert done.err.startswith("no token for 127.0.0.1")
    assert "set GH_TOKEN" in done.err
    assert done.err.endswith("only public repositories can be listed\n")
    done = await run(fake_github, "download", REPOSITORY, "1", "-D", tmp_path, GH_TOKEN="")
    assert done.status == 4
    assert "GH_TOKEN" in done.err
    assert "gh auth login" in done.err
    assert "Anonymous" not in done.err


async def test_the_token_of_the_github_cli(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """If no variable contains a token, that of `gh auth token` for the host is used."""
    host = fake_github.url.removeprefix("http://")
    gh = tmp_path / "gh"
    gh.write_text(
        f'#!/bin/sh\n[ "$*" = "auth token --hostname {host}" ] && echo {fake_github.token}'
    )
    gh.chmod(0o755)
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    target = tmp_path / "out"
    done = await run(fake_github, "download", REPOSITORY, "1", "-D", target, GH_TOKEN="", PATH=path)
    assert done.status == 0, done.err
    assert fake_github.token not in done.out + done.err


async def test_the_github_cli_is_run_without_tokens(tmp_path: Path) -> None:
    """The GitHub CLI prints the token that it has stored, not one of a variable."""
    gh = tmp_path / "gh"
    gh.write_text('#!/bin/sh\necho "$GITHUB_TOKEN"')
    gh.chmod(0o755)
    environment = {
        # A workflow on an Enterprise Server, whose token is not for github.com.
        "GITHUB_API_URL": "https://ghe.example/api/v3",
        "GITHUB_TOKEN": "ghs_ofTheEnterpriseServer",
        "GH_HOST": "github.com",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    }
    arguments = ("download", REPOSITORY, "1", "-D", tmp_path / "out")
    done = await run(None, *arguments, cwd=tmp_path, **environment)
    assert done.status == 4, done.err
    assert "GITHUB_TOKEN: set, but for another server" in done.err


def test_the_console_script_is_the_same_program() -> None:
    """`ghartifacts` and `python -m ghartifacts_async` run the same function."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"ghartifacts": "ghartifacts_async.__main__:main"}
