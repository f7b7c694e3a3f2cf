"""Putting a session's status together from the parts that know something of it."""

from __future__ import annotations

from mcp import Client

from asyncmcp_nb.session.catalogue import Catalogue
from asyncmcp_nb.session.desk import CallDesk
from asyncmcp_nb.session.inbox import SessionInbox
from asyncmcp_nb.session.parts import SessionParts
from asyncmcp_nb.session.status import SessionStatus, state_of
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.depths import DepthGauge


class Watch:
    """Looks at one session, from any thread."""

    def __init__(
        self, parts: SessionParts, desk: CallDesk, inbox: SessionInbox, *, catalogue: Catalogue
    ) -> None:
        self._parts = parts
        self._desk = desk
        self._inbox = inbox
        self._catalogue = catalogue
        self.gauge = DepthGauge(
            parts.bus,
            [parts.config.sqs_queue_url, parts.server_queue_url, parts.dead_letter_queue_url],
        )
        """Measures the queues that concern the session."""

    def snapshot(
        self, link: ClientLink | None, client: Client | None, *, is_closed: bool
    ) -> SessionStatus:
        """How the session is doing; asks the ledger, and no queue."""
        parts = self._parts
        ledger = None if is_closed else parts.ledger
        counts = None if link is None else link.statistics()
        error = None if counts is None else counts.last_error
        trouble = error or (None if counts is None else counts.payload_error)
        trouble = trouble or (None if ledger is None else ledger.trouble)
        is_met = self._catalogue.tools is not None
        return SessionStatus(
            name=parts.name,
            deployment=parts.deployment,
            endpoint=parts.endpoint,
            era=parts.era,
            server=None if is_closed else _introduced(client),
            state=state_of(is_closed=is_closed, is_reachable=error is None, is_met=is_met),
            counts={} if ledger is None else ledger.counts(),
            oldest_outstanding_at=None if ledger is None else ledger.oldest_outstanding_at(),
            waiting_count=self._desk.waiting_count,
            unsolicited_count=self._inbox.unsolicited_count,
            requests=parts.requests(),
            error=self._catalogue.trouble if trouble is None else str(trouble),
            ended_count=self._desk.traces.ended_count,
            duplicate_count=self._inbox.duplicate_count + self._desk.traces.duplicate_count,
            refused_count=self._inbox.refused_count,
            held_count=0 if counts is None else counts.held_count,
            queue=self.gauge.latest(parts.config.sqs_queue_url),
            server_queue=self.gauge.latest(parts.server_queue_url),
            dead_letters=self.gauge.latest(parts.dead_letter_queue_url),
        )


def _introduced(client: Client | None) -> str | None:
    info = None if client is None else client.server_info
    return None if info is None else f"{info.name} {info.version}".strip()
