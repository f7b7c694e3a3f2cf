"""What a pool and its worker processes say to each other: JSON, one line a message. Pure.

The pool writes one line, the ``Assignment``, and then nothing: the end of that stream tells a
worker that the pool is gone. A worker writes ``Ready``, a ``Vitals`` whenever something changed,
and ``Failed`` where it cannot serve.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusError, ConfigError, DecodeError
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker process is to do. Never an argument of its command, which others can read."""

    app: str
    """``package.module:attribute``."""
    deployment: Deployment
    worker_id: str
    control_queue_url: str
    message_limit_bytes: int
    max_in_flight: int
    lease_seconds: float
    drain_seconds: float
    session_key: bytes | None = field(default=None, repr=False)
    """Of the pool, where the deployment names no file with one."""
    import_path: tuple[str, ...] = ()
    """Where modules are looked for, as in the pool's process."""
    environment: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Variables as the pool's process has them, where starting the worker needed others."""

    def to_line(self) -> bytes:
        """As one line."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        values["deployment"] = self.deployment.to_toml()
        if self.session_key is not None:
            values["session_key"] = base64.b64encode(self.session_key).decode("ascii")
        return _line(values)

    @classmethod
    def from_line(cls, line: bytes) -> Assignment:
        """Read what ``to_line`` wrote.

        Raises:
            DecodeError: It is something else.
        """
        values = _mapping(line)
        try:
            values["deployment"] = Deployment.from_toml(values["deployment"])
            values["import_path"] = tuple(values["import_path"])
            if values["session_key"] is not None:
                values["session_key"] = base64.b64decode(values["session_key"])
            return cls(**values)
        except (KeyError, TypeError, ValueError, ConfigError) as exc:
            raise DecodeError(f"no assignment for a worker: {exc}") from None


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker takes requests."""

    name: str
    """As its server calls itself."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the worker is doing."""

    state: str
    statistics: ServerStatistics
    requests: Mapping[str, int]
    """AWS requests by operation."""
    error: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot serve, and ends."""

    reason: str


Report = Ready | Vitals | Failed


def encode_report(report: Report) -> bytes:
    """As one line."""
    match report:
        case Ready():
            return _line({"ready": asdict(report)})
        case Failed():
            return _line({"failed": asdict(report)})
        case Vitals(state, statistics, requests, error):
            counts = {entry.name: getattr(statistics, entry.name) for entry in fields(statistics)}
            if statistics.last_error is not None:
                counts["last_error"] = str(statistics.last_error)
            values = {"state": state, "statistics": counts, "error": error}
            return _line({"vitals": {**values, "requests": dict(requests)}})


def decode_report(line: bytes) -> Report:
    """Read what ``encode_report`` wrote.

    Raises:
        DecodeError: It is something else.
    """
    try:
        match _mapping(line):
            case {"ready": {**values}}:
                return Ready(**values)
            case {"failed": {**values}}:
                return Failed(**values)
            case {"vitals": {"statistics": {**counts}, **values}}:
                return Vitals(statistics=_statistics(counts), **values)
            case _:
                raise DecodeError("no report of a worker")
    except TypeError as exc:
        raise DecodeError(f"no report of a worker: {exc}") from None


def _statistics(counts: dict[str, Any]) -> ServerStatistics:
    if counts.get("last_error") is not None:
        counts["last_error"] = BusError(counts["last_error"])
    return ServerStatistics(**counts)


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _mapping(line: bytes) -> dict[str, Any]:
    try:
        found: Any = json.loads(line)
    except ValueError as exc:
        raise DecodeError(f"not JSON: {exc}") from None
    if not isinstance(found, dict):
        raise DecodeError("not a JSON object")
    return cast("dict[str, Any]", found)
