"""Putting messages aside that can be neither answered nor decoded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Final

from asyncmcp_nb import telemetry
from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.bus.batcher import Batcher
from asyncmcp_nb.errors import BusError, DecodeError
from asyncmcp_nb.limits import RAW_DELIVERY_ATTRIBUTE_COUNT
from asyncmcp_nb.logs import about, plain
from asyncmcp_nb.sns_sqs.messages import Messages, lone_ordering
from asyncmcp_nb.wire import Incoming, Outgoing
from asyncmcp_nb.wire.attributes import REASON_ATTRIBUTE
from asyncmcp_nb.wire.signing import SIGNED_ATTRIBUTES

logger = logging.getLogger(__name__)

_REASON_LENGTH: Final = 256


class Parking:
    """Moves messages to the dead-letter queue, with the reason as an attribute."""

    def __init__(self, bus: Bus, messages: Messages, dead_letter_queue: str | None) -> None:
        self._bus = bus
        self._messages = messages
        self._queue = dead_letter_queue
        self._lock = threading.Lock()
        self._count = 0

    @property
    def parked_count(self) -> int:
        """Messages put aside, or left to their queue's own policy, so far."""
        return self._count

    def read(self, delivery: Delivery, acker: Batcher[str]) -> Incoming | None:
        """Decode a message; None where it cannot be, and is put aside or comes again."""
        try:
            return self._messages.read(delivery)
        except DecodeError as exc:
            self.park(delivery, exc.reason, acker)
        except BusError as exc:
            logger.warning(
                "a message comes again, since its payload cannot be fetched: %s",
                plain(exc),
                extra=about(message_id=delivery.message_id),
            )
        return None

    def park(self, delivery: Delivery, reason: str, acker: Batcher[str]) -> None:
        """Put a message aside, then acknowledge it; blocks for one request.

        Without a dead-letter queue it is left to its queue's redrive policy or retention.
        """
        if self.copy(delivery, reason) and self._queue is not None:
            acker.submit(delivery.receipt, lambda _: None)

    def copy(self, delivery: Delivery, reason: str) -> bool:
        """Put a copy of a message aside; False where that failed."""
        fields = about(message_id=delivery.message_id)
        logger.warning("a message is put aside: %s", reason, extra=fields)
        if self._queue is not None:
            attributes = _with_reason(delivery.attributes, reason)
            ordering = lone_ordering(self._queue)
            try:
                self._bus.send(self._queue, Outgoing(delivery.body, attributes, ordering=ordering))
            except BusError as exc:
                logger.warning(
                    "a message could not be put aside and comes again: %s", plain(exc), extra=fields
                )
                return False
        with self._lock:
            self._count += 1
        telemetry.SERVER_EVENTS["parked"].add(1)
        return True


def _with_reason(attributes: Mapping[str, str], reason: str) -> dict[str, str]:
    # What others added goes first: a letter is to be sent again, and its signature covers ours.
    names = sorted(attributes, key=lambda name: name not in SIGNED_ATTRIBUTES)
    kept = {name: attributes[name] for name in names[: RAW_DELIVERY_ATTRIBUTE_COUNT - 1]}
    return {**kept, REASON_ATTRIBUTE: reason[:_REASON_LENGTH]}
