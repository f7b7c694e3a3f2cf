"""The magics in a real kernel, over the embedded broker, as a person would use them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.magics.conftest import PROJECT, Notebook

SERVE = """%%mcp serve demo
import asyncio
from typing import Literal

await asyncio.sleep(0)

def add(a: int, b: int = 1) -> int:
    "Add two numbers."
    return a + b

def paint(color: Literal["red", "green"], strong: bool = False) -> str:
    "Paint something."
    return color

def fail(why: str) -> str:
    "Raise what it is told."
    raise ValueError(why)

async def forever() -> str:
    "Never answers."
    await asyncio.Event().wait()
    return ""

def undocumented() -> None: ...
"""


@pytest.fixture(scope="module")
def connected(notebook: Notebook) -> Notebook:
    """A notebook that serves tools and is connected."""
    served = notebook.ok(SERVE)
    assert served.stdout == "not served: undocumented has no docstring\n"
    assert "demo@local · serving" in served.text
    bound = notebook.ok("%mcp connect --name kernel")
    assert "kernel@local" in bound.said
    notebook.ok("total = 0\ngroup = session.map('add', [{'a': 1}])\nawait group")
    return notebook


def traffic(notebook: Notebook) -> str:
    """What tells whether anything was sent: publishes, and rows of the log."""
    return notebook.value("session.status.requests.get('PublishBatch'), len(session.log)")


# -- before there is anything ---------------------------------------------------------------------


def test_loading_leaves_the_namespace_alone(notebook: Notebook) -> None:
    assert notebook.value("[n for n in dir() if 'mcp' in n or n in ('connect', 'session')]") == "[]"


def test_loading_is_quick_and_loads_neither_the_sdk_nor_widgets() -> None:
    script = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
started = time.process_time()
shell.extension_manager.load_extension("asyncmcp_nb")
print([time.process_time() - started, "mcp" in sys.modules, "ipywidgets" in sys.modules])
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=PROJECT, timeout=30, check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, has_sdk, has_widgets = ast.literal_eval(done.stdout)

    assert seconds < 0.5
    assert (has_sdk, has_widgets) == (False, False)


def test_without_a_connection_the_next_step_is_named(notebook: Notebook) -> None:
    assert notebook.run("%mcp tools").error == "not connected; `%mcp connect` first"


def test_a_broken_subcommand_gets_the_nearest(notebook: Notebook) -> None:
    assert notebook.run("%mcp conect").error == "no subcommand 'conect', did you mean 'connect'?"


def test_help_lists_every_subcommand(notebook: Notebook) -> None:
    shown = notebook.ok("%mcp help").stdout

    for name in ("connect", "tools", "call", "map", "log", "wait", "cancel", "retry", "status"):
        assert f"%mcp {name}" in shown
    assert "%%mcp call TOOL" in shown
    assert shown == notebook.ok("%mcp").stdout


def test_help_on_call_says_how_values_are_read(notebook: Notebook) -> None:
    shown = notebook.ok("%mcp help call").stdout

    assert "where\n    text and numbers are allowed x=12 is a number, and x='12', x=1.0.2" in shown
    assert "x=12" not in notebook.ok("%mcp help").stdout


# -- the main job ---------------------------------------------------------------------------------


def test_tools_are_listed_with_their_signatures(connected: Notebook) -> None:
    assert "add(a: integer, b: integer = 1)" in connected.value("%mcp tools")
    assert connected.value("x = %mcp tools pain*\n[t.name for t in x]") == "['paint']"
    assert "no tool matches 'zzz'" in connected.run("%mcp tools zzz").error


def test_a_call_is_awaited_and_shown(connected: Notebook) -> None:
    shown = connected.ok("%mcp call add a=1 b=41").shown[-1]

    assert shown["text/plain"] == "42"
    assert "42" in shown["text/html"]


def test_a_call_can_be_assigned_in_loops_and_branches(connected: Notebook) -> None:
    source = """
total = 0
for i in range(3):
    if i:
        r = %mcp call add a={{i}} b=10
        total += r.structured_content["result"]
total
"""
    assert connected.value(source) == "23"


def test_the_loop_is_free_while_a_magic_waits(connected: Notebook) -> None:
    source = """
ticks = []
async def tick():
    while True:
        ticks.append(1)
        await asyncio.sleep(0)
task = asyncio.create_task(tick())
%mcp call add a=1
task.cancel()
len(ticks) > 1
"""
    assert connected.value(source) == "True"


def test_a_semicolon_shows_nothing(connected: Notebook) -> None:
    assert connected.ok("%mcp call add a=1 b=2;").shown == []
    assert (
        connected.value("%mcp call paint color=red;\n_mcp_said = 'after'\n_mcp_said") == "'after'"
    )


def test_a_cell_body_is_json_with_variables(connected: Notebook) -> None:
    connected.ok("number = 41")

    assert connected.value('%%mcp call add\n{"a": {{number}},\n "b": 1}') == "42"


def test_async_gives_the_call_at_once(connected: Notebook) -> None:
    kinds = "c = %mcp call add a=1 --async\ntype(c).__name__, (await c).structured_content"

    assert connected.value(kinds) == "('Call', {'result': 2})"


def test_inside_a_function_the_magic_gives_the_call(connected: Notebook) -> None:
    source = """
def later(n):
    c = %mcp call add a={{n}}
    return c
call = later(4)
type(call).__name__, call.result(timeout=10).structured_content
"""
    assert connected.value(source) == "('Call', {'result': 5})"


def test_a_timed_cell_waits_for_its_call(connected: Notebook) -> None:
    output = connected.ok("%%time\n%mcp call add a=6")

    assert output.text == "7"
    assert "Wall time" in output.stdout


def test_map_wait_and_log_go_together(connected: Notebook) -> None:
    connected.ok("rows = [{'a': i} for i in range(20)]")
    mapped = connected.ok("%mcp map add rows -o group --max-in-flight 5")
    waited = connected.ok("%mcp wait")
    logged = connected.ok("%mcp log --tool add --status done -o frame")

    assert mapped.stdout.startswith("group: <CallGroup add")
    # Some may have ended before anybody waited.
    assert re.match(r"(\d+) calls? ended: \1 done|no call is outstanding", waited.stdout)
    assert logged.stdout.endswith("rows, 21 columns\n")
    assert connected.value("sorted(frame.text.tail(20).astype(int))[-1]") == "20"
    assert connected.value("[c.is_done for c in group].count(True)") == "20"


def test_a_call_is_cancelled_and_retried_by_its_id(connected: Notebook) -> None:
    connected.ok("c = %mcp call forever --async")
    waited = connected.run("get_ipython().run_line_magic('mcp', f'wait {c.id} --timeout 0.2')")
    cancelled = connected.ok("get_ipython().run_line_magic('mcp', f'cancel {c.id}')")
    again = connected.ok("%mcp cancel all")
    connected.ok("e = session.submit('add', a=1)")
    retried = connected.value(
        "r = get_ipython().run_line_magic('mcp', f'retry {e.id}')\n(await r).is_error"
    )

    assert waited.error.startswith("1 of 1 calls have not ended after 0.2 s; they go on")
    assert cancelled.stdout == "1 call cancelled\n"
    assert again.stdout == "0 calls cancelled\n"
    assert retried == "False"


def test_status_names_the_servers_and_the_session(connected: Notebook) -> None:
    output = connected.ok("%mcp status")

    assert output.stdout.startswith("serving demo@local · serving")
    assert " · 0 waiting · " in output.stdout
    assert "kernel@local" in output.text
    (shown,) = output.shown
    assert re.search(r"Servers' queue +0 waiting, \d in flight, .* ago", shown["text/plain"])
    assert "Duplicates dropped" in shown["text/html"]


def test_the_panel_has_a_widget_and_a_picture_for_saved_notebooks(connected: Notebook) -> None:
    shown = connected.ok("%mcp panel").shown[-1]

    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "<table" in shown["text/html"]
    assert "add(a: integer" in shown["text/plain"]


def test_a_bare_session_is_its_panel_and_shown_twice_it_is_one(connected: Notebook) -> None:
    kind = "application/vnd.jupyter.widget-view+json"
    first, again = (connected.ok("session").shown[-1] for _ in range(2))
    panel = connected.ok("session.panel()").shown[-1]
    has_widgets = connected.value("hasattr(get_ipython(), 'kernel')") == "True"
    views = [str(shown[kind]) for shown in (first, again, panel) if kind in shown]

    assert len(set(views)) == 1
    assert len(views) == (3 if has_widgets else 1)
    assert "<table" in first["text/html"]
    assert "add(a: integer" in first["text/plain"]


def test_a_form_is_opened_with_what_it_starts_with(connected: Notebook) -> None:
    shown = connected.ok("%mcp form add a=41").shown[-1]
    value = connected.value("form = %mcp form add a=41\nform.part.model.value()")
    wrong = connected.run("%mcp form add a=x")

    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "41" in shown["text/html"]
    assert value == "{'a': 41}"
    assert wrong.error == "a: 'x' is not an integer; add(a: integer, b: integer = 1)"


@pytest.mark.parametrize("variable", ["session", "session.log", "group", "group[0]"])
def test_every_object_has_html_and_text(connected: Notebook, variable: str) -> None:
    shown = connected.ok(variable).shown[-1]

    assert shown["text/html"].startswith("<div")
    assert len(shown["text/plain"]) > 0


# -- bad input ------------------------------------------------------------------------------------

SIGNATURE = "add(a: integer, b: integer = 1)"


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("%mcp call ad a=1", "no tool 'ad', did you mean 'add'?"),
        ("%mcp call add aa=1", f"no argument 'aa', did you mean 'a'?; {SIGNATURE}"),
        ("%mcp call add a=x", f"a: 'x' is not an integer; {SIGNATURE}"),
        ("%mcp call add", f"'a' is a required property; {SIGNATURE}"),
        (
            "%mcp call add a:={",
            "a: not JSON at line 1, column 2: expecting property name enclosed in double quotes",
        ),
        ('%%mcp call add\n{"a": 1,\n "b": }', "not JSON at line 2, column 7: expecting value"),
        ("%%mcp call add\n[1]", f"the cell's body is to be a JSON object: {SIGNATURE}"),
        ('%%mcp call add\n{"a": {{nowhere}}}', "no variable 'nowhere'"),
        ("%mcp map add nowhere_at_all", "no variable 'nowhere_at_all'"),
        ("%mcp call add a=1 --timeout soon", "--timeout soon: a number above 0 is wanted"),
        ("%mcp retry 123", "no call '123'; `%mcp log` lists them"),
        ("%mcp cancel", "name a call, or `all`; usage: %mcp cancel ID ... | all"),
        ("%mcp cancel 123 456", "no call '"),
        ("%mcp map add total", "total is a int; a DataFrame or a list is wanted"),
        ("%mcp help cal", "no subcommand 'cal', did you mean 'call'?"),
        ("%mcp broker start", "'start' is not stop; usage: %mcp broker [stop]"),
        ("%mcp serve stop nobody", "nothing is served as 'nobody'; there are: demo"),
        ("%mcp serve a:b c", "one word too many; usage: %mcp serve"),
        ("%mcp serve a:b --workers two", "--workers two: a whole number of at least 1 is wanted"),
        ("%mcp connect nowhere", "no profile 'nowhere' in "),
        ("%%mcp serve\nx = 1", "nothing to serve: the cell defines no function"),
        ("%mcp serve no_such_module:app", "cannot import 'no_such_module'"),
        ("%%mcp tools\nx", "%%mcp tools is none; in a line of its own: %mcp tools [PATTERN]"),
    ],
)
def test_bad_input_gets_one_line_and_sends_nothing(
    connected: Notebook, cell: str, line: str
) -> None:
    before = traffic(connected)
    output = connected.run(cell)

    assert output.error.startswith(line)
    assert output.stderr == ""
    assert traffic(connected) == before
    assert connected.value("%mcp call add a=1") == "2"


def test_a_tool_that_raises_speaks_in_one_line_and_tb_has_the_rest(connected: Notebook) -> None:
    output = connected.run("%mcp call fail why='two\nlines'".replace("\n", " "))
    rest = connected.ok("%mcp tb").stdout

    assert output.error == "Error executing tool fail: ValueError: two lines"
    assert output.stderr == ""
    assert "raise ValueError(why)" in rest
    assert connected.value("session.log.ledger.rows()[-1].status.value") == "'tool_error'"


def test_tb_has_the_traceback_of_a_tool_that_python_called(connected: Notebook) -> None:
    connected.ok("result = await session.call('fail', why='called by Python')")

    assert "ValueError: called by Python" in connected.ok("%mcp tb").stdout


def test_a_cell_that_fails_while_served_shows_its_error_and_keeps_the_server(
    connected: Notebook,
) -> None:
    output = connected.run('%%mcp serve demo\ndef f():\n    "Doc."\n1 / 0')

    assert output.status == "error"
    assert "division by zero" in output.errors[0][-1]
    assert output.errors[1] == ["nothing new is served: the cell raised ZeroDivisionError"]
    assert connected.value("%mcp call add a=1") == "2"


def test_a_variable_of_the_users_is_not_taken_for_the_session(connected: Notebook) -> None:
    connected.ok("mine, session = session, 'my own'")
    output = connected.ok("%mcp connect --name other")

    assert "`session` is a str of yours" in output.said
    assert connected.value("session") == "'my own'"
    connected.ok("await get_ipython().run_line_magic('mcp', 'disconnect')\ndel session")
    connected.ok("%mcp connect --name kernel")


def test_connecting_says_what_is_next_and_the_panel_waits_to_be_asked_for(
    connected: Notebook,
) -> None:
    alone = connected.ok("%mcp connect --name kernel\nx = 1")
    last = connected.ok("%mcp connect --name kernel")

    assert [output.said.strip().splitlines()[1:] for output in (alone, last)] == [
        ["→ `session` alone in a cell is the panel: tools, forms, answers and calls"]
    ] * 2
    assert all(list(bundle) == ["text/plain", "text/html"] for bundle in last.shown)


def test_a_session_that_is_assigned_or_silent_is_the_answer(connected: Notebook) -> None:
    assert connected.value("mine = %mcp connect --name kernel\nmine is session") == "True"
    assert connected.ok("%mcp connect --name kernel;").said == ""
    assert connected.value("session.is_closed") == "False"


def test_the_doctor_looks_at_the_deployment(connected: Notebook) -> None:
    said = connected.ok("%mcp doctor").stdout.splitlines()

    assert said[0].startswith("deployment local in http://127.0.0.1:")
    assert "✓ round trip: through local-responses to a queue of our own in" in said[-2]
    assert said[-1] == "no problem found"


# -- serving again --------------------------------------------------------------------------------


def test_cells_of_different_names_are_served_together(connected: Notebook) -> None:
    connected.ok('%%mcp serve more\ndef double(n: int) -> int:\n    "Twice."\n    return 2 * n')

    assert connected.value("%mcp call double n=4") == "8"
    assert connected.value("%mcp call add a=4") == "5"


def test_a_tool_that_another_cell_has_too_is_told_of(connected: Notebook) -> None:
    connected.ok('%%mcp serve one\ndef which() -> str:\n    "Which."\n    return "one"')
    again = connected.ok('%%mcp serve two\ndef which() -> str:\n    "Which."\n    return "two"')

    assert again.stdout == "which is two's now; one had it too\n"
    assert connected.value("%mcp call which") == "two"
    connected.ok("%mcp serve stop two")
    assert connected.value("%mcp call which") == "one"
    connected.ok("%mcp serve stop one")


def test_of_cells_with_a_tool_of_one_name_the_one_that_ran_last_has_it(
    connected: Notebook,
) -> None:
    for cell in ("one", "two"):
        body = f'def which() -> str:\n    "Which."\n    return "{cell}"'
        connected.ok(f"%%mcp serve {cell}\n{body}")

    former = connected.ok('%%mcp serve one\ndef which() -> str:\n    "Which."\n    return "one"')

    assert former.stdout == "which is one's now; two had it too\n"
    assert connected.value("%mcp call which") == "one"
    connected.ok("%mcp serve stop one")
    assert connected.value("%mcp call which") == "two"
    connected.ok("%mcp serve stop two")


def test_a_dataframe_that_a_cells_tool_returns_comes_back_as_one(connected: Notebook) -> None:
    connected.ok(
        "%%mcp serve tables\nimport pandas as pd\ndef table(n: int) -> pd.DataFrame:\n"
        '    "Squares."\n    return pd.DataFrame({"n": range(n)}).assign(square=lambda t: t.n**2)'
    )

    table = "n  square\n0  0\n1  1\n(2 rows, 2 columns)"
    assert connected.value("%mcp call table n=2") == table
    connected.ok("%mcp serve stop tables")


def test_a_module_is_served_and_a_rival_is_told_of(
    connected: Notebook, embedded_home: Path
) -> None:
    (embedded_home / "served.py").write_text(
        "from mcp.server.mcpserver import MCPServer\n"
        "app = MCPServer('module', log_level='CRITICAL')\n"
        "@app.tool()\n"
        "async def hello() -> str:\n"
        "    'Say hello.'\n"
        "    return 'hello'\n",
        "utf-8",
    )
    connected.ok(f"import os; here = os.getcwd(); os.chdir({str(embedded_home)!r})")
    served = connected.ok("%mcp serve served:app")
    again = connected.ok("%mcp serve served:app -o".removesuffix(" -o"))
    stopped = connected.ok("%mcp serve stop served:app")
    connected.ok("%mcp serve served:app")
    by_name = connected.ok("%mcp serve stop module")
    connected.ok("os.chdir(here)")

    assert "module and demo take calls from one queue" in served.stdout.replace("+more", "")
    assert "module@local · serving" in again.text
    assert stopped.stdout == "stopped served:app\n"
    assert by_name.stdout == "stopped module\n"


def test_a_module_is_served_by_worker_processes(connected: Notebook, embedded_home: Path) -> None:
    (embedded_home / "pooled.py").write_text(
        "from mcp.server.mcpserver import MCPServer\napp = MCPServer('pooled')\n", "utf-8"
    )
    connected.ok(f"import os; here = os.getcwd(); os.chdir({str(embedded_home)!r})")
    served = connected.ok("%mcp serve pooled:app --workers 2")
    # Before a call reaches them, for they have none of the other tools.
    stopped = connected.ok("%mcp serve stop pooled:app")
    unable = connected.run("%mcp serve nowhere:app --workers 2")
    connected.ok("os.chdir(here)")

    assert "pooled@local · serving · 2 workers ·" in served.text
    assert "2 workers" in served.shown[-1]["text/html"]
    assert stopped.stdout == "stopped pooled:app\n"
    assert "of nowhere:app did not start: cannot import 'nowhere'" in unable.error


def test_an_async_tool_that_raises_speaks_too(connected: Notebook) -> None:
    connected.ok(
        "%%mcp serve more\nfrom mcp.server.mcpserver.exceptions import ToolError\n"
        "async def boom(kind: str) -> int:\n"
        "    'Raise.'\n"
        "    raise (ToolError if kind == 'tool' else KeyError)('boom')"
    )

    assert connected.run("%mcp call boom kind=x").error.endswith("KeyError: 'boom'")
    assert connected.run("%mcp call boom kind=tool").error == "Error executing tool boom: boom"


def test_serving_again_under_a_name_replaces_its_tools(connected: Notebook) -> None:
    connected.ok('%%mcp serve more\ndef triple(n: int) -> int:\n    "Thrice."\n    return 3 * n')

    assert connected.value("%mcp call triple n=4") == "12"
    assert connected.run("%mcp call double n=4").error.startswith("no tool 'double'")
    assert connected.ok("%mcp serve stop more").stdout == "stopped more\n"
    assert "triple" not in connected.value("%mcp tools")


# -- completion -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%mcp dis", ["%mcp disconnect "]),
        ("x = %mcp ca", ["x = %mcp call ", "x = %mcp cancel "]),
        ("%%mcp ", ["%%mcp call ", "%%mcp serve "]),
        ("%mcp call pa", ["%mcp call paint"]),
        ("%mcp form pa", ["%mcp form paint"]),
        ("%mcp form paint s", ["%mcp form paint strong="]),
        ("%mcp call paint ", ["%mcp call paint color=", "%mcp call paint strong="]),
        ("%mcp call paint color=red s", ["%mcp call paint color=red strong="]),
        ("%mcp call paint color=", ["%mcp call paint color=green", "%mcp call paint color=red"]),
        ("%mcp call paint strong=t", ["%mcp call paint strong=true"]),
        ("%mcp call paint --as", ["%mcp call paint --async "]),
        ("%mcp log --status do", ["%mcp log --status done"]),
        ("%mcp connect --era 2025", ["%mcp connect --era 2025-11-25"]),
        ("%mcp help dis", ["%mcp help disconnect"]),
        ("%mcp broker s", ["%mcp broker stop"]),
        ("%mcp call --timeout 1 pa", ["%mcp call --timeout 1 paint"]),
        ("%mcp call --async paint c", ["%mcp call --async paint color="]),
    ],
)
def test_tab_completes(connected: Notebook, line: str, offered: list[str]) -> None:
    # The loop of a terminal hears of servers that were just started anew only while a cell awaits.
    connected.ok("tools = await session.list_tools()")

    assert sorted(connected.complete(line)) == offered


def test_tab_completes_call_ids_frames_and_profiles(
    connected: Notebook, embedded_home: Path
) -> None:
    connected.ok("plenty = [1, 2]")
    call_id = ast.literal_eval(connected.value("session.submit('add', a=1).id"))
    profiles = embedded_home / "profiles.toml"
    profiles.write_text('[staging]\nregion = "eu-west-1"\n', "utf-8")
    try:
        assert connected.complete("%mcp connect st") == ["%mcp connect staging"]
    finally:
        profiles.unlink()
    assert f"%mcp retry {call_id}" in connected.complete("%mcp retry ")
    assert connected.complete("%mcp map add plen") == ["%mcp map add plenty"]


def test_other_lines_are_completed_as_ever(connected: Notebook) -> None:
    assert "asyncio" in connected.complete("asynci")


# -- the end --------------------------------------------------------------------------------------


def test_disconnecting_and_unloading_take_everything_back(notebook: Notebook) -> None:
    notebook.run("%mcp connect --name last")
    assert notebook.ok("%mcp disconnect").stdout == "disconnected last\n"
    notebook.run("%mcp serve stop")
    notebook.ok("%unload_ext asyncmcp_nb")

    assert notebook.run("%mcp help").status == "error"
    assert (
        "text/html"
        not in notebook.ok("from asyncmcp_nb.session import ToolList\nToolList()").shown[-1]
    )
    notebook.ok("%load_ext asyncmcp_nb")
    assert "%mcp connect" in notebook.ok("%mcp help").stdout
