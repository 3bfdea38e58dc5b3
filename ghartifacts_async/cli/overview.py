"""The commands of the program, and the page that ``ghartifacts --help`` prints.

Printing this page needs no other module, so it is quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

USAGE = "ghartifacts COMMAND [ARGUMENTS] [OPTIONS]"
DESCRIPTION = "List, read, download and delete the artifacts of GitHub Actions."

_EPILOGUE = """\
Repositories and artifacts:
  REPO is [HOST/]OWNER/REPO or a URL. Without it, the repository is that of -R,
  of the URL of an artifact or run, of GH_REPO, of GITHUB_REPOSITORY, or of the
  git remote of the working directory.
  ARTIFACT is an id, the URL of its page, or a name, which means the newest
  artifact of this name that has not expired. Digits are a name if no artifact
  has this id. The URL of a run stands for --run.

Environment:
  GH_TOKEN, GITHUB_TOKEN   the token for github.com and *.ghe.com
  GH_ENTERPRISE_TOKEN      the token for an Enterprise Server
  GH_HOST                  the server, if it is not github.com
  GH_REPO                  the repository
  HTTPS_PROXY, NO_PROXY    proxies
  SSL_CERT_FILE            the certificates of an authority of your own
  NO_COLOR                 no colours
  If there is no token, that of the GitHub CLI is used (gh auth token). Without
  any token, artifacts of public repositories can be listed.

Exit status:
  0    success
  1    something failed
  2    wrong usage
  3    nothing was found
  4    no token, or the token is refused or lacks a permission
  129  the terminal was closed (SIGHUP)
  130  Ctrl-C
  141  the reader of the output has gone
  143  SIGTERM

Examples:
  ghartifacts list octo-org/octo-docs --branch main
  ghartifacts download -n dist --latest -D out
  ghartifacts grep 'FAILED|ERROR' --run 2332938 --members '**/*.log'
  ghartifacts COMMAND --help"""


class Command(NamedTuple):
    """A command in the help.

    Attributes:
        function: Its function, below ``ghartifacts_async.cli.commands``.
        help: What it does.
        usage: Its arguments.
        examples: Examples, without the name of the program.
    """

    function: str
    help: str
    usage: str
    examples: Sequence[str]


COMMANDS = {
    "list": Command(
        "listing:list_artifacts",
        "List artifacts, newest first.\n\nOn a terminal, the columns are id, size, time of "
        "creation (UTC), run and name. In a pipe, the fields are separated by tabs: id, name, size "
        "in bytes, created, run, branch and state. --format takes the fields id, name, size, "
        "created, expires, expired, digest, run, branch, sha and url.",
        "[REPO] [OPTIONS]",
        ("list", "list -b main -p 'wheel-*' --since 7d", "list --format '{id} {name}' -L 0"),
    ),
    "runs": Command(
        "listing:runs",
        "List workflow runs, newest first.\n\nOn a terminal, the columns are id, status or "
        "conclusion, time of creation (UTC) and title. In a pipe, the fields are separated by "
        "tabs: id, status, conclusion, workflow, branch, event, created and sha. --format takes "
        "the fields id, name, workflow, number, attempt, status, conclusion, event, branch, sha, "
        "created, user and url.",
        "[REPO] [OPTIONS]",
        ("runs -w ci.yml -b main --conclusion failure", "runs --format '{id} {url}'"),
    ),
    "latest": Command(
        "listing:latest",
        "Print the newest artifact of a successful run, or download it.\n\nWith several names, "
        "the artifacts are those of the newest run that has all of them. Runs of forks count "
        "only with --from-fork. The output and the fields of --format are those of 'list'.",
        "[REPO] NAME... [OPTIONS]",
        ("latest dist -b main", "latest wheel docs -w release.yml -D out -x"),
    ),
    "wait": Command(
        "listing:wait",
        "Wait until a run has uploaded an artifact, then print or download it.\n\nThe exit status "
        "is 1 if the run ends without the artifact, or if the time is over. The output and the "
        "fields of --format are those of 'list'.",
        "[REPO] NAME (--run ID | --commit SHA) [OPTIONS]",
        ("wait dist --run 2332938", "wait dist -c $(git rev-parse HEAD) -w ci.yml -D out"),
    ),
    "download": Command(
        "downloading:download",
        "Download artifacts and verify them.\n\nAll artifacts that match are downloaded; --latest "
        "takes only the newest. Each artifact becomes DIR/<name>.zip; a file that "
        "was uploaded without zipping keeps its extension. If names are repeated, the newest gets "
        "the name, and the others get <name>-<id>. After Ctrl-C or a failure, the same command "
        "resumes. Files that are complete are not downloaded again. Expired artifacts are "
        "skipped.",
        "[REPO] [ID | URL]... [OPTIONS]",
        (
            "download --run 2332938 -D out",
            "download -n dist --latest -b main",
            "download -p 'wheel-*' --since 7d -x -D wheels",
            "download https://github.com/octo-org/octo-docs/actions/runs/2332938",
        ),
    ),
    "extract": Command(
        "downloading:extract",
        "Download artifacts, verify them and extract each to DIR/<name>/.\n\nThis is 'download "
        "--extract'. An existing directory is an error, or replaced with '--if-exists replace'; "
        "repeat the command with this option after Ctrl-C. Archives that could write elsewhere are "
        "refused.",
        "[REPO] [ID | URL]... [OPTIONS]",
        ("extract --run 2332938 -D out", "extract -n dist --run 2332938 --flat -D out"),
    ),
    "ls": Command(
        "reading:ls",
        "List the members of an artifact, without downloading it.\n\nThe fields, also of --format, "
        "are name, size, compressed and modified.",
        "[REPO] ARTIFACT [OPTIONS]",
        ("ls 11", "ls coverage --run 2332938", "ls dist -m '**/*.whl'"),
    ),
    "cat": Command(
        "reading:cat",
        "Print members of an artifact, without downloading the rest.\n\nMEMBER is an exact name "
        "or a pattern. It may be omitted if the artifact has only one. On a terminal, control "
        "characters are escaped; in a pipe, the bytes are unchanged. With --json, bytes that are "
        "not UTF-8 are escaped.",
        "[REPO] ARTIFACT [MEMBER]... [OPTIONS]",
        ("cat junit report.xml", "cat logs build.log --tail 50", "cat 11 'data/*.json' --head 5"),
    ),
    "grep": Command(
        "reading:grep",
        "Print the lines of members that match a regular expression.\n\nWithout ARTIFACT, all "
        "artifacts of --run are searched. Each line is printed with its member and its number. "
        "Lines of more than 500 characters are cut, and of binary data only the first match is "
        "mentioned, except with --json. The exit status is 3 if no line matches; with --quiet, "
        "nothing is printed, and the search ends at the first match.",
        "PATTERN [REPO] [ARTIFACT]... [OPTIONS]",
        ("grep 'FAILED|ERROR' logs", "grep -i timeout --run 2332938 -m '**/*.log'"),
    ),
    "mirror": Command(
        "downloading:mirror",
        "Keep a local copy of the artifacts of repositories.\n\nThe files are in DIR/OWNER/REPO/. "
        "Those that exist are neither read nor downloaded again, and those whose artifacts are "
        "gone are kept. Run it again, for example from cron.",
        "REPO... DIR [OPTIONS]",
        ("mirror octo-org/octo-docs archive", "mirror octo-org/a octo-org/b archive --durable"),
    ),
    "prune": Command(
        "removing:prune",
        "Show which old artifacts would be deleted; with --yes, delete them.\n\nThe exit status is "
        "0 even if there is nothing to delete. Without --yes, this is a dry run.",
        "[REPO] [OPTIONS]",
        ("prune --older-than 30d --keep-latest 3", "prune -p 'tmp-*' --keep-latest 0 --yes"),
    ),
    "delete": Command(
        "removing:delete",
        "Delete artifacts permanently.\n\nOn a terminal, the command shows the artifacts and asks. "
        "Elsewhere, it needs --yes.",
        "[REPO] [ID | URL]... [OPTIONS]",
        ("delete 11 12", "delete -n dist --until 30d --yes"),
    ),
    "rate-limit": Command(
        "other:rate_limit",
        "Show how many calls the token has left.",
        "[OPTIONS]",
        ("rate-limit --json",),
    ),
    "demo": Command(
        "other:demo", "Try the program with a fake GitHub on this machine.", "", ("demo",)
    ),
    "serve-fake": Command(
        "other:serve_fake",
        "Run a fake GitHub for tests of programs in any language.",
        "[SCENARIO] [OPTIONS]",
        ("serve-fake", "serve-fake --help"),
    ),
    "completion": Command(
        "other:completion",
        "Print a script for the completion in a shell.\n\nIt completes commands, options, and "
        "the names of the newest artifacts.",
        "bash|zsh|fish",
        (
            "completion bash > ~/.local/share/bash-completion/completions/ghartifacts",
            'completion zsh > "${fpath[1]}/_ghartifacts"',
            "completion fish > ~/.config/fish/completions/ghartifacts.fish",
        ),
    ),
}


def overview() -> str:
    """Return the page about the whole program."""
    summaries = {name: command.help.partition("\n")[0] for name, command in COMMANDS.items()}
    options = {
        "--help, -h": "Show this page, or the help of a command.",
        "--version": "Show the version.",
    }
    parts = [f"Usage: {USAGE}", DESCRIPTION]
    parts += [_table("Commands", summaries), _table("Options", options), _EPILOGUE]
    return "\n\n".join(parts)


def _table(title: str, rows: Mapping[str, str]) -> str:
    return "\n".join([f"{title}:", *(f"  {name:<11} {text}" for name, text in rows.items())])
