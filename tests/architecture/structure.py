"""The structure of the package, read from its source: its modules and their imports.

``python -m tests.architecture.structure`` prints the numbers that the tests limit.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import ghartifacts_async

PACKAGE = Path(ghartifacts_async.__file__).parent

FLOORS = [
    {"errors"},
    {"models"},
    {"_tasks", "reports"},
    {"_http", "_disk"},
    {"_arguments"},
    {"_api"},
    {"auth", "_download", "webhooks"},
    {"_context"},
    {"_archive", "_runs"},
    {"_bulk"},
    {"repo"},
    {"client"},
    {"__init__", "testing"},
    {"cli"},
    {"__main__"},
]
"""Layers of top-level packages and modules, lowest first. Each imports only lower layers."""

PURE = {
    "errors", "models", "webhooks", "_arguments",
    "_http.headers", "_http.messages", "_http.redaction", "_http.redirects", "_http.urls",
    "_disk.filenames",
    "_api.call", "_api.converters", "_api.endpoints", "_api.etag_cache", "_api.filters",
    "_api.pagination",
    "_api.rate_limit_headers", "_api.retry",
    "_api.responses.errors", "_api.responses.hints", "_api.responses.link",
    "_api.responses.message",
    "_download.journal", "_download.ranges", "_download.verification",
    "_archive.zip_format.archive_tail", "_archive.zip_format.central_directory",
    "_archive.zip_format.decompressors", "_archive.zip_format.end_record",
    "_archive.zip_format.extra_fields", "_archive.zip_format.local_header",
    "_archive.zip_format.member_decoder", "_archive.zip_format.member_gap",
    "_archive.zip_format.member_names",
    "_archive.arguments", "_archive.extraction_plan", "_archive.member_index",
    "_archive.member_paths", "_archive.member_patterns",
    "_runs.endpoints", "_runs.known_runs", "_runs.run_filter", "_runs.selection",
    "_runs.time_ranges", "_runs.watch",
    "_bulk.extractions.placement", "_bulk.manifest", "_bulk.path_template", "_bulk.retention",
}  # fmt: skip
"""Modules that only compute values, without await, clock, network, disk or logging."""


ENTRIES = {"__main__"}
"""Modules that only start a program, so nothing is found in them: ``python -m`` calls `cli`.

They have a layer, but do not count as top-level modules.
"""


@cache
def sources() -> dict[str, str]:
    """Return the source of every module, by its dotted name below the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of every module."""
    return {name: ast.parse(text) for name, text in sources().items()}


def top(module: str) -> str:
    """Return the top-level package or module that a module belongs to."""
    return module.split(".")[0]


def deferred_nodes(tree: ast.Module) -> set[ast.AST]:
    """Return the syntax nodes that are inside a function."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node
        for function in ast.walk(tree)
        if isinstance(function, functions)
        for node in ast.walk(function)
    }


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the names of the modules that an import statement may load."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        assert node.module is not None
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the names of the modules that a module may import, at its top or in its functions."""
    for node in ast.walk(tree):
        yield from imported(node)


@cache
def own_modules() -> dict[str, str]:
    """Return the name of each module below the package, by its full name."""
    prefix = "ghartifacts_async"
    names = {f"{prefix}.{name}": name for name in sources() if name != "__init__"}
    return names | {prefix: "__init__"}


def own_targets(node: ast.AST) -> set[str]:
    """Return the modules of `ghartifacts_async` that an import statement imports."""
    known = own_modules()
    if isinstance(node, ast.Import):
        return {known[alias.name] for alias in node.names if alias.name in known}
    if isinstance(node, ast.ImportFrom) and node.module in known:
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        return {known.get(name, known[node.module]) for name in names}
    return set()


@cache
def graph() -> dict[str, frozenset[str]]:
    """Return, for every module, the modules of the package that it imports."""
    return {
        name: frozenset().union(*(own_targets(node) for node in ast.walk(tree)))
        for name, tree in trees().items()
    }


def arrows() -> set[tuple[str, str]]:
    """Return the pairs of top-level packages or modules of which the first imports the second."""
    return {
        (top(module), top(target))
        for module, targets in graph().items()
        for target in targets
        if top(module) != top(target) and module not in ENTRIES
    }


def height(edges: dict[str, set[str]]) -> int:
    """Return the number of layers: the length of the longest chain of imports."""

    @cache
    def floor(name: str) -> int:
        return 1 + max((floor(target) for target in edges.get(name, ())), default=0)

    return max(map(floor, edges))


def top_graph() -> dict[str, set[str]]:
    """Return, for each top-level package or module, the others that it imports."""
    edges: dict[str, set[str]] = {top(module): set() for module in sources()}
    for entry in ENTRIES:
        del edges[entry]
    for module, target in arrows():
        edges[module].add(target)
    return edges


def deferred_imports() -> list[tuple[str, str]]:
    """Return the importing and the imported module for each import inside a function."""
    return [
        (name, target)
        for name, tree in trees().items()
        for node in deferred_nodes(tree)
        for target in own_targets(node)
    ]


def package_sizes() -> dict[str, int]:
    """Return the number of modules in each package."""
    sizes: dict[str, int] = {}
    packages = {name for name in sources() if (PACKAGE / name.replace(".", "/")).is_dir()}
    for name in sources():
        package = name.rpartition(".")[0]
        if package in packages and name not in packages:
            sizes[package] = sizes.get(package, 0) + 1
    return sizes


def functions() -> Iterator[tuple[str, int]]:
    """Yield every function with its length in lines, without the docstring."""
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                documented = ast.get_docstring(node) is not None
                start = node.body[0].end_lineno if documented else node.lineno
                yield f"{name}.{node.name}", (node.end_lineno or 0) - (start or 0)


_FILE_FUNCTIONS = {
    "open", "fdopen", "unlink", "remove", "rename", "renames", "replace", "link", "symlink",
    "mkdir", "makedirs", "rmdir", "removedirs", "truncate", "ftruncate", "write", "pwrite",
    "pwritev", "fsync", "chmod", "utime",
}  # fmt: skip
_PATH_METHODS = {
    "open", "unlink", "rename", "mkdir", "rmdir", "touch", "write_bytes", "write_text",
    "symlink_to", "hardlink_to", "chmod",
}  # fmt: skip
_FILE_MODULES = {"fcntl", "mmap", "shutil", "tempfile"}
_OPENING_METHODS = {"open", "touch", "read_bytes", "read_text", "write_bytes", "write_text"}


def file_operations(tree: ast.AST) -> Iterator[str]:
    """Yield the operations of a module that open, write, rename or remove files.

    These are calls of `open`, of functions of `os` and `io` and of methods of paths, and imports of
    modules that only serve such operations. A `replace` with one argument is `Path.replace`;
    `str.replace` takes two.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = set(imported(node))
            yield from sorted(names & (_FILE_MODULES | {f"os.{one}" for one in _FILE_FUNCTIONS}))
            yield from sorted(names & {"io.FileIO", "io.open"})
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id in {"open", "FileIO"}:
            yield function.id
        if not isinstance(function, ast.Attribute):
            continue
        owner, name = function.value, function.attr
        if isinstance(owner, ast.Name) and owner.id in {"os", "io"}:
            if name in _FILE_FUNCTIONS | {"FileIO"}:
                yield f"{owner.id}.{name}"
        elif name == "replace" and len(node.args) == 1 and not node.keywords:
            yield ".replace"
        elif name in _PATH_METHODS - {"open"} or (name == "open" and _opens_a_path(node)):
            yield f".{name}"


def file_openings(tree: ast.AST) -> Iterator[str]:
    """Yield the operations of a module that open files by name.

    These are calls of `open`, of functions of `os` and `io` and of methods of paths, and imports of
    functions that open files.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            opening = {"io.FileIO", "io.open", "os.open", "tempfile.mkstemp"}
            yield from sorted(set(imported(node)) & opening)
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id in {"open", "FileIO"}:
            yield function.id
        if not isinstance(function, ast.Attribute):
            continue
        owner, name = function.value, function.attr
        if isinstance(owner, ast.Name) and owner.id in {"os", "io", "tempfile"}:
            if name in {"open", "FileIO", "mkstemp"} or name.endswith("TemporaryFile"):
                yield f"{owner.id}.{name}"
        elif name in _OPENING_METHODS and (name != "open" or _opens_a_path(node)):
            yield f".{name}"


def _opens_a_path(call: ast.Call) -> bool:
    """Return True if the first argument of a method `open` is a mode such as ``"rb"``."""
    modes = [argument for argument in call.args[:1] if isinstance(argument, ast.Constant)]
    return any(isinstance(mode.value, str) and set(mode.value) <= set("rwxabt+") for mode in modes)


def main() -> None:
    """Print the size of the package and of its parts."""
    edges = top_graph()
    lengths = {name: len(text.splitlines()) for name, text in sources().items()}
    longest_files = sorted(lengths, key=lambda name: lengths[name], reverse=True)[:8]
    longest_functions = sorted(functions(), key=lambda item: item[1], reverse=True)[:8]
    print(f"top-level packages and modules: {len(edges)}")
    print(f"layers: {height(edges)}")
    print(f"imports between them: {len(arrows())}")
    print(f"modules: {len(sources())}; lines: {sum(lengths.values())}")
    print(f"deferred imports: {len(deferred_imports())}")
    print("modules in each package: " + ", ".join(f"{k} {v}" for k, v in package_sizes().items()))
    print("longest files: " + ", ".join(f"{name} {lengths[name]}" for name in longest_files))
    print("longest functions: " + ", ".join(f"{name} {n}" for name, n in longest_functions))


if __name__ == "__main__":
    main()
