"""Processes of workers and clients that are killed, stopped and started again.

On two implementations of SNS and SQS, with leases of three seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from asyncmcp_nb import connect
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import NameInUse
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.server.pool import WorkerPool
from asyncmcp_nb.serving import Tuning, serve_in_processes

LEASE_SECONDS: Final = 3.0
TOOL_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 60.0
PROJECT: Final = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class RunsFile:
    """What ran where, as the tool notes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    @property
    def counts(self) -> Counter[int]:
        """Runs by the tool's argument."""
        return Counter(n for n, _ in self._lines())

    async def until(self, count: int) -> list[int]:
        """Wait for this many runs; the processes that ran them."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while len(lines := self._lines()) < count:  # noqa: ASYNC110 - other processes write it
                await anyio.sleep(0.05)
        return [pid for _, pid in lines]

    def _lines(self) -> list[tuple[int, int]]:
        pairs = [line.split() for line in self.path.read_text().splitlines()]
        return [(int(n), int(pid)) for n, pid in pairs]


@pytest.fixture
def runs(tmp_path: Path) -> RunsFile:
    return RunsFile(tmp_path / "runs")


def workers(deployment: Deployment, count: int) -> WorkerPool:
    tuning = Tuning(lease_seconds=LEASE_SECONDS)
    return serve_in_processes("tests.faults.app:make", deployment, workers=count, tuning=tuning)


def slow_call(runs: RunsFile, n: int, seconds: float = TOOL_SECONDS) -> dict[str, Any]:
    return {"n": n, "runs": str(runs.path), "seconds": seconds}


async def test_a_worker_process_killed_in_a_five_second_tool_costs_the_caller_only_time(
    broker_deployment: Deployment, runs: RunsFile
) -> None:
    with workers(broker_deployment, 2) as pool:
        async with connect(broker_deployment, name="alice") as session:
            call = session.submit("slow", slow_call(runs, 1))
            (pid,) = await runs.until(1)
            os.kill(pid, signal.SIGKILL)

            with anyio.fail_after(PATIENCE_SECONDS):
                answer = await call

            assert answer.structured_content == {"n": 1}
            assert call.record.deliveries == 1
            assert session.log.counts() == {Status.DONE: 1}
        assert runs.counts == {1: 2}
        assert sum(worker.restart_count for worker in pool.status.workers) == 1


async def test_a_worker_process_stopped_for_longer_than_its_lease_answers_too_late(
    broker_deployment: Deployment, runs: RunsFile
) -> None:
    with workers(broker_deployment, 2):
        async with connect(broker_deployment, name="alice") as session:
            call = session.submit("slow", slow_call(runs, 1, seconds=1.0))
            (pid,) = await runs.until(1)
            os.kill(pid, signal.SIGSTOP)
            try:
                with anyio.fail_after(PATIENCE_SECONDS):
                    answer = await call
            finally:
                os.kill(pid, signal.SIGCONT)
            # The one that was stopped goes on where it was, and takes calls again.
            group = session.map("slow", [slow_call(runs, n, seconds=0.0) for n in range(2, 22)])
            with anyio.fail_after(PATIENCE_SECONDS):
                await group

            assert answer.structured_content == {"n": 1}
            assert session.log.counts() == {Status.DONE: 21}
        assert runs.counts[1] == 2
        assert all(runs.counts[n] == 1 for n in range(2, 22))


async def test_a_client_process_that_is_killed_finds_its_answers_under_its_name(
    broker_deployment: Deployment, runs: RunsFile, tmp_path: Path
) -> None:
    with workers(broker_deployment, 2):
        with client_process(broker_deployment, runs, tmp_path, count=20) as process:
            await runs.until(20)
            process.kill()
            process.wait(10)

        async with connect(broker_deployment, name="alice") as session:
            calls = session.get_many(session.log.frame()["call_id"])
            with anyio.fail_after(PATIENCE_SECONDS):
                answers = [(await call).structured_content for call in calls]

            assert sorted(answer["n"] for answer in answers if answer) == list(range(20))
            assert session.log.counts() == {Status.DONE: 20}
        assert runs.counts == dict.fromkeys(range(20), 1)


async def test_a_name_in_use_by_another_process_is_refused_with_that_process_named(
    broker_deployment: Deployment, runs: RunsFile, tmp_path: Path
) -> None:
    with client_process(broker_deployment, runs, tmp_path, count=1) as process:
        with pytest.raises(NameInUse, match=f"'alice' is in use by process {process.pid}"):
            await connect(broker_deployment, name="alice")

        process.kill()
        process.wait(10)

    # A name is free as soon as its process is gone, however it went.
    async with connect(broker_deployment, name="alice") as session:
        assert len(session.log) == 1


@contextmanager
def client_process(
    deployment: Deployment, runs: RunsFile, folder: Path, *, count: int
) -> Generator[subprocess.Popen[str]]:
    """A client called alice in a process of its own, which has submitted slow calls."""
    where = folder / "deployment.toml"
    where.write_text(deployment.to_toml())
    script = Path(__file__).with_name("client_process.py")
    command = [str(part) for part in (sys.executable, script, where, "alice", runs.path, count, 1)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "submitted\n"
            yield process
        finally:
            process.kill()
