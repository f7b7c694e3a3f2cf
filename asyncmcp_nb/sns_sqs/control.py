"""A worker's own queue: cancellations, and answers to its questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mcp_types import JSONRPCRequest

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.sns_sqs.acks import ignore, make_acker
from asyncmcp_nb.sns_sqs.parking import Parking
from asyncmcp_nb.sns_sqs.poller import Poller
from asyncmcp_nb.wire import Incoming


class ControlQueue:
    """Receives what is meant for this worker alone; one thread polls."""

    def __init__(
        self,
        bus: Bus,
        config: SnsSqsTransportConfig,
        deliver: Callable[[Incoming], bool],
        *,
        parking: Parking,
        queue: str,
    ) -> None:
        """Make it; ``start`` begins to receive.

        Args:
            bus: Where the queue is.
            config: The timings.
            deliver: Takes a message in a thread; one that it refuses comes again.
            parking: Puts aside what cannot be read, and requests, which do not belong here.
            queue: The worker's own queue.
        """
        self._deliver = deliver
        self._parking = parking
        self._acker = make_acker(bus, queue, config)
        self._poller = Poller(
            bus,
            queue,
            self._take,
            thread_count=1,
            wait_seconds=config.poll_wait_seconds,
            lease_seconds=config.lease_seconds,
        )

    def start(self) -> None:
        """Begin to receive."""
        self._poller.start()

    def close(self, timeout_seconds: float) -> None:
        """Stop, and acknowledge what was taken."""
        self._poller.close()
        self._acker.close(timeout_seconds)

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            incoming = self._parking.read(delivery, self._acker)
            if incoming is None:
                continue
            if isinstance(incoming.message, JSONRPCRequest):
                self._parking.park(delivery, "a request that names a worker", self._acker)
            elif self._deliver(incoming):
                self._acker.submit(delivery.receipt, ignore)
