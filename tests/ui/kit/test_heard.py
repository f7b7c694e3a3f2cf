"""Clicks in a real kernel whose main thread is blocked, sent as a front end sends them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets
import pytest
from jupyter_client.manager import KernelManager

from asyncmcp_nb.ui.kit.heard import heard
from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.kit.turns import turn
from tests.ui.waiting import PATIENCE_SECONDS

START_SECONDS = 60

BEFORE = """
import ipywidgets, threading
from IPython import get_ipython
from asyncmcp_nb.ui.kit.inputs import Kit

kit, happened = Kit(), []
ours, theirs = threading.Event(), threading.Event()
our_button = kit.button("ours", "", lambda _: ours.set())
our_text = kit.text("words")
their_button = ipywidgets.Button()
their_button.on_click(lambda _: theirs.set())
"""


class Front:
    """A front end of a kernel, without a page."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.models: dict[str, str] = {}
        """Of widgets, by the names of their variables."""

    def start(self, code: str) -> str:
        """Start a cell; the id that ``wait`` takes."""
        return str(self._client.execute(code, store_history=False))

    def wait(self, message_id: str) -> str:
        """Wait until the kernel is done with a message; what was printed for it."""
        printed: list[str] = []
        while True:
            heard: Any = self._client.get_iopub_msg(timeout=PATIENCE_SECONDS)
            content: dict[str, Any] = heard["content"]
            assert heard["msg_type"] != "error", "\n".join(content["traceback"])
            if heard["parent_header"].get("msg_id") != message_id:
                continue
            if heard["msg_type"] == "stream":
                printed.append(content["text"])
            if content.get("execution_state") == "idle":
                return "".join(printed)

    def run(self, code: str) -> str:
        """Run a cell to its end; what it printed."""
        return self.wait(self.start(code))

    def subshell(self) -> str:
        """Make a subshell."""
        self._client.control_channel.send(self._client.session.msg("create_subshell_request"))
        while True:
            reply: Any = self._client.get_control_msg(timeout=PATIENCE_SECONDS)
            if reply["msg_type"] == "create_subshell_reply":
                return str(reply["content"]["subshell_id"])

    def send(self, button: str, data: dict[str, Any], subshell_id: str | None) -> str:
        """Send what a page sends for a widget, by its variable's name; the message's id."""
        content = {"comm_id": self.models[button], "data": data}
        message: Any = self._client.session.msg("comm_msg", content)
        message["header"]["subshell_id"] = subshell_id
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def click(self, button: str, subshell_id: str | None) -> str:
        """Click on a button, by its variable's name; the message's id."""
        return self.send(button, {"method": "custom", "content": {"event": "click"}}, subshell_id)

    def learn(self, *names: str) -> None:
        """Know the models of variables."""
        said = self.run(f"print(*[one.model_id for one in ({', '.join(names)},)])")
        self.models = dict(zip(names, said.split(), strict=True))


@contextmanager
def running() -> Generator[Front]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(extra_arguments=["--log-level=ERROR"])
    client: Any = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=START_SECONDS)
        yield Front(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel() -> Iterator[Front]:
    with running() as front:
        yield front


@pytest.fixture
def front(kernel: Front) -> Front:
    """A kernel with a button of ours and one of somebody else's, which nobody has pressed."""
    kernel.run(BEFORE)
    kernel.learn("our_button", "our_text", "their_button")
    return kernel


def test_a_click_counts_while_a_cell_blocks_and_those_of_others_wait_as_before(
    front: Front,
) -> None:
    subshell_id = front.subshell()
    cell = front.start(f"print(ours.wait({PATIENCE_SECONDS / 2}), 'and theirs:', theirs.wait(0.2))")

    theirs = front.click("their_button", subshell_id)
    front.click("our_button", subshell_id)
    said = front.wait(cell)
    front.wait(theirs)

    assert said == "True and theirs: False\n"
    assert front.run("print(theirs.is_set())") == "True\n"


def test_what_is_typed_arrives_while_a_cell_blocks_and_before_the_click(front: Front) -> None:
    subshell_id = front.subshell()
    cell = front.start(f"print(ours.wait({PATIENCE_SECONDS / 2}), our_text.value)")

    typed: dict[str, Any] = {
        "method": "update",
        "state": {"value": "half a word"},
        "buffer_paths": [],
    }
    front.send("our_text", typed, subshell_id)
    front.click("our_button", subshell_id)
    said = front.wait(cell)

    assert said == "True half a word\n"


def test_a_front_end_without_subshells_is_answered_after_the_cell(front: Front) -> None:
    cell = front.start("print(ours.wait(0.2), end='')")

    click = front.click("our_button", None)
    said = front.wait(cell)
    front.wait(click)

    assert said == "False"
    assert front.run("print(ours.is_set())") == "True\n"


def test_what_a_thread_prints_stays_with_the_cell(front: Front) -> None:
    subshell_id = front.subshell()
    cell = front.start(
        f"thread = threading.Thread(target=lambda: print(ours.wait({PATIENCE_SECONDS / 2})))\n"
        "thread.start()\nthread.join()"
    )

    front.click("our_button", subshell_id)
    said = front.wait(cell)

    assert said == "True\n"


def test_a_click_while_a_cell_blocks_is_no_end_of_a_cell(front: Front) -> None:
    front.run("ends = []\nget_ipython().events.register('post_execute', lambda: ends.append(1))")
    subshell_id = front.subshell()
    cell = front.start(f"ends.clear()\nprint(ours.wait({PATIENCE_SECONDS / 2}), ends)")

    front.click("our_button", subshell_id)
    said = front.wait(cell)

    assert said == "True []\n"


def test_clicks_of_two_pages_come_one_after_the_other(front: Front) -> None:
    front.run(
        "began, ended = ([threading.Event(), threading.Event()] for _ in range(2))\n"
        "def press(number):\n"
        "    began[number].set()\n"
        "    happened.append(began[1 - number].wait(0.5))\n"
        "    ended[number].set()\n"
        "first = kit.button('first', '', lambda _: press(0))\n"
        "second = kit.button('second', '', lambda _: press(1))"
    )
    front.learn("first", "second")

    for name in ("first", "second"):
        front.click(name, front.subshell())
    said = front.run(f"print(*[one.wait({PATIENCE_SECONDS / 2}) for one in ended], happened)")

    assert said == "True True [False, True]\n"


def test_without_a_kernel_inputs_are_those_of_ipywidgets() -> None:
    made: Any = Kit().button("words", "", print)
    plain: Any = ipywidgets.Button()

    assert isinstance(made, ipywidgets.Button)
    assert type(made.comm) is type(plain.comm)
    assert heard(ipywidgets.Button) is type(made)


def test_who_waits_too_long_for_a_turn_goes_on_without() -> None:
    answers: queue.Queue[bool] = queue.Queue()

    def come() -> None:
        with turn(0.01) as is_alone:
            answers.put(is_alone)

    with turn():
        threading.Thread(target=come).start()
        while_held = answers.get(timeout=PATIENCE_SECONDS)
    threading.Thread(target=come).start()

    assert [while_held, answers.get(timeout=PATIENCE_SECONDS)] == [False, True]
