"""The soak: many calls through processes that die, over a network that repeats and reorders.

``make soak``. Workers are a pool of processes on the embedded broker, one of which is killed every
few seconds; each client is a process. It ends with 1 where an answer is missing, doubled in a
ledger, or at the wrong client.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from asyncmcp_nb import broker
from asyncmcp_nb.config import HOME_VARIABLE, Deployment
from asyncmcp_nb.server.pool import WorkerPool
from asyncmcp_nb.serving import Tuning, serve_in_processes
from tests.faults.proxy import Proxy, Weather

PROJECT = Path(__file__).parents[2]
CLIENTS = ("alice", "bob", "carol")
WEATHER = Weather(twice_share=0.1, delay_seconds=0.05)
LEASE_SECONDS = 5.0
_KILLS_BETWEEN_LINES = 10


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kill-every-seconds", type=float, default=3.0)
    parser.add_argument("--limit-seconds", type=float, default=1800.0)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ[HOME_VARIABLE] = str(folder)
        deployment = broker.embedded(name="soak")
        stack.callback(broker.stop_embedded)
        proxy = stack.enter_context(Proxy(deployment, WEATHER))
        pool = serve_in_processes(
            "tests.faults.app:make",
            proxy.deployment,
            workers=options.workers,
            tuning=Tuning(lease_seconds=LEASE_SECONDS),
        )
        stack.enter_context(pool)
        killer = stack.enter_context(Killer(pool, options.kill_every_seconds))
        started_at = time.monotonic()
        clients = [
            start_client(proxy.deployment, folder, name, calls)
            for name, calls in zip(CLIENTS, shares(options.calls), strict=True)
        ]
        found = [outcome(client, options.limit_seconds) for client in clients]
        took_seconds = time.monotonic() - started_at
        statistics = pool.status.statistics
        report = Report(options.calls, found, runs_of(folder))
        sys.stdout.write(
            f"{options.calls:,} calls, {len(CLIENTS)} clients, {options.workers} workers: "
            f"{took_seconds:.0f} s, {options.calls / took_seconds:.0f} calls/s\n"
            f"{killer.count} workers killed, {proxy.counts['twice']:,} publishes repeated, "
            f"{statistics.redelivered_count:,} redelivered and {statistics.duplicate_count:,} "
            f"duplicate requests seen\n{report}\n"
        )
        return 0 if report.is_clean else 1


class Report:
    """What the clients found, and what ran."""

    def __init__(self, call_count: int, found: list[dict[str, int]], runs: Counter[str]) -> None:
        sums = {key: sum(entry[key] for entry in found) for key in found[0]}
        self.lost_count = call_count - sums["answered"]
        self.doubled_count = sums["rows"] - call_count
        self.crossed_count = sums["crossed"]
        self.delivered_again_count = sums["delivered_again"]
        self.unsolicited_count = sums["unsolicited"]
        self.executions_per_call = runs.total() / call_count
        self.unrun_count = call_count - len(runs)

    @property
    def is_clean(self) -> bool:
        """Whether every call was answered, once, to its client."""
        return not (self.lost_count or self.doubled_count or self.crossed_count or self.unrun_count)

    def __str__(self) -> str:
        return (
            f"{self.lost_count} lost, {self.doubled_count} doubled in a ledger, "
            f"{self.crossed_count} crossed; {self.delivered_again_count:,} answers came again and "
            f"were only counted, {self.unsolicited_count} unsolicited\n"
            f"{self.executions_per_call:.4f} executions a call"
        )


class Killer:
    """Kills one of a pool's processes, chosen at random, every few seconds."""

    def __init__(self, pool: WorkerPool, every_seconds: float) -> None:
        self._pool = pool
        self._every_seconds = every_seconds
        self._random = random.Random(3)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.count = 0
        """Processes killed so far."""

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_seconds):
            pids = [worker.pid for worker in self._pool.status.workers if worker.pid is not None]
            if pids:
                os.kill(self._random.choice(pids), signal.SIGKILL)
                self.count += 1
            if self.count % _KILLS_BETWEEN_LINES == 0:
                answered_count = self._pool.snapshot().statistics.answered_count
                sys.stderr.write(f"{answered_count:,} answers, {self.count} workers killed\n")


def shares(call_count: int) -> list[int]:
    """How many calls each client makes."""
    each, left = divmod(call_count, len(CLIENTS))
    return [each + (index < left) for index in range(len(CLIENTS))]


def start_client(
    deployment: Deployment, folder: Path, name: str, call_count: int
) -> subprocess.Popen[str]:
    """Start one client's process."""
    where = folder / "deployment.toml"
    where.write_text(deployment.to_toml())
    script = Path(__file__).with_name("soak_client.py")
    command = [sys.executable, script, where, name, runs_file(folder), call_count]
    return subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )


def outcome(client: subprocess.Popen[str], limit_seconds: float) -> dict[str, int]:
    """What a client found when it was through."""
    try:
        told, _ = client.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        client.kill()
        raise
    if client.returncode:
        raise RuntimeError(f"a client ended with {client.returncode}")
    found: dict[str, Any] = json.loads(told)
    return found


def runs_file(folder: Path) -> Path:
    """Where the tool notes its runs."""
    return folder / "runs"


def runs_of(folder: Path) -> Counter[str]:
    """How often each call was executed."""
    return Counter(runs_file(folder).read_text().splitlines())


if __name__ == "__main__":
    raise SystemExit(main())
