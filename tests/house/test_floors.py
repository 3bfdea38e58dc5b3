"""The structure of the package: floors, circles, and a pure floor that stays pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ghartifacts_async

PACKAGE = Path(ghartifacts_async.__file__).parent

FLOORS = [
    {"errors"},
    {"models"},
    {"reports"},
    {"_sansio"},
    {"_transport_errors", "_watch", "_lifetime", "_files", "_pool"},
    {"_transport", "_disk", "_links"},
    {"_fresh", "_limiter", "auth", "_hasher", "_journal", "_target"},
    {"_partial", "_manifest", "_small", "_crew"},
    {"_exchange", "_stock"},
    {"_session"},
    {"_listing", "_lease", "_patience", "_progress"},
    {"_source"},
    {"_fetch", "_remote"},
    {"_unpack"},
    {"_archive", "_download", "_stream"},
    {"_parts"},
    {"_bulk"},
    {"_mirror", "_prune"},
    {"repo"},
    {"client"},
    {"__init__"},
    {"testing"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

NO_IO_MODULES = {
    "aiohttp", "asyncio", "concurrent", "http.client", "io", "logging", "multiprocessing", "os",
    "random", "secrets", "selectors", "shutil", "socket", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time",
}  # fmt: skip
NO_IO_CALLS = {
    "eval", "exec", "exists", "input", "is_dir", "is_file", "mkdir", "now", "open", "print",
    "read_bytes", "read_text", "stat", "today", "unlink", "utcnow", "write_bytes", "write_text",
}  # fmt: skip


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the package by its dotted name below it, parsed."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports() -> dict[str, set[str]]:
    """For each module, the modules of the package that it imports."""
    trees = dict(modules())
    names = {f"ghartifacts_async.{name}".removesuffix(".__init__"): name for name in trees}
    graph: dict[str, set[str]] = {}
    for name, tree in trees.items():
        graph[name] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                graph[name] |= {names[a.name] for a in node.names if a.name in names}
            elif isinstance(node, ast.ImportFrom) and node.module in names:
                found = {f"{node.module}.{a.name}" for a in node.names}
                graph[name] |= {names.get(f, names[node.module]) for f in found}
    return graph


def room(module: str) -> str:
    """The room of the house that a module lies in."""
    return module.split(".")[0]


def test_every_room_has_a_floor() -> None:
    """Every module lies in a room of the plan, and every room of the plan exists."""
    assert {room(name) for name, _ in modules()} == set(FLOOR)


def test_floors_import_only_downwards() -> None:
    """A module imports only from floors below its own, or from its own room."""
    for module, targets in own_imports().items():
        for target in targets:
            below = FLOOR[room(target)] < FLOOR[room(module)]
            # The face re-exports what lies below it, so importing it is importing the package.
            assert below or room(target) == room(module), f"{module} imports {target}"


def test_the_fake_shares_nothing_with_the_client() -> None:
    """FakeGitHub imports no part of the library, so that it cannot share its mistakes."""
    for module, targets in own_imports().items():
        if room(module) == "testing":
            assert {room(target) for target in targets} <= {"testing"}, module


def test_nothing_imports_in_a_circle() -> None:
    """No module imports itself, by whatever way round."""
    graph = own_imports()
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path, module))
        if module not in done:
            for target in graph[module]:
                visit(target, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_pure_floor_does_nothing() -> None:
    """In `_sansio` there is no await, no clock, no file, no socket and no aiohttp."""
    for module, tree in modules():
        if room(module) != "_sansio":
            continue
        for name in imports(tree):
            parts = name.split(".")
            reached = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
            assert not reached & NO_IO_MODULES, f"{module} imports {name}"
        for node in ast.walk(tree):
            assert not isinstance(
                node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await
            ), f"{module} is async"
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                assert called not in NO_IO_CALLS, f"{module} calls {called}"


def test_only_the_transport_knows_the_http_client() -> None:
    """The client of aiohttp is imported by the transport alone, elsewhere for its types at most."""
    for module, tree in modules():
        if room(module) in {"_pool", "_transport", "_transport_errors", "testing"}:
            continue
        typing_only = [
            node
            for node in tree.body
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ]
        for node in typing_only:
            tree.body.remove(node)
        assert not [i for i in imports(tree) if i.split(".")[0] == "aiohttp"], module
