"""Arbitrary messages in every queue, for a bounded time, while honest calls go on.

``FUZZ_SEED=8 FUZZ_SECONDS=60`` sends other ones, and for longer.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.session.session import Session
from asyncmcp_nb.sns_sqs.answers import MemoryAnswers
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.wire import Header, Outgoing
from asyncmcp_nb.wire.attributes import to_attributes
from asyncmcp_nb.wire.signing import KeyRing
from tests.faults.conftest import MEASURED
from tests.faults.fuzzing import Fuzzer
from tests.helpers import (
    DEAD_LETTERS,
    REQUESTS,
    RESPONSES,
    SERVER_QUEUE,
    MemoryDeployment,
    ToolContext,
    memory_deployment,
    no_threads_left,
    tool_server,
)
from tests.session.conftest import Stage

FUZZ_SEED = int(os.environ.get("FUZZ_SEED", "7"))
FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "8"))
PATIENCE_SECONDS = FUZZ_SECONDS + 30.0
BACKLOG_COUNT = 100
"""Messages in one queue before the fuzzer waits for its reader."""

KEY, STRANGERS_KEY = "k" * 32, "x" * 32
CLIENT_QUEUE = "client-alice"
TAP = "tap"
KEYS = ("asyncmcp-nb/there", "asyncmcp-nb/odd")
SIGNED: dict[str, Any] = {"signing_keys": ("env:THE_KEY",)}


class Target:
    """A deployment with two workers, one session, and a tap on both topics."""

    def __init__(
        self, deployment: MemoryDeployment, session: Session, control_queues: Sequence[str]
    ) -> None:
        self.bus = deployment.bus
        self.session = session
        self.queues = (SERVER_QUEUE, CLIENT_QUEUE, *control_queues)
        self.sent: Counter[str] = Counter()
        self.stop = threading.Event()
        self.bus.create_queue(TAP)
        for topic in (REQUESTS, RESPONSES):
            self.bus.subscribe(topic, TAP)

    def fuzz(self, fuzzer: Fuzzer) -> None:
        """Send until the time is over; in a thread."""
        deadline = time.monotonic() + FUZZ_SECONDS
        while time.monotonic() < deadline and not self.stop.is_set():
            self._overhear(fuzzer)
            for _ in range(20):
                self._send(fuzzer)
            self.bus.wait_until(lambda: max(map(self.bus.depth, self.queues)) < BACKLOG_COUNT)

    def _send(self, fuzzer: Fuzzer) -> None:
        way = fuzzer.pick.choice((*self.queues, SERVER_QUEUE, REQUESTS, RESPONSES))
        is_for_client = way in (CLIENT_QUEUE, RESPONSES)
        message = fuzzer.message(self.session.connection_id if is_for_client else None)
        self.sent[way] += 1
        if way in (REQUESTS, RESPONSES):
            self.bus.publish(way, [message])
        else:
            self.bus.send(way, message)

    def _overhear(self, fuzzer: Fuzzer) -> None:
        heard = self.bus.receive(TAP, max_count=10, wait_seconds=0, lease_seconds=30)
        if heard:
            self.bus.ack(TAP, [delivery.receipt for delivery in heard])
        if fuzzer.seals:
            # Without keys, whoever overhears a call can answer it before its server does.
            fuzzer.recorded += [Outgoing(d.body, d.attributes) for d in heard]
            del fuzzer.recorded[:-200]


@asynccontextmanager
async def target(
    tmp_path: Path, runs: Counter[Any], settings: dict[str, Any]
) -> AsyncGenerator[Target]:
    async def echo(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        runs[arguments.get("who"), arguments.get("n")] += 1
        return arguments

    payloads = MemoryPayloads()
    payloads.put(KEYS[0], b'{"jsonrpc":"2.0","id":9,"method":"ping"}')
    payloads.put(KEYS[1], b"\xff\xfe")
    checks, answers = ClaimChecks(store=payloads), MemoryAnswers()
    with no_threads_left(), memory_deployment() as deployment:
        async with AsyncExitStack() as stack:
            configs = [deployment.server(**settings) for _ in range(2)]
            for config in configs:
                host = hosting(
                    tool_server(echo=echo),
                    deployment.bus,
                    config,
                    answers=answers,
                    claim_checks=checks,
                )
                await stack.enter_async_context(host)
            stage = Stage(deployment, tmp_path, stack)
            # What strangers' requests are answered with is nobody's, and need not wait for anybody.
            session = await stage.session(
                claim_checks=checks, namesake_grace_seconds=0.0, **settings
            )
            await session.list_tools()
            yield Target(deployment, session, [deployment.control_queue(c) for c in configs])


def fuzzer_for(session: Session, *, is_signed: bool) -> Fuzzer:
    header = Header(
        protocol_version="2026-07-28",
        client_id=session.name,
        connection_id=session.connection_id if is_signed else "f" * 32,
        request_id="10000",
        method="tools/call",
        sequence=0,
    )
    ring = KeyRing([STRANGERS_KEY.encode()])
    return Fuzzer(
        random.Random(FUZZ_SEED),
        to_attributes(header),
        seals=[ring.sealing("to-server"), ring.sealing("to-client")] if is_signed else (),
        keys=KEYS,
    )


def our_threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name.startswith("asyncmcp-poll")}


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_SECONDS + 30)
@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "unsigned"])
async def test_whatever_comes_honest_calls_are_answered_and_nothing_else_breaks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    record_property: Any,
    *,
    is_signed: bool,
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    runs: Counter[Any] = Counter()
    answers: list[Any] = []
    # Long polls that earlier tests have left behind come to their end meanwhile.
    others = our_threads()
    async with target(tmp_path, runs, SIGNED if is_signed else {}) as made:
        threads, session = our_threads() - others, made.session
        fuzzer = fuzzer_for(session, is_signed=is_signed)
        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, partial(made.fuzz, fuzzer))
                deadline = anyio.current_time() + FUZZ_SECONDS
                while anyio.current_time() < deadline:
                    result = await session.call("echo", who="alice", n=len(answers))
                    answers.append(result.structured_content)
            await made.bus.until(lambda: not any(map(made.bus.depth, made.queues)))
            last = await session.call("echo", who="alice", n="last")
        survivors, refused_count = our_threads(), session.status.refused_count
        letter_count = made.bus.depth(DEAD_LETTERS)

    assert answers == [{"who": "alice", "n": n} for n in range(len(answers))]
    assert last.structured_content == {"who": "alice", "n": "last"}
    assert {run: count for run, count in runs.items() if run[0] == "alice"} == {
        ("alice", n): 1 for n in [*range(len(answers)), "last"]
    }
    if is_signed:
        assert {who for who, _ in runs} == {"alice"}
    assert threads <= survivors
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []
    assert min(made.sent.values()) > 0
    record_property(
        MEASURED,
        f"fuzz, {'signed' if is_signed else 'unsigned'}: {made.sent.total():,} messages, "
        f"{letter_count:,} put aside by workers, {refused_count:,} refused by the client, "
        f"{len(answers):,} honest calls answered",
    )
