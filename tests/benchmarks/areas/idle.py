"""Doing nothing, and the first call after that."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from tests.benchmarks import cast
from tests.benchmarks.bench import SETTLE_SECONDS, Bench
from tests.benchmarks.figures import Figure, at_most, compared, count
from tests.benchmarks.processes import Peer

_IDLE_SECONDS = 30.0
_BUSY_COUNT = 30


def figures(bench: Bench) -> Iterator[Figure]:
    """Requests a minute and queue; and how long the first call takes, to one among others."""
    with ExitStack() as stack:
        ours = stack.enter_context(cast.ours(bench.backend))
        its = stack.enter_context(cast.asyncmcp(bench.backend, cast.ITS_DEFAULTS))
        clients = {
            "ours": ours.client,
            "asyncmcp by default": its.client,
            "raw boto3": stack.enter_context(cast.raw(bench.backend)),
        }
        busy = {name: _busy_seconds(client) for name, client in clients.items()}
        time.sleep(SETTLE_SECONDS)
        began = _requests(ours)
        time.sleep(2 * _IDLE_SECONDS)
        ended = _requests(ours)
        first: dict[str, list[float]] = {name: [] for name in clients}
        for round_number in range(bench.repeats):
            if round_number:
                time.sleep(_IDLE_SECONDS)
            for name, client in clients.items():
                first[name] += client.do("in_a_row", count=1)["seconds"]
    for side, before in began.items():
        after = ended[side]
        yield count(
            f"requests in an idle minute and queue, {side}",
            (sum(after["requests"].values()) - sum(before["requests"].values()))
            / after["queue_count"],
            target=at_most(3.0),
        )
    for name, seconds in first.items():
        yield compared(
            f"first call after {_IDLE_SECONDS:.0f} s, to a busy one: {name}",
            seconds,
            [busy[name]] * len(seconds),
            target=at_most(1.2) if name == "ours" else None,
            note=f"{statistics.median(seconds) * 1e3:.0f} ms",
        )


def _busy_seconds(client: Peer) -> float:
    client.do("in_a_row", count=_BUSY_COUNT)
    return statistics.median(client.do("in_a_row", count=_BUSY_COUNT)["seconds"])


def _requests(pair: cast.Pair) -> dict[str, Any]:
    return {"client": pair.client.do("vitals"), "server": pair.server.do("vitals")}
