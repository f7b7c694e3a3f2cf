"""What a session is made of, and what its requests say of its client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.session.displays import Displays, NoDisplays
from asyncmcp_nb.session.envelope import Stamp
from asyncmcp_nb.session.log import LogViews
from asyncmcp_nb.session.policy import Policies
from asyncmcp_nb.sns_sqs.messages import ClaimChecks

HANDSHAKE_SECONDS: Final = 60.0
"""Time for a server to be started, or to be slow. Our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What a session is made of; ``api.connect`` puts it together."""

    name: str
    """The client's name."""
    deployment: str
    """The deployment's name."""
    endpoint: str
    """Where it is, for people: a local address, or the AWS region."""
    era: str
    """MCP revision."""
    handshake_seconds: float = HANDSHAKE_SECONDS
    """How long a server may take to answer the handshake (2025 era)."""
    bus: Bus
    """Closed with the session."""
    claim_checks: ClaimChecks | None = None
    """Where messages go that are too large for their topic; its store is closed with the session.
    """
    config: SnsSqsTransportConfig
    server_queue_url: str | None = None
    """The queue that the workers share, for its depth; None where that is nobody's business."""
    dead_letter_queue_url: str | None = None
    """The workers' dead-letter queue, for its depth."""
    ledger: Ledger
    """Closed with the session."""
    views: LogViews
    displays: Displays = field(default_factory=NoDisplays)
    """Makes the session's widgets."""
    policies: Policies = field(default_factory=Policies)
    """Who answers what servers ask."""
    client_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More arguments for the SDK's ``Client``, such as ``client_info``. Callbacks among them answer
    in place of the policies."""
    on_close: Callable[[], None] = lambda: None
    """Called last, in a thread."""

    def requests(self) -> Mapping[str, int]:
        """AWS requests so far, by operation."""
        done = self.bus.statistics()
        if self.claim_checks is not None:
            done += self.claim_checks.store.statistics()
        return done.requests

    def close(self) -> None:
        """Close what belongs to the session; in a thread."""
        with ExitStack() as steps:  # the last of these first, and each whatever another raises
            steps.callback(self.on_close)
            if self.claim_checks is not None:
                steps.callback(self.claim_checks.store.close)
            steps.callback(self.bus.close)
            steps.callback(self.ledger.close)

    def stamp(self, options: Mapping[str, Any]) -> Stamp:
        """What the SDK's client would stamp on requests, for calls that do not pass through it.

        Args:
            options: The arguments that its ``Client`` is made with.
        """
        capabilities: dict[str, Any] = {}
        if options.get("sampling_callback"):
            details = options.get("sampling_capabilities")
            capabilities["sampling"] = {} if details is None else _plain(details)
        if options.get("elicitation_callback"):
            capabilities["elicitation"] = {"form": {}, "url": {}}
        if options.get("list_roots_callback"):
            capabilities["roots"] = {"listChanged": True}
        info = options.get("client_info")
        return Stamp(
            era=self.era,
            client_info={} if info is None else _plain(info),
            capabilities=capabilities,
            log_level=options.get("log_level") or "debug",
        )


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
