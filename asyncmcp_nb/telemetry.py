"""Every instrument of this package, through OpenTelemetry's API; its spans are in ``spans``.

The application decides whether anything comes of it: without an OpenTelemetry SDK all of this does
nothing. Names and attributes follow OpenTelemetry's semantic conventions for messaging and for MCP
where these have one, and begin with ``asyncmcp_nb`` where not. No attribute holds an argument, an
answer or a key; those of metrics have few values.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Counter, Observation

from asyncmcp_nb._version import __version__

T = TypeVar("T")

Attributes = Mapping[str, str]

SCOPE: Final = "asyncmcp-nb"
"""Name of the instrumentation scope, as tracers and meters are asked for."""

CALL_METHOD: Final = "tools/call"
OTHER: Final = "_OTHER"
"""What the conventions call a value that has no name of its own."""

_NAMES_COUNT: Final = 200
"""Tools and methods that metrics tell apart; whoever can send a request can make names up."""

_meter = metrics.get_meter(SCOPE, __version__)

# Boundaries in seconds, as the conventions for messaging and for MCP recommend them:
# https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/
# https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
_MESSAGING_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
_MCP_SECONDS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_SIZE_BYTES: Final = (256, 1024, 4096, 16_384, 65_536, 131_072, 262_144, 1_048_576)

# -- instruments ----------------------------------------------------------------------------------


def _counter(name: str, unit: str, description: str) -> Counter:
    return _meter.create_counter(name, unit=unit, description=description)


REQUESTS: Final = _meter.create_histogram(
    "messaging.client.operation.duration",
    unit="s",
    description="Requests to SNS and SQS, by operation; long polls included",
    explicit_bucket_boundaries_advisory=_MESSAGING_SECONDS,
)
SENT: Final = _counter(
    "messaging.client.sent.messages",
    "{message}",
    "Messages that a topic or queue was asked to take, those that it refused included",
)
CONSUMED: Final = _counter(
    "messaging.client.consumed.messages",
    "{message}",
    "Messages taken from queues, repeated deliveries included",
)
ACKNOWLEDGED: Final = _counter(
    "asyncmcp_nb.acknowledged.messages", "{message}", "Messages deleted from queues"
)
SIZES: Final = _meter.create_histogram(
    "asyncmcp_nb.message.size",
    unit="By",
    description="Bytes of a message on the wire, attributes included",
    explicit_bucket_boundaries_advisory=_SIZE_BYTES,
)
CALLS: Final = _meter.create_histogram(
    "mcp.client.operation.duration",
    unit="s",
    description="Calls of a session, from their submission to their end",
    explicit_bucket_boundaries_advisory=_MCP_SECONDS,
)
SERVED: Final = _meter.create_histogram(
    "mcp.server.operation.duration",
    unit="s",
    description="Requests that a server answered, from their receipt to their answer",
    explicit_bucket_boundaries_advisory=_MCP_SECONDS,
)
QUEUE_WAIT: Final = _meter.create_histogram(
    "asyncmcp_nb.server.queue.wait",
    unit="s",
    description="From a request's Timestamp, by its client's clock, to its first receipt",
    explicit_bucket_boundaries_advisory=_MCP_SECONDS,
)


SERVER_EVENTS: Final[Mapping[str, Counter]] = {
    "answered": _counter(
        "asyncmcp_nb.server.answered.requests",
        "{request}",
        "Answers that a topic accepted, those sent again included",
    ),
    "redelivered": _counter(
        "asyncmcp_nb.server.redelivered.requests",
        "{request}",
        "Requests that came again to the worker that has them",
    ),
    "duplicate": _counter(
        "asyncmcp_nb.server.duplicate.requests",
        "{request}",
        "Requests dropped, since another worker runs them",
    ),
    "handed_back": _counter(
        "asyncmcp_nb.server.handed_back.requests",
        "{request}",
        "Requests given back unfinished, for another worker",
    ),
    "lost_lease": _counter(
        "asyncmcp_nb.server.lost.leases",
        "{lease}",
        "Leases that could not be extended while their request ran",
    ),
    "parked": _counter(
        "asyncmcp_nb.server.parked.messages", "{message}", "Messages put into the dead-letter queue"
    ),
    "unsolicited": _counter(
        "asyncmcp_nb.server.unsolicited.messages",
        "{message}",
        "Answers to no question, and messages of no client",
    ),
    "refused_topic": _counter(
        "asyncmcp_nb.server.refused_topic.messages",
        "{message}",
        "Messages whose client names a topic not allowed",
    ),
}
"""What happens at a server's end, by the names that its tally has."""

CLIENT_DUPLICATES: Final = _counter(
    "asyncmcp_nb.client.duplicate.messages",
    "{message}",
    "Messages dropped, since they came before or their call had ended",
)
CLIENT_UNSOLICITED: Final = _counter(
    "asyncmcp_nb.client.unsolicited.messages",
    "{message}",
    "Messages for no request of the client that got them",
)
CLIENT_REFUSED: Final = _counter(
    "asyncmcp_nb.client.refused.messages",
    "{message}",
    "Messages to a client that did not verify or could not be decoded",
)


class Serving(Protocol):
    """What has requests in hand."""

    @property
    def running_count(self) -> int:
        """Requests being worked on."""
        ...


class Calling(Protocol):
    """What has calls that it waits for."""

    @property
    def outstanding_count(self) -> int:
        """Calls that have not ended."""
        ...


class Present(Generic[T]):
    """A number of things there are now, asked for when metrics are collected."""

    def __init__(self, name: str, unit: str, description: str, *, of: Callable[[T], int]) -> None:
        """Make the instrument.

        Args:
            name: Of the instrument.
            unit: Of what is counted.
            description: For people.
            of: The number of one owner, in any thread; must not block for long.
        """
        self._of = of
        self._lock = threading.Lock()
        self._owners: WeakSet[T] = WeakSet()
        _meter.create_observable_up_down_counter(
            name, [self._observe], unit=unit, description=description
        )

    def add(self, owner: T) -> None:
        """Count what this one has, as long as somebody else holds it."""
        with self._lock:
            self._owners.add(owner)

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            owners = list(self._owners)
        return [Observation(sum(map(self._of, owners)))] if owners else []


ACTIVE_REQUESTS: Final[Present[Serving]] = Present(
    "asyncmcp_nb.server.active_requests",
    "{request}",
    "Requests being worked on",
    of=lambda server: server.running_count,
)
OUTSTANDING_CALLS: Final[Present[Calling]] = Present(
    "asyncmcp_nb.client.outstanding_calls",
    "{call}",
    "Calls in the ledgers of open sessions that have not ended",
    of=lambda client: client.outstanding_count,
)

# -- attributes of metrics ------------------------------------------------------------------------


class Few:
    """Lets so many names through, and gives all others one name together."""

    def __init__(self, most_count: int) -> None:
        self._most_count = most_count
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """The name, or ``_OTHER`` where there are enough of them."""
        if name not in self._known:
            if len(self._known) >= self._most_count:
                return OTHER
            self._known.add(name)
        return name


_tools = Few(_NAMES_COUNT)
_methods = Few(_NAMES_COUNT)
_error_types = Few(_NAMES_COUNT)


def operation_attributes(
    method: str, *, tool: str | None = None, error_type: str | None = None
) -> dict[str, str]:
    """What the metrics of MCP requests are told apart by.

    Args:
        method: JSON-RPC method.
        tool: Of a ``tools/call``.
        error_type: How it failed, by one of a few words or codes; None where it did not.
    """
    attributes = {"mcp.method.name": _methods(method)}
    if method == CALL_METHOD:
        attributes["gen_ai.operation.name"] = "execute_tool"
    if tool is not None:
        attributes["gen_ai.tool.name"] = _tools(tool)
    if error_type is not None:
        attributes["error.type"] = _error_types(error_type)
    return attributes
