"""A process's talk with the one that started it: a command a line, and an answer to each."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread

Command = Callable[..., Awaitable[Any]]

_END = "close"
_KIB = 1024


def plan() -> dict[str, Any]:
    """What the process was told when it was started."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    return told


def say(value: Any) -> None:
    """Answer a command."""
    _write({"value": value})


async def obey(commands: Mapping[str, Command]) -> None:
    """Do as told until told to close, which the caller answers, or until nobody is there."""
    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        asked: dict[str, Any] = json.loads(line)
        name = asked.pop("do")
        if name == _END:
            return
        try:
            value = await commands[name](**asked)
        except Exception as exc:  # noqa: BLE001 - a boundary: the other process raises it
            _write({"error": f"{name}: {type(exc).__name__}: {exc}"})
        else:
            say(value)


def vitals() -> dict[str, float]:
    """Processor seconds of this process so far, and the memory that it holds now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_seconds": used.ru_utime + used.ru_stime, "memory_bytes": memory_bytes()}


def memory_bytes() -> int:
    """Resident; the most there was where the system does not say what there is."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    return int(statm.read_text().split()[1]) * resource.getpagesize()


def _write(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
