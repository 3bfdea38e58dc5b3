"""The structure of the package: layers, no circular imports, and pure modules without I/O."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.structure import (
    FLOORS,
    PURE,
    arrows,
    deferred_imports,
    file_openings,
    file_operations,
    graph,
    height,
    imports,
    package_sizes,
    sources,
    top,
    top_graph,
    trees,
)

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

NO_IO_MODULES = {
    "aiohttp", "asyncio", "concurrent", "http.client", "io", "logging", "multiprocessing", "os",
    "random", "secrets", "selectors", "shutil", "socket", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time",
}  # fmt: skip
PURE_FUNCTIONS = {"os.PathLike", "os.fsencode", "os.fspath"}
"""Names in `NO_IO_MODULES` that pure modules may import, because they only convert values."""

NO_IO_CALLS = {
    "eval", "exec", "exists", "input", "is_dir", "is_file", "mkdir", "now", "open", "print",
    "read_bytes", "read_text", "stat", "today", "unlink", "utcnow", "write_bytes", "write_text",
}  # fmt: skip


def plain_imports(tree: ast.Module) -> list[ast.alias]:
    """Return what a module imports with ``import``, not with ``from … import``."""
    return [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    ]


def test_every_top_level_module_has_a_layer() -> None:
    """`FLOORS` lists every top-level package and module, and no others."""
    assert {top(name) for name in sources()} == set(FLOOR)


def test_only_lower_layers_are_imported() -> None:
    """A module imports only from lower layers, or from its own package."""
    for module, target in arrows():
        assert FLOOR[target] < FLOOR[module], f"{module} imports {target}"


def test_no_imports_are_circular() -> None:
    """No module imports itself through other modules, not even within a package."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path, module))
        if module not in done:
            for target in graph()[module]:
                visit(target, (*path, module))
            done.add(module)

    for module in graph():
        visit(module, ())


def test_the_package_is_easy_to_survey() -> None:
    """The package has few top-level modules, few layers and few imports between them."""
    assert len(top_graph()) <= 20
    assert height(top_graph()) <= 13
    assert len(arrows()) <= 95
    assert all(count <= 12 for count in package_sizes().values()), package_sizes()


def test_few_imports_are_inside_functions() -> None:
    """Imports inside functions are rare: a module has at most one for each package."""
    boundaries = [(module, top(target)) for module, target in deferred_imports()]
    assert len(boundaries) == len(set(boundaries)) <= 8, boundaries


def test_the_fake_shares_nothing_with_the_client() -> None:
    """FakeGitHub imports no part of the library, so it cannot share a mistake with it."""
    for module, targets in graph().items():
        if top(module) == "testing":
            assert {top(target) for target in targets} <= {"testing"}, module


def test_every_module_in_pure_exists() -> None:
    """Every module that `PURE` lists exists."""
    assert set(sources()) >= PURE


@pytest.mark.parametrize("module", sorted(PURE))
def test_a_pure_module_only_computes(module: str) -> None:
    """A pure module uses no await, clock, file, socket or logging, directly or indirectly."""
    tree = trees()[module]
    assert graph()[module] <= PURE, f"{module} imports {sorted(graph()[module] - PURE)}"
    for name in set(imports(tree)) - {"os"}:
        parts = name.split(".")
        reached = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
        if name not in PURE_FUNCTIONS:
            assert not reached & NO_IO_MODULES, f"{module} imports {name}"
    assert not any(alias.name == "os" for alias in plain_imports(tree)), f"{module} imports os"
    for node in ast.walk(tree):
        awaits = ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await
        assert not isinstance(node, awaits), f"{module} is async"
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            assert called not in NO_IO_CALLS, f"{module} calls {called}"


def test_only_one_package_imports_aiohttp() -> None:
    """Only `_http` and the fake import aiohttp; other modules import it only for type checking."""
    for module, tree in trees().items():
        if top(module) in {"_http", "testing"}:
            continue
        typing_only = {
            inner
            for node in tree.body
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if node not in typing_only and isinstance(node, ast.Import | ast.ImportFrom):
                loaded = [name.split(".")[0] for name in imports(node)]
                assert "aiohttp" not in loaded, module


def test_only_one_package_works_on_files() -> None:
    """Except for `cli` and `testing`, only `_disk` opens, writes, renames and removes files."""
    found = {
        module: sorted(set(file_operations(tree)))
        for module, tree in trees().items()
        if top(module) not in {"_disk", "cli", "testing"}
    }
    assert not {module: names for module, names in found.items() if names}


OPENS_FOR_A_REASON = {"auth.private_key": "reads the key file that the caller names"}


def test_only_one_module_opens_files() -> None:
    """Except for `cli` and `testing`, only `_disk.safe_open` opens files by name.

    It opens them relative to a directory, follows no link, and checks what it has opened.
    """
    found = {
        module: sorted(set(file_openings(tree)))
        for module, tree in trees().items()
        if top(module) not in {"cli", "testing"}
        and module not in {"_disk.safe_open", *OPENS_FOR_A_REASON}
    }
    assert not {module: names for module, names in found.items() if names}


@pytest.mark.parametrize(
    "code",
    [
        "open('a')",
        "os.open(a, os.O_RDONLY)",
        "path.open('rb')",
        "path.read_text()",
        "path.write_bytes(b'')",
        "io.FileIO(path)",
        "tempfile.NamedTemporaryFile()",
        "from os import open",
    ],
)
def test_an_opening_is_found(code: str) -> None:
    """Each way to open a file by name is recognised."""
    assert list(file_openings(ast.parse(code)))


@pytest.mark.parametrize("code", ["directory.open(name)", "os.fdopen(fd)", "client.open(0, 10)"])
def test_a_similar_call_is_no_opening(code: str) -> None:
    """Opening a file by its name in an open directory is allowed."""
    assert not list(file_openings(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "open('a')",
        "os.replace(a, b)",
        "os.open(a, os.O_RDONLY)",
        "path.unlink()",
        "path.replace(target)",
        "path.open('rb')",
        "path.write_bytes(b'')",
        "io.FileIO(path)",
        "import tempfile",
        "from io import FileIO",
        "from shutil import rmtree",
    ],
)
def test_a_file_operation_is_found(code: str) -> None:
    """Each way to open, write, rename or remove a file is recognised."""
    assert list(file_operations(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["text.replace('a', 'b')", "client.open(0, 10)", "stream.read()", "os.fspath(path)"]
)
def test_a_similar_call_is_no_file_operation(code: str) -> None:
    """Methods that only share a name with a file operation are allowed."""
    assert not list(file_operations(ast.parse(code)))
