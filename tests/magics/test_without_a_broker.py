"""The magics where nothing runs, and where the broker goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncmcp_nb.broker import stop_embedded
from asyncmcp_nb.config import HOME_VARIABLE
from tests.magics.conftest import Notebook, terminal

SERVE = '%%mcp serve\ndef add(a: int) -> int:\n    "Add one."\n    return a + 1'

pytestmark = pytest.mark.moto


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook of a user who has no broker yet."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    with terminal(tmp_path) as front:
        made = Notebook(front)
        made.ok("%load_ext asyncmcp_nb")
        yield made
        made.run("%mcp serve stop")
        made.run("%mcp disconnect")
        made.run("%unload_ext asyncmcp_nb")
        stop_embedded()


def test_nothing_runs_and_everything_says_so(notebook: Notebook, tmp_path: Path) -> None:
    assert notebook.ok("%mcp broker").stdout.startswith("no embedded broker is running")
    assert notebook.ok("%mcp broker stop").stdout == "no broker was running\n"
    assert notebook.ok("%mcp serve stop").stdout == "nothing is served by this notebook\n"
    assert notebook.ok("%mcp tb").stdout == "nothing has failed yet\n"
    assert notebook.run("%mcp status").error == "not connected; `%mcp connect` first"
    assert notebook.complete("%mcp call zzz") == []
    assert not list(tmp_path.glob("*broker.json"))


def test_a_profile_whose_broker_is_down_fails_in_one_line(
    notebook: Notebook, tmp_path: Path
) -> None:
    gone = "http://127.0.0.1:9"
    lines = [
        "[gone]",
        'region = "us-east-1"',
        f'endpoint_url = "{gone}"',
        'request_topic_arn = "arn:aws:sns:us-east-1:1:gone-requests"',
        'response_topic_arn = "arn:aws:sns:us-east-1:1:gone-responses"',
        f'server_queue_url = "{gone}/1/gone-server"',
        f'dead_letter_queue_url = "{gone}/1/gone-dlq"',
    ]
    (tmp_path / "profiles.toml").write_text("\n".join(lines), "utf-8")

    assert "check the endpoint" in notebook.run("%mcp connect gone").error


def test_without_a_server_the_next_step_is_named(notebook: Notebook) -> None:
    connected = notebook.ok("%mcp connect --name early")
    waited = notebook.run("%mcp tools --timeout 0.2")
    inside = notebook.ok("def f():\n    %mcp wait\nf()")
    served = notebook.ok(SERVE)
    answered = notebook.value("%mcp call add a=1")
    notebook.ok("%mcp disconnect")
    left = notebook.ok("%mcp status")

    assert "waiting for a server" in connected.said
    assert "→ calls wait for one: %%mcp serve in a cell" in connected.said
    assert waited.error.startswith("no server of 'local' answered within 0.2 s; start one with")
    assert inside.stdout == "no call is outstanding\n"
    assert "notebook@local" in served.text
    assert answered == "2"
    assert left.stdout.endswith("not connected; `%mcp connect` connects\n")


def test_a_broker_that_goes_away_is_told_of_and_nothing_hangs(notebook: Notebook) -> None:
    notebook.ok(SERVE)
    notebook.ok("%mcp connect --name cut")
    running = notebook.ok("%mcp broker")
    stopped = notebook.ok("%mcp broker stop")
    call = notebook.run("%mcp call add a=1 --timeout 1")

    assert running.stdout.startswith("embedded broker at http://127.0.0.1:")
    assert stopped.stdout == "broker stopped; what was in its queues is gone\n"
    assert call.error == (
        "add did not answer within 1.0 s; the broker cannot be reached, `%mcp status` says why"
    )
    assert "broker unreachable" in notebook.value("%mcp status")
    assert notebook.ok("%mcp log --status timed_out -o late").stdout == "late: 1 row, 21 columns\n"


def test_the_cell_that_loads_the_extension_can_connect_and_shows_no_panel(
    notebook: Notebook,
) -> None:
    notebook.ok("%unload_ext asyncmcp_nb")
    alone = notebook.ok("%load_ext asyncmcp_nb\n%mcp connect --name first")
    notebook.ok("%unload_ext asyncmcp_nb")
    given = notebook.value(
        "%load_ext asyncmcp_nb\nmine = %mcp connect --name first\nmine is session"
    )

    assert alone.said.strip().splitlines()[-1].startswith("→ `session` alone in a cell")
    assert given == "True"


def test_a_session_made_in_python_is_the_magics_too(notebook: Notebook) -> None:
    notebook.ok(SERVE)
    notebook.ok("from asyncmcp_nb import connect\nmine = await connect(name='python')")

    assert notebook.value("%mcp call add a=1") == "2"
    assert notebook.ok("%mcp disconnect").stdout == "disconnected python\n"
