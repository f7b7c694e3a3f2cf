"""Tools that destroy are called after a yes alone; calls go into files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.magics.conftest import Notebook

SERVE = """
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from asyncmcp_nb import serve

app = MCPServer("files", log_level="CRITICAL")

def offer(name, **hints):
    def tool(path: str) -> str:
        return f"{name} {path}"
    app.tool(name=name, annotations=ToolAnnotations(**hints))(tool)

offer("erase", destructive_hint=True)
offer("wipe", destructive_hint=True)
offer("drop", destructive_hint=True)
offer("look", destructive_hint=True, read_only_hint=True)
offer("touch", destructive_hint=False)
server = serve(app, profile)
"""


@pytest.fixture(scope="module")
def files(notebook: Notebook) -> Notebook:
    """A notebook that is connected to a server whose tools say what they do."""
    notebook.ok(
        "from asyncmcp_nb import embedded\nimport secrets\n"
        "profile = embedded(name=f't{secrets.token_hex(4)}')"
    )
    notebook.ok(SERVE)
    notebook.ok(
        "from asyncmcp_nb import connect\nsession = await connect(profile, ledger=':memory:')"
    )
    notebook.ok("await session.list_tools();")
    return notebook


@pytest.fixture(scope="module", autouse=True)
def stopped(notebook: Notebook, files: Notebook) -> object:
    yield
    notebook.ok("await session.close()\nserver.stop()")


def count(notebook: Notebook) -> int:
    """Calls that were submitted."""
    return int(notebook.value("len(session.log)"))


def test_nothing_destructive_is_sent_where_nobody_can_be_asked(files: Notebook) -> None:
    before = count(files)
    files.ok("rows = ['a', 'b']\ncell = session.submit('erase', path='kept')")
    for cell, rest in (
        ("%mcp call erase path=a", ""),
        ('%%mcp call erase\n{"path": "a"}', ""),
        ("%mcp map erase rows", " 2 times"),
        ("get_ipython().run_line_magic('mcp', f'retry {cell.id}')", ""),
    ):
        output = files.run(cell)
        assert output.error == (
            "nothing was sent: erase is destructive, and nobody is here to ask; "
            f"add --yes to call it{rest}"
        )
        assert output.asked == []

    assert count(files) == before + 1


def test_yes_in_the_cell_is_an_answer_for_that_cell(files: Notebook) -> None:
    assert files.value("%mcp call erase path=a --yes") == "erase a"
    assert files.value('%%mcp call erase --yes\n{"path": "b"}') == "erase b"
    assert files.run("%mcp call erase path=c").error.startswith("nothing was sent: erase")


def test_whoever_says_no_sends_nothing(files: Notebook) -> None:
    before = count(files)

    output = files.run("%mcp call wipe path=a", [""])

    assert output.asked == ["wipe is destructive, its server says. Call it? [y/N] "]
    assert output.error == "nothing was sent: wipe is destructive, and you did not say yes"
    assert count(files) == before


def test_whoever_says_yes_is_asked_once(files: Notebook) -> None:
    first = files.run("%mcp call wipe path=a", ["y"])
    second = files.run("%mcp call wipe path=b", [])
    other = files.run("%mcp call erase path=b", ["n"])

    assert [len(output.asked) for output in (first, second, other)] == [1, 0, 1]
    assert (first.text, second.text) == ("wipe a", "wipe b")


def test_yes_to_one_call_is_no_yes_to_many(files: Notebook) -> None:
    one = files.run("%mcp call drop path=a", ["yes"])
    many = files.run("%mcp map drop rows -o group", ["Y"])
    again = files.run("%mcp map drop rows -o group", [])
    files.ok("await group;")

    assert [len(output.asked) for output in (one, many, again)] == [1, 1, 0]
    assert many.asked == ["drop is destructive, its server says. Call it 2 times? [y/N] "]
    assert again.errors == []


@pytest.mark.parametrize("tool", ["look", "touch"])
def test_a_tool_that_destroys_nothing_is_called_at_once(files: Notebook, tool: str) -> None:
    output = files.run(f"%mcp call {tool} path=a", [])

    assert (output.asked, output.text) == ([], f"{tool} a")


def test_python_never_asks(files: Notebook) -> None:
    output = files.run("(await session.call('erase', path='x')).content[0].text", [])

    assert (output.asked, output.text) == ([], "'erase x'")


# -- export ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "html"])
def test_calls_are_written_as_the_suffix_says(files: Notebook, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"calls.{suffix}"
    files.ok("%mcp call touch path=a;")
    files.ok("%mcp call touch path=b;")

    shown = files.ok(f"%mcp export {path}").stdout

    assert shown == f"{count(files):,} calls written to {path}\n"
    assert path.stat().st_size > 0


def test_options_choose_calls_and_leave_arguments_out(files: Notebook, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    files.ok("await session.map('touch', ['first', 'second'], group='two of them');")

    shown = files.ok(f"%mcp export {path} --group 'two of them' --tool touch --redact path").stdout
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    hidden = files.ok(f"%mcp export {path} --group 'two of them' --redact all").stdout
    mistyped = files.ok(f"%mcp export {path} --group 'two of them' --redact path,paht").stdout
    none = files.ok(f"%mcp export {path} --group 'two of them' --status failed").stdout

    assert shown == f"2 calls written to {path}, path left out\n"
    assert [row["arguments"] for row in found] == [{"path": "[redacted]"}] * 2
    assert "first" not in str(found)
    assert hidden == f"2 calls written to {path}, all arguments and answers left out\n"
    assert mistyped == (
        f"2 calls written to {path}, path left out\n"
        "check --redact: no call has anything under 'paht'\n"
    )
    assert none == f"0 calls written to {path}\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%mcp export", "PATH is missing; usage: %mcp export PATH [--redact NAMES|all]"),
        ("%mcp export calls.xlsx", "cannot export to 'calls.xlsx'; known: .csv, .parquet"),
        ("%mcp export nowhere/calls.csv", "folder nowhere does not exist; make it first"),
        ("%mcp export a.csv --redact ,", "--redact ,: names with a comma between, or `all`"),
        ("%mcp export a.csv --status don", "--status 'don', did you mean 'done'?"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(files: Notebook, line: str, words: str) -> None:
    assert files.run(line).error.startswith(words)


def test_exports_are_completed(files: Notebook, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    files.ok("await session.map('touch', ['x'], group='tidy');")

    assert sorted(files.complete(f"%mcp export {tmp_path}/fo")) == [
        f"%mcp export {tmp_path}/{end}"
        for end in ("fo.csv", "fo.html", "fo.jsonl", "fo.parquet", "folder/")
    ]
    assert "%mcp export calls.parquet" in files.complete("%mcp export ")
    assert files.complete("%mcp export x.csv --status do") == ["%mcp export x.csv --status done"]
    assert files.complete("%mcp export x.csv --group ti") == ["%mcp export x.csv --group tidy"]
    assert files.complete("%mcp export x.csv --redact ") == [
        "%mcp export x.csv --redact all",
        "%mcp export x.csv --redact path",
    ]
    assert "%mcp call erase --yes " in files.complete("%mcp call erase --y")
