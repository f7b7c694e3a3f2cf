"""A real kernel, two workers in processes of their own, and the embedded broker between them.

The leases of the workers are shorter than the tool takes: one that is not kept lets the other
worker run the call again, which the file that counts runs would show.
"""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from asyncmcp_nb.config import Deployment
from asyncmcp_nb.ledger import CallRecord, Ledger
from asyncmcp_nb.profiles import profile_file, save_profile

CALL_COUNT = 20
TOOL_SECONDS = 4
PATIENCE_SECONDS = 40

SUBMIT = f"calls = [session.submit('work', n=n) for n in range({CALL_COUNT})]"
# No loop turns while it sleeps, however often it looks.
BLOCK = f"""
import pathlib, time
end = time.monotonic() + {2 * PATIENCE_SECONDS}
while not pathlib.Path({{file!r}}).exists() and time.monotonic() < end:
    time.sleep(0.05)
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Kernel:
    """A kernel that is started, and the client to it."""

    manager: KernelManager
    client: BlockingKernelClient

    def send(self, code: str) -> str:
        """Start a cell; the id that its reply will name."""
        return str(self.client.execute(code, store_history=False))

    def has_replied(self) -> bool:
        """Whether the last cell has ended."""
        try:
            self.client.get_shell_msg(timeout=0)
        except queue.Empty:
            return False
        return True

    def run(self, code: str) -> str:
        """Run a cell; what it printed, and the text of what it displayed."""
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content: dict[str, Any] = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] == "display_data":
                printed.append(content["data"]["text/plain"])
            elif message["msg_type"] == "error":
                printed.append(f"{content['ename']}: {content['evalue']}")

        reply: Any = self.client.execute_interactive(
            code, store_history=False, timeout=PATIENCE_SECONDS, output_hook=hear
        )
        text = "".join(printed)
        assert reply["content"]["status"] == "ok", text
        return text

    def kill_and_start_again(self) -> None:
        """As `Restart Kernel`, with no chance for the old one to say goodbye."""
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=PATIENCE_SECONDS)


@contextmanager
def running_kernel(log: Path) -> Generator[Kernel]:
    manager = KernelManager(kernel_name="python3")
    with log.open("w") as output:
        manager.start_kernel(stdout=output, stderr=output)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=PATIENCE_SECONDS)
            yield Kernel(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()


@pytest.fixture
def kernel(deployment: Deployment, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel with the extension, connected as `night` to a deployment of its own."""
    save_profile(deployment)
    with running_kernel(tmp_path / "kernel.log") as started:
        started.run("%load_ext asyncmcp_nb")
        assert "night@" in started.run(f"%mcp connect {deployment.name} --name night")
        yield started
    profile_file().unlink()


@pytest.fixture
def count_file(tmp_path: Path) -> Path:
    file = tmp_path / "runs"
    file.touch()
    return file


@pytest.fixture
def held(count_file: Path) -> Path:
    """While it is there, no call ends."""
    file = count_file.with_name(f"{count_file.name}.held")
    file.touch()
    return file


@pytest.fixture
def runs(deployment: Deployment, count_file: Path) -> Iterator[Callable[[], list[int]]]:
    """Two workers serve; the numbers that their tool was run with so far, in order."""
    script = Path(__file__).with_name("slow_server.py")
    command = [sys.executable, str(script), deployment.name, str(count_file), str(TOOL_SECONDS)]
    with ExitStack() as stack:
        for _ in range(2):
            process = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert "serving" in process.stdout.readline()
        yield lambda: sorted(int(line) for line in count_file.read_text().split())


@pytest.fixture
def ledger(kernel: Kernel, deployment: Deployment, home: Path) -> Iterator[Ledger]:
    """The ledger that the kernel writes, read from here."""
    (path,) = home.glob(f"ledgers/{deployment.name}-*/night.sqlite")
    with Ledger.open(path) as opened:
        yield opened


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Look every tenth of a second, since files of other processes tell nobody when they change."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.1)


def outcomes(records: list[CallRecord]) -> list[tuple[int, str, str | None, int]]:
    """What each call was for, how it ended, what it brought, and how often its answer came."""
    return sorted((r.arguments["n"], r.status.value, r.text, r.deliveries) for r in records)


EACH_ONCE = [(n, "done", str(n), 1) for n in range(CALL_COUNT)]


def test_answers_arrive_in_the_ledger_while_a_cell_blocks_and_no_call_runs_twice(
    kernel: Kernel, runs: Callable[[], list[int]], ledger: Ledger, tmp_path: Path
) -> None:
    enough = tmp_path / "enough"
    kernel.send(SUBMIT + BLOCK.format(file=str(enough)))

    wait_until(lambda: len(ledger.outstanding()) == 0 < ledger.count(), "all answers")

    assert not kernel.has_replied(), "the cell was meant to block still"
    assert outcomes(ledger.rows()) == EACH_ONCE
    assert runs() == list(range(CALL_COUNT))
    enough.touch()
    kernel.client.get_shell_msg(timeout=PATIENCE_SECONDS)
    assert kernel.run("print({str(call.status) for call in calls})") == "{'done'}\n"
    assert (outcomes(ledger.rows()), runs()) == (EACH_ONCE, list(range(CALL_COUNT)))


def test_a_kernel_killed_with_calls_outstanding_finds_each_answer_once_under_the_same_name(
    kernel: Kernel,
    held: Path,
    runs: Callable[[], list[int]],
    ledger: Ledger,
    deployment: Deployment,
) -> None:
    kernel.run(SUBMIT)
    wait_until(lambda: len(runs()) == CALL_COUNT, "all calls running")
    assert len(ledger.outstanding()) == CALL_COUNT

    kernel.kill_and_start_again()
    held.unlink()
    kernel.run("%load_ext asyncmcp_nb")
    kernel.run(f"%mcp connect {deployment.name} --name night")
    shown = kernel.run("%mcp wait --timeout 30")

    # One that takes long shows how far it is first; some or all may have ended before it.
    assert re.search(r"((\d+) calls? ended: \2 done|no call is outstanding)\n\Z", shown)
    assert outcomes(ledger.rows()) == EACH_ONCE
    assert runs() == list(range(CALL_COUNT))
