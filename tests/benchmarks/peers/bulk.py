"""What only a session of ours is told to do: thousands of calls by ``map``."""

from __future__ import annotations

import gc
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from asyncmcp_nb import CallGroup, Session
from tests.benchmarks.peers.app import number_in
from tests.benchmarks.peers.line import Command, memory_bytes, vitals
from tests.helpers import eventually

_SEND_SECONDS = 1_800.0
"""The most that sending may take."""


class Bulk:
    """Of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: list[CallGroup] = []

    def commands(self) -> dict[str, Command]:
        """By name."""
        return {"map_frame": self.map_frame, "leave_out": self.leave_out, "nap": self.nap}

    async def map_frame(self, count: int) -> dict[str, Any]:
        """Map over a DataFrame of so many rows, into one of the answers."""
        rows = pd.DataFrame({"n": range(count), "text": [f"row {n}" for n in range(count)]})
        cpu_before, began = vitals()["cpu_seconds"], time.perf_counter()
        group = self._session.map("echo", rows)
        submitted = time.perf_counter()
        await group
        answered = time.perf_counter()
        made: Any = await group.frame()
        ended = time.perf_counter()
        return {
            "seconds": ended - began,
            "submitting_seconds": submitted - began,
            "framing_seconds": ended - answered,
            "cpu_seconds": vitals()["cpu_seconds"] - cpu_before,
            "wrong_count": self._wrong_count(group) + int((made["n"] != made["n_result"]).sum()),
        }

    async def leave_out(self, count: int) -> dict[str, Any]:
        """Submit so many calls that nobody answers, all sent: the memory that each holds."""
        gc.collect()
        before, began = memory_bytes(), time.perf_counter()
        group = self._session.map("echo", [{"n": n} for n in range(count)], max_in_flight=count)
        self._kept.append(group)
        submitted_seconds = time.perf_counter() - began
        await eventually(
            lambda: self._session.snapshot().queued_count == 0, within_seconds=_SEND_SECONDS
        )
        gc.collect()
        return {
            "bytes_each": (memory_bytes() - before) / count,
            "memory_bytes": memory_bytes(),
            "submitted_seconds": submitted_seconds,
            "sent_seconds": time.perf_counter() - began,
        }

    async def nap(self, count: int, seconds: float, runs: str) -> dict[str, Any]:
        """Call the tool that sleeps, all calls at once."""
        rows = [{"n": n, "seconds": seconds, "runs": runs} for n in range(count)]
        began = time.perf_counter()
        group = self._session.map("nap", rows, max_in_flight=count)
        await group
        took = time.perf_counter() - began
        ran = [line.split() for line in Path(runs).read_text().splitlines()]
        return {
            "seconds": took,
            "wrong_count": self._wrong_count(group),
            "run_count": len(ran),
            "workers": sorted(Counter(pid for _, pid in ran).values()),
        }

    def _wrong_count(self, group: CallGroup) -> int:
        """Of calls whose answer is missing, or that of another."""
        return sum(number_in(call.result()) != number for number, call in enumerate(group))
