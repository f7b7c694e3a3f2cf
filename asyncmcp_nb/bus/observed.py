"""A bus whose requests are told to OpenTelemetry; nothing else changes."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from asyncmcp_nb import telemetry
from asyncmcp_nb.bus.protocol import Bus, BusStatistics, Delivery, QueueDepth
from asyncmcp_nb.errors import BusError
from asyncmcp_nb.wire import Outgoing
from asyncmcp_nb.wire.size import size_bytes

_SENT: Final = {"network.io.direction": "transmit"}
_RECEIVED: Final = {"network.io.direction": "receive"}


class ObservedBus:
    """Passes everything on to another bus, in the same thread."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def __repr__(self) -> str:
        return repr(self._bus)

    def publish(self, topic: str, batch: Sequence[Outgoing]) -> Sequence[BusError | None]:
        """See ``Bus.publish``."""
        with _request("PublishBatch", "send", topic) as attributes:
            try:
                outcomes = self._bus.publish(topic, batch)
            except BusError as exc:
                _note_sent(batch, [exc] * len(batch), attributes)
                raise
        _note_sent(batch, outcomes, attributes)
        return outcomes

    def receive(
        self, queue: str, *, max_count: int, wait_seconds: float, lease_seconds: float
    ) -> Sequence[Delivery]:
        """See ``Bus.receive``."""
        with _request("ReceiveMessage", "receive", queue) as attributes:
            deliveries = self._bus.receive(
                queue, max_count=max_count, wait_seconds=wait_seconds, lease_seconds=lease_seconds
            )
        if deliveries:
            telemetry.CONSUMED.add(len(deliveries), attributes)
        for delivery in deliveries:
            telemetry.SIZES.record(size_bytes(delivery.body, delivery.attributes), _RECEIVED)
        return deliveries

    def ack(self, queue: str, receipts: Sequence[str]) -> Sequence[BusError | None]:
        """See ``Bus.ack``."""
        with _request("DeleteMessageBatch", "settle", queue) as attributes:
            outcomes = self._bus.ack(queue, receipts)
        telemetry.ACKNOWLEDGED.add(sum(outcome is None for outcome in outcomes), attributes)
        return outcomes

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        """See ``Bus.extend``."""
        with _request("ChangeMessageVisibilityBatch", "settle", queue):
            return self._bus.extend(queue, receipts, lease_seconds)

    def send(self, queue: str, message: Outgoing) -> None:
        """See ``Bus.send``."""
        with _request("SendMessage", "send", queue) as attributes:
            try:
                self._bus.send(queue, message)
            except BusError as exc:
                _note_sent([message], [exc], attributes)
                raise
        _note_sent([message], [None], attributes)

    def measure(self, queue: str) -> QueueDepth:
        """See ``Bus.measure``."""
        with _request("GetQueueAttributes", None, queue):
            return self._bus.measure(queue)

    def statistics(self) -> BusStatistics:
        """See ``Bus.statistics``."""
        return self._bus.statistics()

    def close(self) -> None:
        """See ``Bus.close``."""
        self._bus.close()


@contextmanager
def _request(operation: str, kind: str | None, target: str) -> Generator[dict[str, str]]:
    """Around one request: how long it took, and whether it failed."""
    attributes = {
        "messaging.system": _system(target),
        "messaging.operation.name": operation,
        "messaging.destination.name": _name(target),
    }
    if kind is not None:
        attributes["messaging.operation.type"] = kind
    error: BusError | None = None
    began = time.monotonic()
    try:
        yield attributes
    except BusError as exc:
        error = exc
        raise
    finally:
        seconds = time.monotonic() - began
        telemetry.REQUESTS.record(seconds, _failed(attributes, error))


def _note_sent(
    batch: Sequence[Outgoing], outcomes: Sequence[BusError | None], attributes: dict[str, str]
) -> None:
    for outgoing, error in zip(batch, outcomes, strict=True):
        telemetry.SENT.add(1, _failed(attributes, error))
        if error is None:
            telemetry.SIZES.record(outgoing.size_bytes, _SENT)


def _failed(attributes: dict[str, str], error: BusError | None) -> dict[str, str]:
    return attributes if error is None else {**attributes, "error.type": type(error).__name__}


def _system(target: str) -> str:
    """As the messaging conventions name SNS and SQS."""
    if target.startswith("arn:"):
        return "aws.sns"
    return "aws_sqs" if target.startswith(("https:", "http:")) else "memory"


def _name(target: str) -> str:
    """Of a topic or queue, without the account."""
    return target.rpartition(":" if target.startswith("arn:") else "/")[2]
