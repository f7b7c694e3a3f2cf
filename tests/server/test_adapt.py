"""From what a person hands to ``serve`` to the SDK's low-level server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer

from asyncmcp_nb.errors import ServeError
from asyncmcp_nb.server.adapt import App, lowlevel_of
from asyncmcp_nb.server.host import hosting
from tests.helpers import MemoryDeployment, RawClient, result_of, tool_call

MODULE = """
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer

low = Server("low")
high = MCPServer("high")
number = 7

def make():
    return MCPServer("made")

def fail():
    raise LookupError("no key")

def leave():
    raise SystemExit("no key")

async def make_slowly():
    return MCPServer("made")

def __getattr__(name):
    if name == "lazy":
        raise ValueError("nothing\\nto make it of")
    raise AttributeError(name)

class Holder:
    inner = Server("held")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the working directory, which nothing else has put on the path."""
    (tmp_path / "module_to_serve.py").write_text(MODULE)
    (tmp_path / "broken_to_serve.py").write_text("import no_such_module_anywhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "failing_to_serve.py").write_text("1 / 0")
    (tmp_path / "unwritten_to_serve.py").write_text("def (")
    (tmp_path / "leaving_to_serve.py").write_text("raise SystemExit(0)")
    for name in ("module", "broken", "failing", "unwritten", "leaving"):
        monkeypatch.delitem(sys.modules, f"{name}_to_serve", raising=False)
    return "module_to_serve"


def test_a_low_level_server_is_served_as_it_is() -> None:
    server: Server[Any] = Server("low")

    assert lowlevel_of(server) is server


def test_an_mcpserver_is_served_by_the_server_inside() -> None:
    server = lowlevel_of(MCPServer("high"))

    assert (type(server), server.name) == (Server, "high")


@pytest.mark.parametrize("kind", [Server, MCPServer])
def test_a_function_that_makes_a_server_is_called(kind: Any) -> None:
    def make() -> Any:
        return kind("made")

    assert lowlevel_of(make).name == "made"


@pytest.mark.parametrize(
    ("attribute", "name"),
    [("low", "low"), ("high", "high"), ("make", "made"), ("Holder.inner", "held")],
)
def test_an_import_path_leads_to_a_server(module: str, attribute: str, name: str) -> None:
    assert lowlevel_of(f"{module}:{attribute}").name == name


def test_the_working_directory_is_put_on_the_path_once(module: str) -> None:
    for _ in range(2):
        lowlevel_of(f"{module}:low")

    assert sys.path.count(str(Path.cwd())) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("module_to_serve", "does not name a server; write it as module:attribute"),
        ("module_to_serve:", "does not name a server; write it as module:attribute"),
        (":low", "does not name a server; write it as module:attribute"),
        ("", "does not name a server; write it as module:attribute"),
        ("module_to_serve:lowww", "module 'module_to_serve' has no attribute 'lowww'"),
        ("module_to_serve:low.nothing", "has no attribute 'low.nothing'"),
        ("no_such_module_anywhere:app", "cannot import 'no_such_module_anywhere'"),
        ("broken_to_serve:app", "cannot import 'broken_to_serve': No module named 'no_such"),
        ("failing_to_serve:app", "'failing_to_serve': ZeroDivisionError: division by zero"),
        ("unwritten_to_serve:app", "cannot import 'unwritten_to_serve': SyntaxError: "),
        ("leaving_to_serve:app", "cannot import 'leaving_to_serve': SystemExit: 0"),
        ("module_to_serve:fail", "fail() failed: LookupError: no key"),
        ("module_to_serve:leave", "leave() failed: SystemExit: no key"),
        ("module_to_serve:lazy", "module_to_serve:lazy failed: ValueError: nothing to make it of"),
        ("module_to_serve:make_slowly", "make_slowly() is async; what makes a server is a plain"),
        ("module_to_serve:number", "cannot serve int"),
    ],
)
def test_a_path_that_leads_to_no_server_is_refused_with_the_reason(
    module: str, path: str, reason: str
) -> None:
    with pytest.raises(ServeError) as caught:
        lowlevel_of(path)

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module_anywhere", ModuleNotFoundError),
        ("None.name", AttributeError),
        ("app = None", None),
    ],
)
def test_what_an_app_raises_is_the_cause_and_a_path_that_leads_nowhere_has_none(
    module: str, source: str, cause: type[Exception] | None
) -> None:
    Path("failing_to_serve.py").write_text(source)

    with pytest.raises(ServeError) as caught:
        lowlevel_of("failing_to_serve:missing")
    with pytest.raises(ServeError) as nowhere:
        lowlevel_of(f"{module}.sub:app")

    assert type(caught.value.__cause__) is (cause or type(None))
    assert nowhere.value.__cause__ is None


@pytest.mark.parametrize("thing", [None, 7, {}, dict, lambda: None])
def test_what_is_no_server_is_refused(thing: Any) -> None:
    with pytest.raises(ServeError, match="give an MCPServer, a lowlevel Server"):
        lowlevel_of(thing)


async def test_the_tools_of_an_mcpserver_can_be_called(memory: MemoryDeployment) -> None:
    app = MCPServer("high")

    @app.tool()
    def add(a: int, b: int) -> int:
        return a + b

    served: App = app
    alice = RawClient(memory)

    async with hosting(lowlevel_of(served), memory.bus, memory.server()):
        alice.send(tool_call(1, "add", {"a": 20, "b": 22}))
        answer = await alice.answer()

    assert (add.__name__, result_of(answer)) == ("add", {"result": 42})
