"""Worker processes on one queue: real processes over the embedded broker."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asyncmcp_nb import Call, Session, connect, serve
from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.plan import worker_prefix
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import ConfigError, ServeError
from asyncmcp_nb.server import pool as pool_module
from asyncmcp_nb.server.pool import WorkerPool
from asyncmcp_nb.server.status import WorkerStatus
from asyncmcp_nb.serving import Tuning, serve_in_processes
from tests.helpers import HANDSHAKE, tool_server

APP = "tests.server.pool_app:app"
LEASE_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
"""A process takes seconds of computing to start; where others compute too, many more."""

pytestmark = pytest.mark.timeout(180)

Start = Callable[..., WorkerPool]


@pytest.fixture
def start(deployment: Deployment) -> Generator[Start]:
    pools: list[WorkerPool] = []

    def begin(
        app: str = APP, where: Deployment | None = None, *, workers: int = 2, **tuning: Any
    ) -> WorkerPool:
        defaults: dict[str, Any] = {"max_in_flight": 1, "lease_seconds": LEASE_SECONDS}
        settings = Tuning(**(defaults | tuning))
        pool = serve_in_processes(app, where or deployment, workers=workers, tuning=settings)
        pools.append(pool)
        return pool

    yield begin
    for pool in pools:
        pool.stop(timeout=5.0)
    left = [
        t for t in threading.enumerate() if t.name.startswith(("asyncmcp-pool", "asyncmcp-wor"))
    ]
    for thread in left:
        thread.join(PATIENCE_SECONDS)
    assert [thread.name for thread in left if thread.is_alive()] == []


@pytest.fixture
def session(deployment: Deployment) -> Generator[Session]:
    with connect(deployment, name="caller") as session:
        yield session


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what other processes do, which no event here tells."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        pause.wait(0.02)


def folder(path: Path, name: str) -> Path:
    made = path / name
    made.mkdir()
    return made


def runs_in(place: Path) -> list[int]:
    """The processes that ran the tool there, in order."""
    noted = place / "runs"
    return [int(line) for line in noted.read_text().split()] if noted.exists() else []


def pids_of(pool: WorkerPool) -> list[int | None]:
    return [worker.pid for worker in pool.status.workers]


def control_queues(deployment: Deployment) -> list[str]:
    with Admin.of(deployment) as admin:
        return list(admin.queue_urls(worker_prefix(deployment.name)))


def result_of(call: Call) -> int:
    content = call.result(timeout=PATIENCE_SECONDS).structured_content
    assert content is not None
    return content["result"]


def test_workers_share_the_queue_and_sessions_even_without_a_key_of_the_deployment(
    start: Start, deployment: Deployment, tmp_path: Path
) -> None:
    pool = start(where=replace(deployment, session_key_file=None))
    pids = pids_of(pool)
    places = [folder(tmp_path, name) for name in ("one", "two")]
    with connect(deployment, name="caller", era=HANDSHAKE) as session:
        calls = [session.submit("work", folder=str(place)) for place in places]
        until(lambda: all(runs_in(place) for place in places), "both calls run")
        for place in places:
            (place / "finish").touch()
        results = [result_of(call) for call in calls]
        printed = result_of(session.submit("pid"))
    until(lambda: pool.status.statistics.answered_count >= 4, "the counts arrive")
    status = pool.check()

    assert set(results) == set(pids) >= {printed}
    assert (status.queue.waiting_count, status.dead_letters.waiting_count) == (0, 0)
    assert [pid for place in places for pid in runs_in(place)] == results
    assert (pool.name, status.state, status.error) == ("pooled", "serving", None)
    assert status.statistics.answered_count == sum(
        worker.statistics.answered_count for worker in status.workers
    )
    assert status.requests["PublishBatch"] >= 2
    assert f"pooled@{deployment.name} · serving · 2 workers · " in repr(pool)
    assert [line.split()[2] for line in repr(pool).splitlines()[2:]] == [str(p) for p in pids]


def test_a_worker_killed_in_the_middle_of_a_tool_is_started_anew_and_the_answer_arrives(
    start: Start, session: Session, tmp_path: Path
) -> None:
    pool = start()
    call = session.submit("work", folder=str(tmp_path))
    until(lambda: len(runs_in(tmp_path)) == 1, "the call runs")
    (first,) = runs_in(tmp_path)
    slot = pids_of(pool).index(first)
    before = pool.status.workers[slot]

    os.kill(first, signal.SIGKILL)
    until(lambda: len(runs_in(tmp_path)) == 2, "another process takes the call")
    (tmp_path / "finish").touch()
    result = result_of(call)
    until(lambda: pool.status.workers[slot].state == "serving", "the worker is back")
    after = pool.status.workers[slot]

    assert [first, result] == runs_in(tmp_path)
    assert first != result
    assert after.pid not in {first, None}
    assert (after.worker_id, after.restart_count) == (before.worker_id, 1)
    assert (after.last_end, after.error) == ("killed by SIGKILL", None)
    assert pool.status.workers[1 - slot].restart_count == 0


def test_stopping_lets_work_finish_hands_back_the_rest_and_leaves_no_queue(
    start: Start, session: Session, deployment: Deployment, aws_bus: AwsBus, tmp_path: Path
) -> None:
    pool = start(workers=1, max_in_flight=2, lease_seconds=60, drain_seconds=1.0)
    ends, goes_on = folder(tmp_path, "ends"), folder(tmp_path, "goes-on")
    call = session.submit("work", folder=str(ends))
    session.submit("work", folder=str(goes_on))
    until(lambda: bool(runs_in(ends) and runs_in(goes_on)), "both calls run")

    stopper = threading.Thread(target=pool.stop)
    stopper.start()
    until(lambda: pool.status.state == "stopping", "the pool is told")
    (ends / "finish").touch()
    result = result_of(call)
    stopper.join(PATIENCE_SECONDS)
    waiting = aws_bus.receive(
        deployment.server_queue_url, max_count=10, wait_seconds=1, lease_seconds=30
    )
    (worker,) = pool.status.workers

    assert [result] == runs_in(ends)
    assert [str(goes_on) in message.body for message in waiting].count(True) == 1
    assert not any(str(ends) in message.body for message in waiting)
    assert (pool.status.state, pool.is_serving) == ("stopped", False)
    assert (worker.state, worker.last_end) == ("stopped", "exited with code 0")
    assert (worker.statistics.handed_back_count, worker.statistics.in_flight_count) == (1, 0)
    assert control_queues(deployment) == []


def test_a_process_that_does_not_end_in_time_is_killed(
    start: Start, deployment: Deployment
) -> None:
    pool = start(workers=1)
    (pid,) = pids_of(pool)
    os.kill(pid or 0, signal.SIGSTOP)

    pool.stop(timeout=0.2)

    assert pool.status.workers[0].last_end == "killed by SIGKILL"
    assert (pool.status.state, control_queues(deployment)) == ("stopped", [])


APP_OF_ITS_OWN = """
import sys
from mcp.server.mcpserver import MCPServer

app = MCPServer("mended", log_level="CRITICAL")
"""


def test_an_app_that_cannot_start_is_an_error_with_its_reason_and_leaves_nothing(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken_pool_app.py").write_text("raise ValueError('no database')")

    with pytest.raises(ServeError) as caught:
        serve("broken_pool_app:app", deployment, workers=2)

    assert str(caught.value).endswith(": cannot import 'broken_pool_app': ValueError: no database")
    assert "in <module>" in "".join(caught.value.__notes__)
    assert control_queues(deployment) == []


def test_an_app_that_takes_too_long_to_start_is_given_up(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pool_module, "START_SECONDS", 0.4)
    (tmp_path / "slow_pool_app.py").write_text("import threading\nthreading.Event().wait(60)")

    with pytest.raises(
        ServeError, match=r"worker 0 of slow_pool_app:app did not start: not within"
    ):
        serve("slow_pool_app:app", deployment, workers=1)

    assert control_queues(deployment) == []


def test_an_app_that_breaks_later_is_tried_again_until_it_is_mended(
    start: Start, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "mended_pool_app.py"
    module.write_text(APP_OF_ITS_OWN)
    pool = start("mended_pool_app:app", workers=1)
    seen: list[WorkerStatus] = []

    def fails_again() -> bool:
        seen.append(pool.status.workers[0])
        return seen[-1].restart_count >= 2

    module.write_text(APP_OF_ITS_OWN + "sys.exit('no model')")
    monkeypatch.chdir("/")
    os.kill(pids_of(pool)[0] or 0, signal.SIGTERM)
    until(fails_again, "it is started anew, in vain")
    module.write_text(APP_OF_ITS_OWN + "# mended")
    until(lambda: pool.status.state == "serving", "it serves again")

    assert "cannot import 'mended_pool_app': SystemExit: no model" in {
        worker.error for worker in seen
    }
    assert "exited with code 0" in {worker.last_end for worker in seen}
    assert pool.is_serving
    assert pool.status.error is None


def test_what_a_process_cannot_import_is_refused_before_anything_is_started() -> None:
    app: Any = tool_server()

    with pytest.raises(ConfigError, match="Server is an object of this process: put it into a mod"):
        serve(app, workers=2)
    with pytest.raises(ConfigError, match="else a number of processes; not -1"):
        serve(APP, workers=-1)
    with pytest.raises(ServeError, match="write it as module:attribute"):
        serve("tests.server.pool_app", workers=1)
    with pytest.raises(ConfigError, match="drain_seconds: 0 to 3,600"):
        serve(APP, workers=1, drain_seconds=-1)
