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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import platformdirs

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.limits import (
    LONG_POLL_SECONDS,
    MAX_LEASE_SECONDS,
    QUEUE_NAME_LENGTH,
    SNS_DEFAULT_MESSAGE_BYTES,
    SNS_RAISED_MESSAGE_BYTES,
)

APP: Final = "asyncmcp-nb"
HOME_VARIABLE: Final = "ASYNCMCP_NB_HOME"

LOCAL_NAME: Final = "local"
"""Names the embedded broker, and its deployment."""

Era = Literal["2026-07-28", "2025-11-25"]
"""MCP revision that a session speaks."""

Dialect = Literal["asyncmcp-nb", "asyncmcp"]
"""Whose servers a deployment has: ours, or those of the ``asyncmcp`` package."""

OUR_DIALECT: Final = "asyncmcp-nb"

MIN_KEY_BYTES: Final = 32
"""The shortest key that is taken, for sessions and signatures: 256 bits."""

_KEY_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0\r\n]+")
_LISTS: Final = frozenset({"allowed_reply_topics", "signing_keys"})
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
    request_topic_arn: str | None = None
    """Server: the topic that feeds all workers; what they tell each other goes through it."""
    allowed_reply_topics: tuple[str, ...] = ()
    """Server: topics besides its own that a client may name as the place for its answers."""
    signing_keys: tuple[str, ...] = field(default=(), repr=False)
    """Where the keys are that sign and verify messages, as ``Deployment.signing_keys``."""
    dialect: Dialect = OUR_DIALECT
    """Client: whose servers answer."""
    reply_topic_arn: str | None = None
    """Client, with the dialect ``asyncmcp``: the topic that feeds its own queue."""
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
    ack_linger_seconds: float = 1.0
    """How long an acknowledgement may wait for others to share its request."""
    gather_seconds: float = 0.05
    """How long, at most, messages wait for others to share a request with, while many come; 0 to
    let none wait. It is a small part of the time that they take anyway; see ``sns_sqs.pace``."""
    max_in_flight: int = 64
    """Server: requests worked on at a time; further ones stay in the queue for other workers."""
    gap_timeout_seconds: float = 2.0
    """Client: how long a message waits for an earlier one of the same request."""
    namesake_grace_seconds: float = 15.0
    """Client: how long an answer to a connection that is not known is left in the queue, for a
    client of the same name on another machine; then it counts as unsolicited."""
    max_attempt_count: int = 10
    """Server: a request that was delivered more often than this is answered with an error and put
    into the dead-letter queue: each worker that had it died or lost it."""
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
        _require(0 <= self.gather_seconds <= 1, "gather_seconds: 0 to 1")
        _require(self.poller_count >= 1, "poller_count: at least 1")
        _require(self.publisher_count >= 1, "publisher_count: at least 1")
        _require(self.max_in_flight >= 1, "max_in_flight: at least 1")
        _require(self.max_attempt_count >= 1, "max_attempt_count: at least 1")
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
        _require(
            (self.dialect == OUR_DIALECT) == (self.reply_topic_arn is None),
            "reply_topic_arn goes with the dialect 'asyncmcp', and that with it",
        )
        is_fifo = self.sns_topic_arn.endswith(".fifo")
        require_dialect(self.dialect, is_signed=bool(self.signing_keys), is_fifo=is_fifo)


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
    signing_keys: tuple[str, ...] = ()
    """Where the keys are that sign and verify messages: ``env:NAME`` or ``file:PATH``, each at
    least 32 bytes. The first signs, all verify. Empty: messages are neither signed nor verified.
    To rotate without downtime, roll out ``(old, new)`` everywhere, then ``(new, old)``, then
    ``(new,)``."""
    fifo: bool = False
    """Whether topics and queues keep the order of each connection's messages."""
    dialect: Dialect = OUR_DIALECT
    """Whose servers answer; ``asyncmcp`` for those of the package of that name (clients only)."""

    def __post_init__(self) -> None:
        """Check the name, since names of queues are made from it."""
        require_name(self.name, "deployment")
        require_key_references(self.signing_keys)
        for address in (self.request_topic_arn, self.response_topic_arn, self.server_queue_url):
            _require(
                address.endswith(".fifo") == self.fifo,
                f"fifo is {str(self.fifo).lower()}, which does not fit {address}",
            )
        require_dialect(self.dialect, is_signed=bool(self.signing_keys), is_fifo=self.fifo)

    def client_queue_url(self, name: str) -> str:
        """The queue of the client of this name.

        Raises:
            ConfigError: The name has characters that a queue's name may not have, or the queue's
                name would be longer than 80 characters.
        """
        require_name(name, "client")
        queue = f"{self.name}-client-{name}" + (".fifo" if self.fifo else "")
        if len(queue) > QUEUE_NAME_LENGTH:
            raise ConfigError(f"client name {name!r} makes a queue name of over 80 characters")
        return f"{self.server_queue_url.rpartition('/')[0]}/{queue}"

    def to_toml(self) -> str:
        """As a profile's table body; fields at their default are left out."""
        lines: list[str] = []
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value != entry.default:
                # JSON has tuples as arrays, and booleans, as TOML writes them.
                lines.append(f"{entry.name} = {json.dumps(value)}")
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
        known = {entry.name for entry in fields(cls)}
        if unknown := sorted(set(table) - known):
            raise ConfigError(f"unknown deployment setting {unknown[0]!r}; known: {sorted(known)}")
        values = {name: _setting(name, value) for name, value in table.items()}
        try:
            return cls(**values)
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


def require_key_references(references: Sequence[str]) -> None:
    """Check that keys are named, not given: a deployment is printed, saved and compared.

    Raises:
        ConfigError: One is neither ``env:NAME`` nor ``file:PATH``.
    """
    for reference in references:
        # The text is not repeated: it may be the key itself.
        _require(
            _KEY_REFERENCE.fullmatch(reference) is not None,
            "signing_keys: each names where its key is, as env:NAME or file:PATH",
        )


def require_dialect(dialect: Dialect, *, is_signed: bool, is_fifo: bool) -> None:
    """Check that other software is known, and is not asked for what it does not have.

    Raises:
        ConfigError: It is unknown, or neither signs messages nor uses FIFO topics and queues.
    """
    _require(dialect in get_args(Dialect), f"dialect: one of {', '.join(get_args(Dialect))}")
    is_ours = dialect == OUR_DIALECT
    _require(is_ours or not is_signed, "signing_keys: servers of the asyncmcp package do not sign")
    _require(is_ours or not is_fifo, "fifo: servers of the asyncmcp package use standard queues")


def read_key(reference: str) -> bytes:
    """The key that ``env:NAME`` or ``file:PATH`` names; a line break at its end is no part of it.

    Raises:
        ConfigError: It is not there, or shorter than 32 bytes.
    """
    require_key_references([reference])
    kind, _, place = reference.partition(":")
    try:
        key = os.environb[place.encode()] if kind == "env" else Path(place).read_bytes()
    except (KeyError, OSError) as exc:
        raise ConfigError(f"signing key {reference}: {type(exc).__name__}") from None
    # An editor or `echo` ends a file with a line break, and an environment variable has none.
    key = key.rstrip(b"\r\n")
    _require(len(key) >= MIN_KEY_BYTES, f"signing key {reference}: at least {MIN_KEY_BYTES} bytes")
    return key


def read_session_key(path: str | None) -> bytes | None:
    """The key that all workers of a deployment share, all of its file; None where there is none.

    Raises:
        ConfigError: The file cannot be read, or is shorter than 32 bytes.
    """
    if path is None:
        return None
    try:
        key = Path(path).read_bytes()
    except OSError as exc:
        raise ConfigError(f"cannot read the session key {path}: {exc.strerror}") from None
    _require(len(key) >= MIN_KEY_BYTES, f"session key {path}: at least {MIN_KEY_BYTES} bytes")
    return key


def data_directory() -> Path:
    """Where ledgers and runtime files of this user are; ``ASYNCMCP_NB_HOME`` moves it."""
    override = os.environ.get(HOME_VARIABLE)
    return Path(override) if override else Path(platformdirs.user_data_dir(APP))


def _setting(name: str, value: Any) -> Any:
    """A value of a profile's table as the deployment's field has it."""
    if name in _LISTS:
        is_list = isinstance(value, list | tuple)
        items = list(cast("Sequence[Any]", value)) if is_list else [None]
        _require(
            all(isinstance(item, str) for item in items),
            f"deployment setting {name!r} is not a list of strings",
        )
        return tuple(items)
    kind = bool if name == "fifo" else str
    what = "true or false" if kind is bool else "a string"
    _require(isinstance(value, kind), f"deployment setting {name!r} is not {what}")
    return value


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)
