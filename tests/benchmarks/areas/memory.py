"""What calls weigh that nobody has answered."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import cast
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.samples import slope

_SIZES = (10_000, 100_000)
_MOTO_SIZES = (1_000, 2_000)
"""moto slows down with each message that waits."""
_WARM_UP_COUNT = 100
_EACH_BYTES = 4_096
_TOTAL_BYTES = 400e6


def figures(bench: Bench) -> Iterator[Figure]:
    """In a client of its own for each size, all calls sent and their handles kept."""
    sizes = _MOTO_SIZES if bench.backend.name == "moto" else _SIZES
    totals: list[float] = []
    sent: list[float] = []
    for size in sizes:
        with cast.alone(bench.backend) as client:
            # What the first calls load is no matter of how many there are.
            client.do("leave_out", count=_WARM_UP_COUNT)
            left = client.do("leave_out", count=size)
        totals.append(left["bytes_each"] * size)
        sent.append(left["sent_seconds"])
        yield Figure(
            name=f"memory for each of {size:,} outstanding calls",
            value=left["bytes_each"],
            unit="B",
            target=at_most(_EACH_BYTES),
            note=f"submitted in {left['submitted_seconds']:.1f} s, sent in {sent[-1]:.1f} s",
        )
        yield Figure(
            name=f"memory of a client with {size:,} outstanding calls",
            value=left["memory_bytes"] / 1e6,
            unit="MB",
            target=at_most(_TOTAL_BYTES / 1e6),
        )
    yield Figure(name="growth of memory with calls: exponent", value=slope(sizes, totals))
    yield Figure(name="growth of the time to send: exponent", value=slope(sizes, sent))
