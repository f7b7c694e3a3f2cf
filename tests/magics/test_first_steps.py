"""What somebody meets on the first day: names they were shown, a forgotten word, no server yet."""

from __future__ import annotations

import re

import pytest

from tests.magics.conftest import Notebook

pytestmark = pytest.mark.moto


@pytest.fixture(scope="module")
def alone(notebook: Notebook) -> Notebook:
    """A notebook that is connected, and no server is there."""
    notebook.ok("from asyncmcp_nb import connect\nsession = connect(name='first')")
    bound = notebook.ok("%mcp connect local --name first")
    assert "first@local" in bound.said
    return notebook


def test_a_session_that_was_not_awaited_gives_way_to_that_of_connect(alone: Notebook) -> None:
    assert alone.value("session.name") == "'first'"


def test_local_names_the_embedded_broker(alone: Notebook) -> None:
    assert alone.value("session.deployment") == "'local'"
    assert alone.complete("%mcp connect loc") == ["%mcp connect local"]


# -- no server yet --------------------------------------------------------------------------------

UNCHECKED = (
    "no server of 'local' has answered yet: nobody has checked the tool and its arguments, and "
    "what was called waits for one\n"
)


def test_a_call_that_nobody_waits_for_queues_at_once_where_no_server_is(alone: Notebook) -> None:
    alone.ok("import time\nbegan = time.monotonic()")
    output = alone.ok("later = %mcp call echo n=1 --async\ntook = time.monotonic() - began")

    assert output.stdout == UNCHECKED
    assert alone.value("took < 4, later.record.arguments") == "(True, {'n': 1})"


def test_timeout_bounds_a_call_to_a_server_that_is_not_there(alone: Notebook) -> None:
    output = alone.run("began = time.monotonic()\n%mcp call echo n=2 --timeout 1")

    assert output.stdout == UNCHECKED
    assert re.match(r"echo did not answer within 0\.\d s; `%mcp retry ", output.error)
    assert alone.value("time.monotonic() - began < 4") == "True"


def test_so_does_a_map(alone: Notebook) -> None:
    output = alone.ok("rows = [{'n': 3}]\ngroup = %mcp map echo rows --timeout 1")

    assert output.stdout == UNCHECKED
    assert alone.value("[call.record.arguments for call in group]") == "[{'n': 3}]"


def test_what_needs_the_tools_still_says_so(alone: Notebook) -> None:
    assert alone.run("%mcp form echo").error.startswith("no server of 'local' answered within 5 s")


# -- variables ------------------------------------------------------------------------------------


def test_a_variable_that_was_sent_as_text_is_told_of(alone: Notebook) -> None:
    alone.ok("x, y = 5, 6")
    output = alone.ok("sent = %mcp call echo a={x} b='$y and {z}' c={{x}} d='{{y}}' e=$1 --async")

    assert output.stdout.replace(UNCHECKED, "").splitlines() == [
        "`{x}` was sent as text; `{{x}}` passes the variable x",
        "`$y` was sent as text; `{{y}}` passes the variable y",
    ]
    assert alone.value("list(sent.record.arguments.values())") == (
        "['{x}', '$y and {z}', 5, 6, '$1']"
    )
    assert "x={{name}} passes the value" in alone.ok("%mcp help call").stdout


# -- the stop button ------------------------------------------------------------------------------

INTERRUPT = """
import os, signal, threading
def interrupt(call_count):
    def is_waited_for():
        is_heard = "until_interrupted" in repr(signal.getsignal(signal.SIGINT))
        return is_heard and len(session.log.ledger.outstanding()) == call_count
    def run():
        until = time.monotonic() + 8
        while time.monotonic() < until and not is_waited_for():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=run).start()
"""


def test_an_interrupted_wait_ends_with_one_line_and_calls_go_on(alone: Notebook) -> None:
    alone.ok(f"%mcp cancel all\n{INTERRUPT}")

    one = alone.run("interrupt(1)\n%mcp call echo n=1")
    call_id = alone.value("session.log.ledger.outstanding()[0].call_id").strip("'")
    alone.ok("other = session.submit('echo')")
    several = alone.run("interrupt(2)\n%mcp wait")
    inside = alone.run("def f():\n    %mcp wait\ninterrupt(2)\nf()")

    assert one.error == (
        f'interrupted; call {call_id} goes on: session.get("{call_id}"), %mcp cancel {call_id}'
    )
    assert several.error.startswith("interrupted; 2 of 2 calls go on: `%mcp wait` waits again")
    assert inside.error == several.error
    assert alone.ok("%mcp cancel all").stdout == "2 calls cancelled\n"


def test_a_timeout_around_a_magic_is_no_interrupt(alone: Notebook) -> None:
    output = alone.run("import asyncio\nasync with asyncio.timeout(7):\n    %mcp call echo n=1")

    assert output.errors[0][-1].startswith("\x1b[31mTimeoutError")
    alone.ok("%mcp cancel all")
