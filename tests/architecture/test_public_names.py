"""The public face: what it exports, and what importing it costs."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from importlib.metadata import version

import ghartifacts_async
from ghartifacts_async import testing


def test_the_face_is_sorted_and_whole() -> None:
    """`__all__` is sorted, and holds every public name there is."""
    names = ghartifacts_async.__all__
    assert names == sorted(names)
    public = {
        name
        for name, value in vars(ghartifacts_async).items()
        if not name.startswith("_") and name != "TYPE_CHECKING" and not inspect.ismodule(value)
    }
    assert public | set(ghartifacts_async._HOMES) == set(names)


def test_every_public_thing_is_documented() -> None:
    """Every exported class and function, and every public method of it, has a docstring."""
    for module in (ghartifacts_async, testing):
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            assert inspect.getdoc(thing), name
            for attribute, value in vars(thing).items():
                if inspect.isfunction(value) and not attribute.startswith("_"):
                    assert value.__doc__, f"{name}.{attribute}"


def test_the_version_is_the_installed_one() -> None:
    """`__version__` is the version of the distribution; another name is an AttributeError."""
    assert ghartifacts_async.__version__ == version("ghartifacts_async")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", ghartifacts_async.__version__)
    assert not hasattr(ghartifacts_async, "no_such_name")


def test_public_modules_are_attributes() -> None:
    """``import ghartifacts_async`` is enough to name its modules, and what is found is kept."""
    code = (
        "import sys, ghartifacts_async as face\n"
        "assert 'ghartifacts_async.reports' not in sys.modules\n"
        "for name in ('auth', 'client', 'errors', 'models', 'repo', 'reports', 'testing'):\n"
        "    assert getattr(face, name) is sys.modules[f'ghartifacts_async.{name}'], name\n"
        "for name in (*face._HOMES, '__version__'):\n"
        "    assert getattr(face, name) is vars(face)[name], name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_importing_it_loads_neither_the_fake_nor_the_command_line() -> None:
    """An application pays for what it uses: no server, no command line, no third-party surprise."""
    code = (
        "import sys, json, aiohttp; before = set(sys.modules); import ghartifacts_async; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = json.loads(done.stdout)
    unwanted = ("ghartifacts_async.testing", "ghartifacts_async.cli.", "cyclopts", "rich", "pytest")
    assert "ghartifacts_async.client" in loaded
    assert not [module for module in loaded if module.startswith(unwanted)]


NEEDED_LATER = (
    "aiolimiter",
    "cattrs",
    "filelock",
    "importlib.metadata",
    "zipfile",
    "ghartifacts_async._api.converters",
    "ghartifacts_async._archive.archive",
    "ghartifacts_async._archive.remote_file",
    "ghartifacts_async._bulk.deletions",
    "ghartifacts_async._bulk.downloads",
    "ghartifacts_async._bulk.mirror",
    "ghartifacts_async._bulk.operations",
    "ghartifacts_async._download.blob",
    "ghartifacts_async._download.downloader",
    "ghartifacts_async._download.stream",
    "ghartifacts_async.reports",
)


def test_importing_the_client_loads_no_room_that_may_never_be_entered() -> None:
    """What is needed by some methods alone is loaded by them, and no name is missed for it."""
    code = (
        "import sys, json, aiohttp; before = set(sys.modules)\n"
        "from ghartifacts_async import Client\n"
        "loaded = sorted(set(sys.modules) - before)\n"
        "import ghartifacts_async as face\n"
        "missed = sorted({*face.__all__} - {*dir(face)})\n"
        "from ghartifacts_async import *\n"
        "missed += [name for name in face.__all__ if globals()[name] is not getattr(face, name)]\n"
        "print(json.dumps([loaded, missed]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded, missed = json.loads(done.stdout)
    assert "ghartifacts_async.client" in loaded
    assert not set(loaded) & set(NEEDED_LATER)
    assert not missed
