"""FakeGitHub outside this test suite: as a program, and its modules."""

from __future__ import annotations

import ast
import io
import json
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import testing
from ghartifacts_async.testing.__main__ import main

ROOT = Path(testing.__file__).parent.parent.parent


def test_the_plugin_does_not_load_the_server() -> None:
    """Loading the plugin imports neither the fake server nor aiohttp's server."""
    code = (
        "import sys, ghartifacts_async; before = set(sys.modules)\n"
        "import ghartifacts_async.testing.plugin\n"
        "new = set(sys.modules) - before\n"
        "print([name for name in new if 'aiohttp' in name or name.endswith('server')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_exported_names() -> None:
    """Every exported name can be imported. Any other name raises AttributeError."""
    assert set(testing.__all__) <= set(dir(testing))
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = testing.Nothing  # type: ignore[attr-defined]


def test_the_fake_shares_no_code_with_the_library() -> None:
    """FakeGitHub imports nothing from the rest of the library, so they cannot share a mistake."""
    for path, modules in imported_modules():
        for module in modules:
            assert module.startswith("ghartifacts_async.testing"), path


@pytest.mark.parametrize(
    ("package", "others"), [("_shared", ["_api", "_blob"]), ("_blob", ["_api"])]
)
def test_the_packages_of_the_fake_have_an_order(package: str, others: list[str]) -> None:
    """`_shared` imports neither `_api` nor `_blob`, and `_blob` does not import `_api`."""
    for path, modules in imported_modules():
        if path.startswith(f"{package}/"):
            for other in others:
                assert not any(f".testing.{other}" in module for module in modules), path


def imported_modules() -> list[tuple[str, list[str]]]:
    """Return, for every file of the fake, the modules of the library that it imports."""
    package = Path(testing.__file__).parent
    found = []
    for path in package.rglob("*.py"):
        modules: list[str] = []
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                modules.append(node.module)
        library = [name for name in modules if name.split(".")[0] == "ghartifacts_async"]
        found.append((path.relative_to(package).as_posix(), library))
    return found


@pytest.mark.parametrize(
    ("sigint", "number"),
    [
        (signal.default_int_handler, signal.SIGINT),
        (signal.default_int_handler, signal.SIGTERM),
        (signal.default_int_handler, getattr(signal, "SIGHUP", signal.SIGTERM)),
        # A shell script starts its background jobs like this.
        (signal.SIG_IGN, signal.SIGTERM),
    ],
)
def test_the_program_serves_until_a_signal(
    sigint: Any, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    """`python -m ghartifacts_async.testing` prints its URL, and a signal stops it cleanly.

    The status is 128 plus the number of the signal.
    """
    # The program inherits signals that are ignored, as by nohup.
    for one, handler in {number: signal.SIG_DFL, signal.SIGINT: sigint}.items():
        request.addfinalizer(partial(signal.signal, one, signal.signal(one, handler)))
    command = [sys.executable, "-W", "error", "-m", "ghartifacts_async.testing", "--token", "t0"]
    with (
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)  # it has ended, unless the test fails
        assert process.stdout is not None
        assert process.stderr is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            printed += line
        found = re.search(r"curl -H 'Authorization: Bearer t0' '(\S+)'", printed)
        assert found is not None
        authorized = urllib.request.Request(found[1], headers={"Authorization": "Bearer t0"})
        with urllib.request.urlopen(authorized) as response:
            listing = json.load(response)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, "")
    names = [artifact["name"] for artifact in listing["artifacts"]]
    assert names == ["dist", "report.json", "coverage", "old-logs"]


def test_the_program_has_help() -> None:
    """`--help` describes the options, and the file that fills the server."""
    command = [sys.executable, "-m", "ghartifacts_async.testing", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for text in ["--port", "--blob-port", "--token", "--empty", "| `artifacts` | `add_artifact`"]:
        assert text in done.stdout


@pytest.mark.parametrize("arguments", [["--token", ""], ["--port", "x"], ["--port", "70000"]])
def test_the_program_rejects_wrong_arguments(arguments: list[str]) -> None:
    """A wrong argument fails with a message and without a traceback."""
    command = [sys.executable, "-W", "error", "-m", "ghartifacts_async.testing", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {1, 2}
    assert done.stderr
    assert "Traceback" not in done.stderr


class SignallingOutput(io.StringIO):
    """An output that sends a signal to this process when the server is ready.

    Args:
        number: The signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self._number = number

    def write(self, text: str) -> int:
        """Write a text."""
        if "The server is ready" in text:
            signal.raise_signal(self._number)
        return super().write(text)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no handlers of SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_status_after_a_signal(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, number: signal.Signals
) -> None:
    """The status of the program is 128 plus the number of the signal that ended it."""
    # A signal for which the server has no handler raises KeyboardInterrupt in this test.
    handler = signal.default_int_handler
    for one in (signal.SIGINT, signal.SIGTERM):
        request.addfinalizer(partial(signal.signal, one, signal.signal(one, handler)))
    monkeypatch.setattr(sys, "stdout", SignallingOutput(number))
    assert main(["--empty"]) == 128 + number
