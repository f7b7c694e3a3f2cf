"""Frozen values that say where things are and how hard to try.

Where a value is looked for, first found wins: given in code, then the environment
(``ASYNCMCP_NB_PROFILE``), then the profile file, then the default. Durations are seconds and sizes
are bytes; the unit is in the name of each field.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import platformdirs

from asyncmcp_nb.errors import ConfigError, ProfileNotFound
from asyncmcp_nb.limits import (
    LONG_POLL_SECONDS,
    MAX_LEASE_SECONDS,
    QUEUE_NAME_LENGTH,
    SNS_DEFAULT_MESSAGE_BYTES,
    SNS_RAISED_MESSAGE_BYTES,
)

APP: Final = "asyncmcp-nb"
PROFILE_VARIABLE: Final = "ASYNCMCP_NB_PROFILE"
HOME_VARIABLE: Final = "ASYNCMCP_NB_HOME"

Era = Literal["2026-07-28", "2025-11-25"]
"""MCP revision that a session speaks."""

_WORKER = re.compile(r"[0-9a-f]{8}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsSqsTransportConfig:
    """How one end of the transport reaches its queue and topic.

    A client reads ``sqs_queue_url``, its own queue, and publishes to ``sns_topic_arn``, for
    requests. A server reads its request queue and publishes to the response topic.
    """

    sqs_queue_url: str
    """The queue this end reads."""
    sns_topic_arn: str
    """The topic this end publishes to."""
    dead_letter_queue_url: str | None = None
    """Server: where a message goes that can be neither answered nor decoded."""
    control_queue_url: str | None = None
    """Server: a queue of this worker alone, for cancellations and answers to its own requests."""
    client_id: str | None = None
    """Client: the return address, which its subscription's filter admits; else the queue's name."""
    worker_id: str | None = None
    """Server: 8 hex digits that its control queue's filter admits; with ``control_queue_url``."""
    allowed_reply_topics: tuple[str, ...] = ()
    """Server: topics besides its own that a client may name as the place for its answers."""
    message_limit_bytes: int = SNS_DEFAULT_MESSAGE_BYTES
    """The topic's ``MaximumMessageSize``."""
    lease_seconds: float = 30.0
    """How long a message taken stays invisible to others. Extended while a server works on it; a
    request of a worker that died is taken by another after at most this time."""
    poll_wait_seconds: float = LONG_POLL_SECONDS
    """How long one receive waits for a message."""
    poller_count: int = 3
    """Threads that receive while the queue is deep; one while it is not."""
    publisher_count: int = 3
    """Threads that publish while more than a batch waits, one while not; as many acknowledge."""
    ack_linger_seconds: float = 0.25
    """How long an acknowledgement may wait for others to share its request."""
    max_in_flight: int = 64
    """Server: requests worked on at a time; further ones stay in the queue for other workers."""
    gap_timeout_seconds: float = 2.0
    """Client: how long a message waits for an earlier one of the same request."""
    duplicate_window_seconds: float = 900.0
    """Server: how long an answer is kept, to be sent again when its request is delivered again."""
    retry_seconds: float = 30.0
    """How long a publish or acknowledgement is repeated while the broker is away or throttles."""

    def __post_init__(self) -> None:
        """Check the values that would otherwise fail late, or in silence."""
        _require(1 <= self.lease_seconds <= MAX_LEASE_SECONDS, "lease_seconds: 1 to 43,200")
        _require(
            0 <= self.poll_wait_seconds <= LONG_POLL_SECONDS,
            f"poll_wait_seconds: 0 to {LONG_POLL_SECONDS}",
        )
        _require(self.poller_count >= 1, "poller_count: at least 1")
        _require(self.publisher_count >= 1, "publisher_count: at least 1")
        _require(self.max_in_flight >= 1, "max_in_flight: at least 1")
        _require(
            1024 <= self.message_limit_bytes <= SNS_RAISED_MESSAGE_BYTES,
            f"message_limit_bytes: 1,024 to {SNS_RAISED_MESSAGE_BYTES:,}",
        )
        _require(
            (self.control_queue_url is None) == (self.worker_id is None),
            "control_queue_url and worker_id go together",
        )
        _require(
            self.worker_id is None or _WORKER.fullmatch(self.worker_id) is not None,
            "worker_id: 8 hex digits",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where the topics and queues of one set of MCP servers are."""

    name: str
    """Base of every topic's and queue's name."""
    region: str
    """AWS region."""
    endpoint_url: str | None = None
    """None on AWS; the address of a local broker otherwise."""
    request_topic_arn: str
    response_topic_arn: str
    server_queue_url: str
    """The queue that all workers compete for."""
    dead_letter_queue_url: str
    claim_check_bucket: str | None = None
    """S3 bucket for messages above the topic's limit, or None."""
    allowed_reply_topics: tuple[str, ...] = ()
    """Topics besides ``response_topic_arn`` that a client may name as the place for its answers."""
    session_key_file: str | None = None
    """A file of at least 32 random bytes that all workers share; it seals 2025-era sessions.
    Without one, such a session lasts as long as the worker that opened it."""

    def __post_init__(self) -> None:
        """Check the name, since names of queues are made from it."""
        require_name(self.name, "deployment")

    def client_queue_url(self, name: str) -> str:
        """The queue of the client of this name.

        Raises:
            ConfigError: The name has characters that a queue's name may not have, or the queue's
                name would be longer than 80 characters.
        """
        require_name(name, "client")
        queue = f"{self.name}-client-{name}"
        if len(queue) > QUEUE_NAME_LENGTH:
            raise ConfigError(f"client name {name!r} makes a queue name of over 80 characters")
        return f"{self.server_queue_url.rpartition('/')[0]}/{queue}"

    def to_toml(self) -> str:
        """As a profile's table body; fields at their default are left out."""
        lines: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value != ():
                # JSON has tuples as arrays, as TOML writes them.
                lines.append(f"{field.name} = {json.dumps(value)}")
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str) -> Deployment:
        """Read what ``to_toml`` wrote.

        Raises:
            ConfigError: Not TOML, a field is missing, or one is unknown.
        """
        try:
            return cls.from_mapping(tomllib.loads(text))
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(f"not a deployment: {exc}") from None

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> Deployment:
        """Make one from a profile's table.

        Raises:
            ConfigError: A field is missing, unknown, or of another type.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(table) - known):
            raise ConfigError(f"unknown deployment setting {unknown[0]!r}; known: {sorted(known)}")
        values = dict(table)
        reply_topics: Any = values.pop("allowed_reply_topics", ())
        for name, value in values.items():
            _require(isinstance(value, str), f"deployment setting {name!r} is not a string")
        try:
            return cls(**values, allowed_reply_topics=tuple(str(topic) for topic in reply_topics))
        except TypeError as exc:
            raise ConfigError(f"incomplete deployment: {exc}") from None


def require_name(name: str, kind: str) -> None:
    """Check a name that becomes part of a queue's name and of a message attribute.

    Raises:
        ConfigError: It is not 1 to 40 letters, digits, ``-`` and ``_``, starting with one of the
            former.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"{kind} name {name!r} is not usable: 1 to 40 letters, digits, '-' and '_', "
            "the first a letter or digit"
        )


def data_directory() -> Path:
    """Where ledgers and runtime files of this user are; ``ASYNCMCP_NB_HOME`` moves it."""
    override = os.environ.get(HOME_VARIABLE)
    return Path(override) if override else Path(platformdirs.user_data_dir(APP))


def profile_file() -> Path:
    """The TOML file whose tables are profiles; ``ASYNCMCP_NB_HOME`` moves it."""
    override = os.environ.get(HOME_VARIABLE)
    folder = Path(override) if override else Path(platformdirs.user_config_dir(APP))
    return folder / "profiles.toml"


def read_profiles() -> dict[str, Mapping[str, Any]]:
    """All profiles by name; empty where there is no file.

    Raises:
        ConfigError: The file is not TOML.
    """
    path = profile_file()
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: {exc}") from None
    return {name: table for name, table in tables.items() if isinstance(table, dict)}


def load_profile(name: str) -> Deployment:
    """The deployment of a profile.

    Raises:
        ProfileNotFound: No profile has this name; the message lists those there are.
        ConfigError: The profile is not a deployment.
    """
    profiles = read_profiles()
    if name not in profiles:
        there = ", ".join(sorted(profiles)) or "none"
        raise ProfileNotFound(
            f"no profile {name!r} in {profile_file()} (there: {there}); "
            "`asyncmcp-nb provision` writes one, and no profile means the embedded broker"
        )
    return Deployment.from_mapping({"name": name, **profiles[name]})


def save_profile(deployment: Deployment) -> bool:
    """Write a deployment as the profile of its name; other profiles and comments stay as they are.

    Returns:
        Whether the file changed: False where the profile was there already.

    Raises:
        ConfigError: The file there is not TOML.
    """
    table = f"[{deployment.name}]\n{deployment.to_toml()}"
    if read_profiles().get(deployment.name) == tomllib.loads(deployment.to_toml()):
        return False
    path = profile_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text("utf-8") if path.exists() else ""
    path.write_text(_with_table(text, deployment.name, table), "utf-8")
    return True


def _with_table(text: str, name: str, table: str) -> str:
    """A TOML file's text with one top-level table replaced, or added at its end."""
    lines = text.splitlines(keepends=True)
    headers = [index for index, line in enumerate(lines) if line.startswith("[")]
    for index, following in pairwise([*headers, len(lines)]):
        if lines[index].partition("#")[0].strip("[]\"' \t\n") == name:
            end = following
            # Empty lines and comments above the next header belong to that one.
            while lines[end - 1].strip()[:1] in {"", "#"}:
                end -= 1
            return "".join([*lines[:index], table, *lines[end:]])
    return f"{text.rstrip()}\n\n{table}".lstrip()


def default_profile() -> str | None:
    """The profile named by ``ASYNCMCP_NB_PROFILE``, or None for the embedded broker."""
    return os.environ.get(PROFILE_VARIABLE) or None


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)
