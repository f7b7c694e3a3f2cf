"""What an area of the benchmark is given, and what a run of calls brings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.backends import Backend
from tests.benchmarks.cast import Pair
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import Peer

SETTLE_SECONDS: Final = 1.6
"""After the last answer: acknowledgements wait for others to share their request."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how often."""

    backend: Backend
    repeats: int


Area = Callable[[Bench], Iterator[Figure]]
"""What a module of ``areas`` has: its figures, as they are measured."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some calls at once."""

    calls_per_second: float
    requests: dict[str, float]
    """For each call, by operation, client and server together."""
    client_milliseconds: float
    """Of processor, for each call."""
    server_milliseconds: float
    wrong_count: int

    @property
    def requests_per_call(self) -> float:
        """All operations together."""
        return sum(self.requests.values())


def run(pair: Pair, *, depth: int, count: int) -> Run:
    """So many calls, and what they cost on both sides until all is acknowledged."""
    before = pair.requests()
    client_before, server_before = pair.cpu_seconds()
    done = pair.client.do("at_once", depth=depth, count=count)
    client_after, server_after = pair.cpu_seconds()
    time.sleep(SETTLE_SECONDS)
    return Run(
        calls_per_second=count / done["seconds"],
        requests=spent(before, pair.requests(), count),
        client_milliseconds=(client_after - client_before) / count * 1e3,
        server_milliseconds=(server_after - server_before) / count * 1e3,
        wrong_count=done["wrong_count"],
    )


def run_raw(raw: Peer, count: int) -> Run:
    """The same by bare boto3 in batches of ten, whose requests need no counting."""
    done = raw.do("in_batches", count=count)
    share = 1 / 10
    return Run(
        calls_per_second=count / done["seconds"],
        requests={"PublishBatch": 2 * share, "ReceiveMessage": 2 * share, "Delete": 2 * share},
        client_milliseconds=done["cpu_seconds"] / count * 1e3,
        server_milliseconds=0.0,
        wrong_count=done["wrong_count"],
    )


def spent(before: dict[str, int], after: dict[str, int], count: int) -> dict[str, float]:
    """Requests by operation between two looks, for each of so many calls."""
    return {name: (number - before.get(name, 0)) / count for name, number in after.items()}


def by_operation(requests: dict[str, float]) -> str:
    """As a note."""
    told = sorted(requests.items(), key=lambda item: -item[1])
    return ", ".join(f"{number:.3f} {name}" for name, number in told if number)
