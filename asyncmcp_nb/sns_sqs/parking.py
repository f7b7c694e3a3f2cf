"""Putting messages aside that can be neither answered nor decoded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Final

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.bus.batcher import Batcher
from asyncmcp_nb.errors import BusError, DecodeError
from asyncmcp_nb.limits import RAW_DELIVERY_ATTRIBUTE_COUNT
from asyncmcp_nb.wire import Incoming, Outgoing, decode

logger = logging.getLogger(__name__)

REASON_ATTRIBUTE: Final = "DeadLetterReason"
_REASON_LENGTH: Final = 256


class Parking:
    """Moves messages to the dead-letter queue, with the reason as an attribute."""

    def __init__(self, bus: Bus, dead_letter_queue: str | None) -> None:
        self._bus = bus
        self._queue = dead_letter_queue
        self._lock = threading.Lock()
        self._count = 0

    @property
    def parked_count(self) -> int:
        """Messages put aside, or left to their queue's own policy, so far."""
        return self._count

    def read(self, delivery: Delivery, acker: Batcher[str]) -> Incoming | None:
        """Decode a message; None where it cannot be, and is put aside."""
        try:
            return decode(delivery.body, delivery.attributes)
        except DecodeError as exc:
            self.park(delivery, exc.reason, acker)
            return None

    def park(self, delivery: Delivery, reason: str, acker: Batcher[str]) -> None:
        """Put a message aside, then acknowledge it; blocks for one request.

        Without a dead-letter queue it is left to its queue's redrive policy or retention.
        """
        logger.warning("a message is put aside: %s", reason)
        with self._lock:
            self._count += 1
        if self._queue is None:
            return
        letter = Outgoing(delivery.body, _with_reason(delivery.attributes, reason))
        try:
            self._bus.send(self._queue, letter)
        except BusError as exc:
            logger.warning("a message could not be put aside and comes again: %s", exc)
            return
        acker.submit(delivery.receipt, lambda _: None)


def _with_reason(attributes: Mapping[str, str], reason: str) -> dict[str, str]:
    kept = list(attributes.items())[: RAW_DELIVERY_ATTRIBUTE_COUNT - 1]
    return {**dict(kept), REASON_ATTRIBUTE: reason[:_REASON_LENGTH]}
