"""The shape of the package: who may import what, and how large anything may grow.

The tables are the rules. The package's source is read, never run, except by the tests of the
facade, which ask a fresh interpreter what an import brings along.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import subprocess
import sys
import tokenize
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = "asyncmcp_nb"

BASE = {
    *("errors", "config", "limits", "logs", "printable", "profiles", "spans", "telemetry"),
    "_version",
}
"""The ground floor: files of the package itself that stand on the standard library, and two of them
on OpenTelemetry's API."""

ROOT = {
    PACKAGE,
    "__main__",
    "api",
    "cli",
    "connecting",
    "demo",
    "displays",
    "letters",
    "person",
    "places",
    "registry",
    "serving",
    "signals",
    "views",
    "worker",
}
"""The composition root: the files that wire the layers together and may import all of them."""

ROOMS: dict[str, set[str]] = {
    "wire": {"base"},
    "bus": {"base", "wire"},
    "sns_sqs": {"base", "wire", "bus"},
    "broker": {"base", "wire", "bus"},
    "ledger": {"base", "wire"},
    "session": {"base", "wire", "bus", "sns_sqs", "ledger"},
    "server": {"base", "wire", "bus", "sns_sqs"},
    "frame": {"base", "session.call", "session.log", "ledger"},
    "ui": {"base", "session", "frame"},
    "magics": {
        *("base", "wire", "bus", "sns_sqs", "broker", "ledger", "session", "server", "frame", "ui"),
        "api",
    },
}
"""A room, and the rooms, or single modules of a room, that it may import beside its own."""

FLOORS = {"base", "root", *ROOMS}

SPEAKS_MCP = {"sns_sqs", "session", "server", "frame", "ui", "magics"}

OWNERS: dict[str, set[str]] = {
    "IPython": {"ui", "magics"},
    "altair": {"frame"},
    "anyio": {"bus", "sns_sqs", "broker", "ledger", "session", "server", "ui", "magics"},
    "boto3": {"bus.boto3_clients", "broker"},
    "botocore": {"bus.aws", "bus.boto3_clients", "bus.direct", "bus.s3", "broker"},
    "comm": {"ui"},
    "cryptography": {"sns_sqs", "broker", "server"},
    "filelock": {"broker", "session", "server.shared_file"},
    "ipywidgets": {"ui", "magics"},
    "jsonschema": {"session", "server", "ui", "magics"},
    "markdown_it": {"ui"},
    "mcp": SPEAKS_MCP,
    "mcp_types": SPEAKS_MCP | {"wire"},
    "moto": {"broker"},
    "nest_asyncio2": {"session"},
    "numpy": {"frame"},
    "opentelemetry": {"spans", "telemetry"},
    "pandas": {"frame"},
    "platformdirs": {"config", "profiles", "broker", "ledger"},
    "pyarrow": {"frame"},
    "pydantic": SPEAKS_MCP | {"wire"},
    "pydantic_core": {"ledger", "session", "wire", "server.cell_results"},
    "regex": {"session"},
    "referencing": {"session", "ui"},
    "sqlite3": {"ledger", "server.shared_file"},
    "tqdm": {"ui"},
    "traitlets": {"ui", "magics"},
}
"""A library, and the rooms or modules that may import it; the composition root may import any.

An import for the type checker alone loads nothing and is free. Of the standard library only what
stands here has owners.
"""

PRINTS = {"cli", "magics", "ui.still.text"}
"""Where `print` is the way to answer."""

FILE_LINES = 350
FUNCTION_LINES = 60
FUNCTION_LINES_P95 = 40
PARAMETERS = 8
POSITIONAL_PARAMETERS = 3
SUPPRESSIONS_PER_THOUSAND_LINES = 3
FACADE_NAMES = 16

HEAVY = {"pandas", "ipywidgets", "moto", "boto3"}
"""What importing the facade must not load."""

VENDORED = {"mcp_arm_plugin.py"}
"""Files of others that stand here unchanged."""

LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}

SUPPRESSION = re.compile(
    r"#\s*(?:type:\s*ignore|pyright:|noqa|ruff:\s*noqa)"  # what kind
    r"(?P<codes>(?:\s*ignore)?\[[\w, -]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?"
    r"(?P<reason>.*)"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """What one import statement names, wherever in a module it stands."""

    target: str
    """Absolute and dotted."""
    line: int
    typing_only: bool
    """Under `if TYPE_CHECKING:`."""

    @property
    def library(self) -> str:
        """The outermost package."""
        return self.target.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    """Dotted, without the package: `bus.aws`; the package's own file has the package's name."""
    path: Path

    @property
    def room(self) -> str:
        """Who speaks for this module in the tables."""
        return room_of(self.name)

    @cached_property
    def source(self) -> str:
        """The text of the file."""
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the file."""
        return ast.parse(self.source, self.path)

    @property
    def imports(self) -> Iterator[Import]:
        """All imports, those inside functions too."""
        inside = self.name.split(".") if self.name != PACKAGE else []
        if self.path.name != "__init__.py":
            inside = inside[:-1]
        return read_imports(self.tree, package=".".join([PACKAGE, *inside]))

    @property
    def functions(self) -> Iterator[Function]:
        """All functions, methods and nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def at(self, line: int, what: str) -> str:
        """A finding as a person reads it."""
        return f"{self.path.relative_to(PROJECT).as_posix()}:{line}: {what}"


def room_of(name: str) -> str:
    if name in BASE:
        return "base"
    outermost = name.partition(".")[0]
    return "root" if outermost in ROOT else outermost


def folder_of(name: str) -> str:
    """A room within a room, `ui.card` of `ui.card.actions`; other files stand for themselves."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 else name


def read_imports(tree: ast.AST, package: str, *, typing_only: bool = False) -> Iterator[Import]:
    """The imports of a module that lies in `package`; `from x import y` names `x.y`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, typing_only)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(f"{origin}.{alias.name}", node.lineno, typing_only)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                holder = ast.Module([child], [])
                yield from read_imports(holder, package, typing_only=True)
            yield from read_imports(ast.Module(node.orelse, []), package, typing_only=typing_only)
        else:
            yield from read_imports(node, package, typing_only=typing_only)


@cache
def modules() -> dict[str, Module]:
    """Every file of the package by its dotted name."""
    found: dict[str, Module] = {}
    for path in sorted((PROJECT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(PROJECT / PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__") or PACKAGE
        found[name] = Module(name, path)
    return found


def own_module(target: str) -> str:
    """The module of the package that an imported name belongs to."""
    name = target.removeprefix(PACKAGE).removeprefix(".")
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name or PACKAGE


def stands_in(name: str, places: Collection[str]) -> bool:
    """Whether a module, or the room it is in, is among the places."""
    return not {name, room_of(name), name.partition(".")[0]}.isdisjoint(places)


def test_every_file_stands_in_a_room_of_the_table() -> None:
    strangers = [m.at(1, m.room) for m in modules().values() if m.room not in FLOORS]

    assert strangers == []


def test_a_room_imports_only_the_rooms_that_the_table_names() -> None:
    forbidden: list[str] = []
    for module in modules().values():
        allowed = {module.room} | ROOMS.get(module.room, set())
        for imported in module.imports:
            if imported.library != PACKAGE or module.room == "root":
                continue
            if not stands_in(own_module(imported.target), allowed):
                forbidden.append(module.at(imported.line, f"{module.room} -> {imported.target}"))

    assert forbidden == []


def test_a_library_is_imported_only_by_its_owners() -> None:
    forbidden: list[str] = []
    for module in modules().values():
        for imported in module.imports:
            library = imported.library
            if library == PACKAGE or imported.typing_only or module.room == "root":
                continue
            if library in sys.stdlib_module_names and library not in OWNERS:
                continue
            if not stands_in(module.name, OWNERS.get(library, ())):
                forbidden.append(module.at(imported.line, f"{module.name} -> {library}"))

    assert forbidden == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {
        module.name: {own_module(i.target) for i in module.imports if i.library == PACKAGE}
        - {module.name}
        for module in modules().values()
    }

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_folder_imports_itself_by_way_of_others() -> None:
    graph: dict[str, set[str]] = {}
    for module in modules().values():
        own = folder_of(module.name)
        imported = {folder_of(own_module(i.target)) for i in module.imports if i.library == PACKAGE}
        graph.setdefault(own, set()).update(imported - {own})
    # The root wires all rooms together: it is one, however many files it has.
    graph = {own: imported for own, imported in graph.items() if room_of(own) != "root"}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_reader_of_imports_sees_deferred_relative_and_typing_ones() -> None:
    source = """
import a.b
if TYPE_CHECKING:
    from c import d
else:
    from e import f
def late():
    from .g import h
    from ..i import j
    from . import k
"""

    found = [(i.target, i.typing_only) for i in read_imports(ast.parse(source), "p.q")]

    assert found == [
        ("a.b", False),
        ("c.d", True),
        ("e.f", False),
        ("p.q.g.h", False),
        ("p.i.j", False),
        ("p.q.k", False),
    ]


def test_no_file_is_longer_than_the_bar() -> None:
    lengths = {m: m.source.count("\n") for m in modules().values()}

    assert [m.at(n, f"{n} lines") for m, n in lengths.items() if n > FILE_LINES] == []


def test_no_function_is_longer_than_the_bar() -> None:
    long = [
        module.at(function.lineno, f"{function.name}: {lines_of(function)} lines")
        for module in modules().values()
        for function in module.functions
        if lines_of(function) > FUNCTION_LINES
    ]

    assert long == []


def test_nineteen_of_twenty_functions_are_short() -> None:
    lengths = sorted(lines_of(f) for module in modules().values() for f in module.functions)
    p95 = lengths[math.ceil(0.95 * len(lengths)) - 1] if lengths else 0

    assert p95 <= FUNCTION_LINES_P95


def test_functions_take_few_parameters_and_fewer_by_position() -> None:
    crowded: list[str] = []
    for module in modules().values():
        for function in module.functions:
            arguments = function.args
            by_position = [
                a for a in (*arguments.posonlyargs, *arguments.args) if a.arg not in {"self", "cls"}
            ]
            count = len(by_position) + len(arguments.kwonlyargs)
            if count > PARAMETERS or len(by_position) > POSITIONAL_PARAMETERS:
                what = f"{function.name}: {count} parameters, {len(by_position)} by position"
                crowded.append(module.at(function.lineno, what))

    assert crowded == []


def test_only_what_answers_in_plain_text_prints() -> None:
    prints = [
        module.at(call.lineno, "print")
        for module in modules().values()
        if not stands_in(module.name, PRINTS)
        for call in calls_in(module.tree)
        if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]

    assert prints == []


def test_log_messages_are_put_together_by_the_logger() -> None:
    formatted = [
        module.at(call.lineno, ast.unparse(call))
        for module in modules().values()
        for call in calls_in(module.tree)
        if is_log_call(call) and any(isinstance(a, ast.JoinedStr) for a in call.args)
    ]

    assert formatted == []


def test_a_broad_except_logs_the_exception_or_raises() -> None:
    swallowed = [
        module.at(handler.lineno, "a broad except that neither logs nor raises")
        for module in modules().values()
        for handler in ast.walk(module.tree)
        if isinstance(handler, ast.ExceptHandler)
        and is_broad(handler.type)
        and not isinstance(handler.body[-1], ast.Raise)
        and not any(
            is_log_call(call, {"exception"}) for part in handler.body for call in calls_in(part)
        )
    ]
    suppressed = [
        module.at(call.lineno, ast.unparse(call))
        for module in modules().values()
        for call in calls_in(module.tree)
        if ast.unparse(call.func).endswith("suppress") and any(is_broad(a) for a in call.args)
    ]

    assert swallowed + suppressed == []


def test_every_suppression_names_its_code_and_its_reason() -> None:
    bare = [
        f"{path.relative_to(PROJECT).as_posix()}:{line}: {match.string}"
        for path in written_here()
        for line, match in suppressions(path.read_text("utf-8"))
        if match["codes"] is None or len(match["reason"].strip(" #-:").split()) < 2
    ]

    assert bare == []


def test_suppressions_are_rare() -> None:
    lines = sum(module.source.count("\n") for module in modules().values())
    found = [
        module.at(line, match.string)
        for module in modules().values()
        for line, match in suppressions(module.source)
    ]
    # A package of a few files is allowed as many as one of a thousand lines.
    allowed = SUPPRESSIONS_PER_THOUSAND_LINES * max(lines, 1000) // 1000

    assert len(found) <= allowed, found


@pytest.fixture(scope="module")
def facade() -> dict[str, list[str]]:
    """What a fresh interpreter has after `import asyncmcp_nb`."""
    script = (
        "import json, sys, asyncmcp_nb as f;"
        "print(json.dumps({'loaded': sorted(sys.modules), 'names': sorted(f.__all__)}))"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(
        command, cwd=PROJECT, timeout=30, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def test_importing_the_facade_loads_nothing_heavy(facade: dict[str, list[str]]) -> None:
    assert HEAVY & set(facade["loaded"]) == set()


def test_the_facade_offers_few_names(facade: dict[str, list[str]]) -> None:
    assert len(facade["names"]) <= FACADE_NAMES


def lines_of(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def is_log_call(call: ast.Call, methods: Collection[str] = LOG_METHODS) -> bool:
    """Whether a method of something named like a logger is called."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in methods:
        return False
    return re.search(r"\blog(ger|ging)?$|_log(ger)?$", ast.unparse(function.value)) is not None


def is_broad(caught: ast.expr | None) -> bool:
    """Whether an except clause catches everything there is."""
    caught_types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    names = {"Exception" if c is None else ast.unparse(c) for c in caught_types}
    return not names.isdisjoint({"Exception", "BaseException"})


def suppressions(source: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Comments that tell a tool to look away, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := SUPPRESSION.search(token.string)):
            yield token.start[0], match


def written_here() -> Iterator[Path]:
    """Every Python file that is ours."""
    for folder in (PACKAGE, "tests", "examples"):
        for path in (PROJECT / folder).rglob("*.py"):
            if path.name not in VENDORED:
                yield path
