"""What a session is made of, and what its requests say of its client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.session.envelope import Stamp
from asyncmcp_nb.session.log import LogViews


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
    bus: Bus
    """Closed with the session."""
    config: SnsSqsTransportConfig
    ledger: Ledger
    """Closed with the session."""
    views: LogViews
    panel: Callable[[Any], Any] = repr
    """Makes the widget of a session."""
    client_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More arguments for the SDK's ``Client``: callbacks, ``client_info``."""
    on_close: Callable[[], None] = lambda: None
    """Called last, in a thread."""

    def stamp(self) -> Stamp:
        """What the SDK's client would stamp on requests, for calls that do not pass through it."""
        options = self.client_options
        capabilities: dict[str, Any] = {}
        if options.get("sampling_callback"):
            capabilities["sampling"] = {}
        if options.get("elicitation_callback"):
            capabilities["elicitation"] = {"form": {}, "url": {}}
        if options.get("list_roots_callback"):
            capabilities["roots"] = {"listChanged": True}
        info = options.get("client_info")
        return Stamp(
            era=self.era,
            client_info={} if info is None else info.model_dump(by_alias=True, exclude_none=True),
            capabilities=capabilities,
            log_level=options.get("log_level") or "debug",
        )
