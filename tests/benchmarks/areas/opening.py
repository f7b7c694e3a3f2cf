"""Time to connect, to the first answer, and to close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from tests.benchmarks import cast
from tests.benchmarks.bench import Bench
from tests.benchmarks.cast import Pair
from tests.benchmarks.figures import Figure, at_most, compared, measured
from tests.benchmarks.samples import interleaved

_CLOSE_SECONDS = 0.5


def figures(bench: Bench) -> Iterator[Figure]:
    """Each time with processes that have just been started, and have imported what they need."""
    found = interleaved(
        bench.repeats,
        {
            "http": lambda: _open(cast.over_http),
            "its": lambda: _open(lambda: cast.asyncmcp(bench.backend, cast.ITS_FASTEST)),
            "ours": lambda: _open_and_close(bench),
        },
    )
    http, its, ours = found["http"], found["its"], found["ours"]
    for word, key in (("connect", "connect_seconds"), ("first answer", "first_answer_seconds")):
        values = [each[key] for each in ours]
        yield measured(f"time to {word}", values, "s", note="with its queue to be made")
        yield compared(f"time to {word}, to asyncmcp", values, [each[key] for each in its])
        yield compared(f"time to {word}, to HTTP", values, [each[key] for each in http])
    target = at_most(_CLOSE_SECONDS)
    yield measured("close a session", [each["client"] for each in ours], "s", target=target)
    yield measured("close a server", [each["server"] for each in ours], "s", target=target)


def _open(enter: Callable[[], AbstractContextManager[Pair]]) -> dict[str, Any]:
    with enter() as pair:
        return pair.client.ready


def _open_and_close(bench: Bench) -> dict[str, Any]:
    with cast.ours(bench.backend) as pair:
        return pair.client.ready | {
            "client": pair.client.close()["close_seconds"],
            "server": pair.server.close()["close_seconds"],
        }
