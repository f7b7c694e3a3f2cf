"""Four worker processes against one, for a tool that sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from tests.benchmarks import cast
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure, at_least, at_most, compared, count
from tests.benchmarks.samples import interleaved

_IN_FLIGHT_COUNT = 8
"""Of each worker, so that sleeping is what limits it."""
_SLEEP_SECONDS = 0.5
_CALLS_COUNT = 160
_WARM_UP_COUNT = 20


def figures(bench: Bench) -> Iterator[Figure]:
    """The rate; and that each call ran once, and was answered with its own answer."""
    with ExitStack() as stack:
        pairs = {
            number: stack.enter_context(
                cast.ours(bench.backend, workers=number, max_in_flight=_IN_FLIGHT_COUNT)
            )
            for number in (1, 4)
        }
        for pair in pairs.values():
            nap(bench, pair, _WARM_UP_COUNT, 0.0)
        naps = interleaved(
            bench.repeats,
            {
                str(number): (lambda pair=pair: nap(bench, pair, _CALLS_COUNT, _SLEEP_SECONDS))
                for number, pair in pairs.items()
            },
        )
    one, four = ([_CALLS_COUNT / each["seconds"] for each in found] for found in naps.values())
    shares = " + ".join(str(number) for number in naps["4"][-1]["workers"])
    yield compared("rate of four, to one", four, one, target=at_least(3.0), note=f"calls: {shares}")
    every = [each for found in naps.values() for each in found]
    wrong_count = sum(each["wrong_count"] for each in every)
    yield count("wrong answers", wrong_count, target=at_most(0))
    again_count = sum(abs(each["run_count"] - _CALLS_COUNT) for each in every)
    yield count("calls that ran twice, or not", again_count, target=at_most(0))


def nap(bench: Bench, pair: cast.Pair, calls_count: int, seconds: float) -> dict[str, Any]:
    """Some calls of the tool that sleeps, which notes in a file where it runs."""
    runs = bench.backend.folder / "runs"
    runs.unlink(missing_ok=True)
    runs.touch()
    return pair.client.do("nap", count=calls_count, seconds=seconds, runs=str(runs))
