"""What a session says of itself, and what that costs."""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing

import anyio.to_thread
import pytest

from asyncmcp_nb.bus import Faults, MemoryBus, QueueDepth
from asyncmcp_nb.errors import BusDenied
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session import Session, SessionStatus
from asyncmcp_nb.sns_sqs.depths import UNKNOWN
from asyncmcp_nb.wire import Outgoing
from tests.helpers import DEAD_LETTERS, SERVER_QUEUE, RawClient, RawServer, tool_call, tool_server
from tests.session.conftest import Stage


def measurements(bus: MemoryBus) -> int:
    return bus.statistics().requests.get("GetQueueAttributes", 0)


async def submitted(stage: Stage, session: Session, count: int) -> None:
    """Submit so many calls, and wait until all were sent."""
    session.map("echo", [{"n": n} for n in range(count)])
    await stage.deployment.bus.until(lambda: session.log.counts() == {Status.SENT: count})


async def test_a_check_tells_how_full_the_queues_are(stage: Stage) -> None:
    session = await stage.session()
    assert session.snapshot().server_queue == UNKNOWN
    await submitted(stage, session, 3)
    stage.deployment.bus.send(DEAD_LETTERS, Outgoing("{}", {}))

    status = await session.check()

    # The session's own questions, who serves and which tools, wait for a server as well.
    assert status.server_queue.waiting_count == 5
    assert status.queue.depth == QueueDepth(0, 0)
    assert status.dead_letters.waiting_count == 1
    assert (status.queued_count, status.in_flight_count, status.outstanding_count) == (0, 3, 3)
    assert "server queue: 5 waiting, 0 in flight" in str(status)
    assert "1 dead letters" in str(status)


async def test_looking_at_the_status_measures_in_the_background_and_not_each_time(
    stage: Stage,
) -> None:
    session = await stage.session()
    bus = stage.deployment.bus

    for _ in range(20):
        assert session.status.name == "alice"
    await bus.until(lambda: session.status.dead_letters.depth is not None)

    assert measurements(bus) == 3


async def test_a_snapshot_and_a_representation_ask_nobody(stage: Stage) -> None:
    session = await stage.session()

    for _ in range(3):
        assert "alice@stage" in repr(session)
        assert session.snapshot().state == "waiting for a server"

    assert measurements(stage.deployment.bus) == 0


async def test_a_client_that_may_not_measure_is_told_so_and_goes_on(stage: Stage) -> None:
    denied = BusDenied("GetQueueAttributes on arn:aws:sqs:x:123456789012:q: no")
    for queue in (SERVER_QUEUE, DEAD_LETTERS):
        stage.deployment.bus.fail("measure", queue, denied)
    await stage.serve(tool_server())
    session = await stage.session()

    status = await session.check()
    result = await session.call("echo", n=1)

    assert str(status.server_queue) == "unknown (sqs:GetQueueAttributes is not allowed)"
    assert status.server_queue.age_seconds is not None
    assert "unknown" not in str(status)
    assert (status.error, result.structured_content) == (None, {"n": 1})


async def test_a_closed_session_asks_nobody_any_more(stage: Stage) -> None:
    session = await stage.session()
    await session.close()

    assert (await session.check()).state == session.status.state == "closed"
    assert measurements(stage.deployment.bus) == 0


async def test_duplicates_are_counted_as_dropped(stage: Stage) -> None:
    stage.deployment.bus.faults = Faults(duplicate_share=1.0)
    await stage.serve(tool_server())
    session = await stage.session()

    await session.map("echo", [{"n": n} for n in range(4)])

    await stage.deployment.bus.until(lambda: session.snapshot().duplicate_count >= 4)
    status = session.snapshot()
    assert status.ended_count == 4
    assert status.unsolicited_count == 0
    assert "duplicates dropped" in str(status)


async def test_what_nobody_asked_for_and_what_cannot_be_read_is_counted(stage: Stage) -> None:
    session = await stage.session(namesake_grace_seconds=0.0)
    stranger = RawClient(stage.deployment, "alice")
    asked = tool_call("call-1", "echo")
    stage.deployment.bus.send("client-alice", Outgoing("no JSON at all", {"ClientId": "alice"}))
    stranger.send(asked)

    async with stage.serving(tool_server()):
        await stage.deployment.bus.until(lambda: session.snapshot().unsolicited_count == 1)
        await stage.deployment.bus.until(lambda: session.snapshot().refused_count == 1)

    assert " · 1 unsolicited · 1 refused · " in str(session.snapshot())


async def test_requests_are_told_by_operation_and_for_each_call(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    assert session.snapshot().requests_per_call is None

    await session.map("echo", [{"n": n} for n in range(10)])

    status = session.snapshot()
    assert status.requests["PublishBatch"] >= 1
    assert status.requests_per_call == status.request_count / 10


async def test_the_oldest_outstanding_call_is_told_by_its_age(stage: Stage) -> None:
    session = await stage.session()
    assert session.snapshot().oldest_outstanding_seconds is None

    call = session.submit("echo")

    record = call.record
    before = time.time() - record.submitted_at
    oldest = session.snapshot().oldest_outstanding_seconds
    assert oldest is not None
    assert before <= oldest <= time.time() - record.submitted_at


async def test_messages_that_wait_for_an_earlier_one_are_counted(stage: Stage) -> None:
    session = await stage.session(gap_timeout_seconds=60.0)
    server = RawServer(stage.deployment)
    (asked,) = await anyio.to_thread.run_sync(server.take)

    server.answer(asked, sequence=3)

    await stage.deployment.bus.until(lambda: session.snapshot().held_count == 1)


def test_a_status_is_one_line_whatever_is_unknown() -> None:
    status = SessionStatus(
        name="alice",
        deployment="d",
        endpoint="eu-west-1",
        era="2026-07-28",
        server=None,
        state="connected",
        counts={},
        oldest_outstanding_at=None,
        waiting_count=0,
        unsolicited_count=0,
        requests={},
    )

    line = "alice@d (eu-west-1) · connected · no server seen · 2026-07-28 · calls: none"
    assert str(status) == f"{line} · 0 AWS requests"
    assert repr(status) == f"<SessionStatus {status}>"


@pytest.mark.parametrize(("ended", "each"), [(0, None), (4, 2.5)])
def test_without_a_call_that_ended_there_are_no_requests_for_one(
    ended: int, each: float | None
) -> None:
    status = SessionStatus(
        name="a",
        deployment="d",
        endpoint="e",
        era="2026-07-28",
        server=None,
        state="connected",
        counts={},
        oldest_outstanding_at=None,
        waiting_count=0,
        unsolicited_count=0,
        requests={"PublishBatch": 4, "ReceiveMessage": 6},
        ended_count=ended,
    )

    assert status.requests_per_call == each


async def test_a_ledger_that_cannot_be_written_is_told_while_it_lasts_and_in_one_line(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    session = await stage.session(busy_seconds=0.05, lease_seconds=1)
    await submitted(stage, session, 1)
    bus = stage.deployment.bus
    assert session.status.error is None

    with closing(sqlite3.connect(stage.ledger_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await stage.serve(tool_server())
        await bus.until(lambda: session.snapshot().error is not None)
        assert "another process keeps it locked" in str(session.snapshot())
        other.execute("ROLLBACK")
    await bus.until(lambda: session.log.counts() == {Status.DONE: 1})
    await bus.until(lambda: session.snapshot().error is None)

    told = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert {r.exc_info for r in told} == {None}
    assert all("another process keeps it locked" in r.getMessage() for r in told)
