"""The benchmark: ``python -m tests.benchmarks``, or with ``--quick`` its short form."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks import backends, quick
from tests.benchmarks.areas import (
    far_away,
    growth,
    idle,
    importing,
    mapping,
    memory,
    opening,
    rates,
    sequential,
    views,
    workers,
)
from tests.benchmarks.bench import Area, Bench
from tests.benchmarks.figures import Figure, at_most, count
from tests.benchmarks.processes import PeerFailed
from tests.benchmarks.table import as_json, missed, table

AREAS: Mapping[str, Area] = {
    "importing": importing.figures,
    "opening": opening.figures,
    "sequential": sequential.figures,
    "rates": rates.figures,
    "far-away": far_away.figures,
    "workers": workers.figures,
    "map": mapping.figures,
    "idle": idle.figures,
    "memory": memory.figures,
    "growth": growth.figures,
    "views": views.figures,
}

QUICK: Mapping[str, Area] = {
    "requests": quick.requests,
    "workers": quick.workers,
    "looking at a log": quick.looking,
}


def main() -> int:
    """Measure and print; of the short form, 1 where a count misses its target."""
    options = _options()
    areas = QUICK if options.quick else AREAS
    chosen = {name: area for name, area in areas.items() if options.only in {None, name}}
    began = time.monotonic()
    with backends.running(options.backend) as backend:
        bench = Bench(backend, options.repeats)
        found = {name: _measured(name, area, bench) for name, area in chosen.items()}
    seconds = time.monotonic() - began
    sys.stdout.write(f"{table(found)}\n\n{_summary(options.backend, found, seconds)}\n")
    if options.json is not None:
        about = {"backend": options.backend, "seconds": seconds, "processors": os.cpu_count()}
        options.json.write_text(as_json(found, **about))
    figures = [figure for several in found.values() for figure in several]
    return int(options.quick and any(figure.is_exact for figure in missed(figures)))


def _measured(name: str, area: Area, bench: Bench) -> list[Figure]:
    """The figures of an area; those it had when it failed, and that it did."""
    sys.stderr.write(f"-- {name}\n")
    figures: list[Figure] = []
    try:
        for figure in area(bench):
            sys.stderr.write(f"   {figure.name}: {figure.value:.4g} {figure.unit}\n")
            figures.append(figure)
    except PeerFailed as exc:
        figures.append(count("failed", 1, target=at_most(0), note=str(exc)))
    return figures


def _summary(backend: str, found: Mapping[str, list[Figure]], seconds: float) -> str:
    with_target = [f for several in found.values() for f in several if f.target is not None]
    met_count = len(with_target) - len(missed(with_target))
    # How busy the machine is says how far to trust what is no exact count.
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    return (
        f"on {backend}: {met_count} of {len(with_target)} targets met; {seconds:.0f} s, "
        f"{os.cpu_count()} processors, load {load}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--backend", choices=backends.NAMES, default="fauxqs")
    parser.add_argument("--quick", action="store_true", help="exact counts only, under 3 minutes")
    parser.add_argument("--only", choices=[*AREAS, *QUICK], help="one area")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of what takes turns")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
