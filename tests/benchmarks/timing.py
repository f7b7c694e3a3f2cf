"""How long something takes in this process."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.figures import Figure, Target, measured


def times(
    work: Callable[[], object],
    *,
    repeats: int,
    before: Callable[[], object] = lambda: None,
) -> tuple[list[float], list[float]]:
    """Seconds of wall time and of this thread's processor time, a pair a repeat.

    Args:
        work: What is measured.
        repeats: How often.
        before: What is done before each time and not measured.
    """
    walls: list[float] = []
    processor: list[float] = []
    for _ in range(repeats):
        before()
        gc.collect()
        wall, own = time.perf_counter(), time.thread_time()
        made = work()
        processor.append(time.thread_time() - own)
        walls.append(time.perf_counter() - wall)
        del made
    return walls, processor


def milliseconds(
    name: str,
    work: Callable[[], object],
    *,
    target: Target | None = None,
    before: Callable[[], object] = lambda: None,
    repeats: int = 9,
) -> Figure:
    """How long something takes, with the processor's share of it as a note."""
    walls, own = times(work, before=before, repeats=repeats)
    note = f"{statistics.median(own) * 1e3:.1f} ms of processor"
    return measured(name, [wall * 1e3 for wall in walls], "ms", target=target, note=note)


def steps(work: Callable[[], object]) -> int:
    """How many calls of functions something makes in this thread: exact, on any machine."""
    number = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal number
        number += event in {"call", "c_call"}

    gc.collect()
    gc.disable()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return number
