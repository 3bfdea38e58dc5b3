"""The public names of the package, and the modules that importing it loads."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from importlib.metadata import version

import ghartifacts_async
from ghartifacts_async import testing


def test_all_is_sorted_and_complete() -> None:
    """`__all__` is sorted, and holds every public name and every name that type checkers see."""
    names = ghartifacts_async.__all__
    assert names == sorted(names)
    for name in names:
        assert hasattr(ghartifacts_async, name), name
    public = {
        name
        for name, value in vars(ghartifacts_async).items()
        if not name.startswith("_") and name != "TYPE_CHECKING" and not inspect.ismodule(value)
    }
    assert public == set(names)
    declared = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(inspect.getsource(ghartifacts_async)))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ghartifacts_async")
        for alias in node.names
    }
    assert declared == set(names)


def test_every_public_name_is_documented() -> None:
    """Every exported class and function, and every public method, has a docstring."""
    for module in (ghartifacts_async, testing):
        for name in module.__all__:
            exported = getattr(module, name)
            if not (inspect.isclass(exported) or inspect.isfunction(exported)):
                continue
            assert inspect.getdoc(exported), name
            for attribute, value in vars(exported).items():
                if inspect.isfunction(value) and not attribute.startswith("_"):
                    assert value.__doc__, f"{name}.{attribute}"


def test_the_version_is_the_installed_one() -> None:
    """`__version__` is the installed version. An unknown attribute raises AttributeError."""
    assert ghartifacts_async.__version__ == version("ghartifacts_async")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", ghartifacts_async.__version__)
    assert not hasattr(ghartifacts_async, "no_such_name")


def test_public_modules_are_attributes() -> None:
    """Public modules are attributes of the package; an accessed attribute is cached."""
    code = (
        "import sys, ghartifacts_async as package\n"
        "assert 'ghartifacts_async.reports' not in sys.modules\n"
        "for name in ('auth', 'client', 'errors', 'models', 'repo', 'reports', 'testing'):\n"
        "    assert getattr(package, name) is sys.modules[f'ghartifacts_async.{name}'], name\n"
        "for name in (*package._HOMES, '__version__'):\n"
        "    assert getattr(package, name) is vars(package)[name], name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_importing_the_package_loads_nothing_else() -> None:
    """Importing the package alone is quick, because it loads no other module of it or of others."""
    code = (
        "import sys, json; before = set(sys.modules); import ghartifacts_async; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = json.loads(result.stdout)
    assert [name for name in loaded if name.startswith("ghartifacts_async")] == [
        "ghartifacts_async"
    ]
    assert not {"aiohttp", "asyncio", "attr", "yarl"} & set(loaded)


def test_importing_the_client_loads_neither_the_fake_nor_the_cli() -> None:
    """Importing the client loads neither the fake, the command line nor their dependencies."""
    code = (
        "import sys, json, aiohttp; before = set(sys.modules); "
        "from ghartifacts_async import Client; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = json.loads(result.stdout)
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
    "ghartifacts_async._archive.operations",
    "ghartifacts_async._bulk.mirror",
    "ghartifacts_async._bulk.operations",
)


def test_importing_the_client_loads_no_module_that_it_may_not_need() -> None:
    """Importing the client loads no module that only some methods need, yet offers every name."""
    code = (
        "import sys, json, aiohttp; before = set(sys.modules)\n"
        "from ghartifacts_async import Client\n"
        "loaded = sorted(set(sys.modules) - before)\n"
        "import ghartifacts_async as package\n"
        "missed = sorted({*package.__all__} - {*dir(package)})\n"
        "from ghartifacts_async import *\n"
        "missed += [n for n in package.__all__ if globals()[n] is not getattr(package, n)]\n"
        "print(json.dumps([loaded, missed]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded, missed = json.loads(result.stdout)
    assert "ghartifacts_async.client" in loaded
    assert not set(loaded) & set(NEEDED_LATER)
    assert not missed
