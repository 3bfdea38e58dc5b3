"""`python -m ghartifacts_async.testing`: run the server for clients in any language."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ghartifacts_async.testing._api.rate_limits.limits import FakeLimits
from ghartifacts_async.testing._standalone.control import PATH as CONTROL_PATH
from ghartifacts_async.testing._standalone.control import add_control_endpoint
from ghartifacts_async.testing._standalone.scenario import Scenarios, read_scenario
from ghartifacts_async.testing._standalone.scenario import __doc__ as scenario_format
from ghartifacts_async.testing.server import FakeGitHub

_REPOSITORY = "octo-org/octo-docs"
_SIGPIPE = 13
_HELP_WIDTH = 80


def add_samples(fake: FakeGitHub) -> None:
    """Add four sample artifacts: three zip archives, one of them expired, and an unzipped file."""
    fake.add_artifact(
        _REPOSITORY, "old-logs", {"build.log": "It worked last year.\n"}, expired=True
    )
    fake.add_artifact(
        _REPOSITORY,
        "coverage",
        {"index.html": "<h1>100 %</h1>\n", "data/größe.json": '{"covered": 100}\n'},
    )
    fake.add_artifact(_REPOSITORY, "report.json", b'{"passed": 42}\n', raw="report.json")
    fake.add_artifact(_REPOSITORY, "dist", {"octo_docs-1.0.tar.gz": bytes(range(256)) * 4096})


async def serve(fake: FakeGitHub, received: list[int]) -> None:
    """Print the addresses and serve until cancelled. SIGTERM and SIGHUP cancel it, as Ctrl-C does.

    Args:
        fake: The server.
        received: The numbers of the signals that cancel it are appended to this list.
    """
    task = asyncio.current_task()
    assert task is not None

    def cancel(number: int) -> None:
        received.append(number)
        task.cancel()

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # `nohup` ignores SIGHUP, and a signal that is ignored must stay so.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            with suppress(NotImplementedError):
                asyncio.get_running_loop().add_signal_handler(number, cancel, number)
    async with fake:
        print("\n".join(describe(fake)))
        print("The server is ready. Press Ctrl-C to stop.", flush=True)
        await asyncio.Event().wait()


def describe(fake: FakeGitHub) -> list[str]:
    """Return the lines that say how clients reach the server."""
    url, token, is_tls = fake.url, fake.token, fake.url.startswith("https:")
    known = fake.repositories
    listing = f"{url}/repos/{known[0]}/actions/artifacts" if known else f"{url}/rate_limit"
    trust = f" --cacert '{fake.ca_file}'" if is_tls else ""
    if is_tls:
        host = url.removeprefix("https://")
        gh = f"GH_HOST='{host}' GH_ENTERPRISE_TOKEN='{token}' SSL_CERT_FILE='{fake.ca_file}'"
        certificates = f" NODE_EXTRA_CA_CERTS='{fake.ca_file}'"
        trusted = f" SSL_CERT_FILE='{fake.ca_file}'"
    else:
        gh = f"GH_HOST=github.localhost GH_TOKEN='{token}' http_proxy='{url}'"
        certificates = trusted = ""
    python_trust = f", verify='{fake.ca_file}'" if is_tls else ""
    return [
        f"API        {url}",
        f"API (GHES) {fake.ghes_url}",
        f"blobs      {fake.blob_url}",
        f"token      {token}",
        f"control    {url}{CONTROL_PATH}",
        f"gh         export {gh}",
        f"ghartifacts export GITHUB_API_URL='{url}' GH_TOKEN='{token}'{trusted}",
        f"actions    export GITHUB_API_URL='{url}' GITHUB_TOKEN='{token}'{certificates}",
        f"octokit    new Octokit({{ baseUrl: '{url}', auth: '{token}' }})",
        f"PyGithub   Github(base_url='{url}', auth=Auth.Token('{token}'){python_trust})",
        f"try        curl -H 'Authorization: Bearer {token}' '{listing}'{trust}",
    ]


def create(options: argparse.Namespace) -> FakeGitHub:
    """Return the server that the command line describes."""
    limits, directory = FakeLimits(enforced=False), Path()
    scenario: dict[str, Any] = {}
    if options.scenario is not None:
        limits, scenario = read_scenario(options.scenario)
        directory = options.scenario.parent
    fake = FakeGitHub(
        port=options.port,
        blob_port=options.blob_port,
        token=options.token,
        limits=limits,
        host=options.host,
        public_url=options.public_url,
        tls=options.tls,
        signing=options.signing,
    )
    scenarios = Scenarios(fake, directory)
    try:
        scenarios.apply(scenario)
    except BaseException:
        asyncio.run(fake.close())
        raise
    if options.scenario is None and not options.empty:
        add_samples(fake)
    add_control_endpoint(fake, scenarios)
    return fake


def main(
    arguments: list[str] | None = None, program: str = "python -m ghartifacts_async.testing"
) -> int:
    """Run the command line.

    Returns:
        The exit status. After a signal it is 128 plus the signal's number, as in a shell.
    """
    parser = create_parser(program)
    options = parser.parse_args(arguments)
    try:
        fake = create(options)
    except (OSError, ModuleNotFoundError, TypeError, ValueError) as error:
        parser.error(str(error))
    received: list[int] = []
    try:
        asyncio.run(serve(fake, received))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except asyncio.CancelledError:
        return 128 + received[0]
    except BrokenPipeError:
        # Otherwise, Python would try to write the rest when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + _SIGPIPE
    except (OSError, OverflowError) as error:
        print(f"cannot start the server: {error}", file=sys.stderr)
    return 1


def create_parser(program: str) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        program: The name of the program in the help.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        usage="%(prog)s [SCENARIO] [OPTIONS]",
        description="Run a fake GitHub on loopback.",
        epilog=scenario_format,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=_HELP_WIDTH),
    )
    parser.add_argument("--port", type=int, default=0, help="port of the API (default: a free one)")
    parser.add_argument(
        "--blob-port", type=int, default=0, help="port of the blob store (default: a free one)"
    )
    parser.add_argument("--token", default="fake-token", help="the token that the API accepts")
    parser.add_argument("--empty", action="store_true", help="start without sample artifacts")
    parser.add_argument(
        "scenario",
        nargs="?",
        metavar="SCENARIO",
        type=Path,
        help="a TOML or JSON file with repositories, runs, artifacts, tokens, limits and faults",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--public-url", help="the URL under which clients reach the API")
    parser.add_argument(
        "--tls", action="store_true", help="serve HTTPS with a new certificate (extra testing)"
    )
    parser.add_argument(
        "--signing", choices=["azure", "exact"], help="how signed URLs are verified"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
