"""Where topics and queues come from: the embedded broker, and deployments on AWS.

Above: the composition root asks for a ``Deployment`` and a ``Bus``. Below: ``bus``. Each name is
loaded at first use, so that importing this room loads neither boto3 nor moto.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncmcp_nb.broker.client_topics import reply_topic_arn
    from asyncmcp_nb.broker.connect import open_bus, open_payloads
    from asyncmcp_nb.broker.dead_letters import DeadLetters
    from asyncmcp_nb.broker.local import (
        EmbeddedStatus,
        embedded,
        embedded_status,
        stop_embedded,
    )
    from asyncmcp_nb.broker.provisioning import (
        ensure_client,
        ensure_worker,
        provision,
        remove_client,
        remove_worker,
        teardown,
        topic_limit_bytes,
    )

__all__ = [
    "DeadLetters",
    "EmbeddedStatus",
    "embedded",
    "embedded_status",
    "ensure_client",
    "ensure_worker",
    "open_bus",
    "open_payloads",
    "provision",
    "remove_client",
    "remove_worker",
    "reply_topic_arn",
    "stop_embedded",
    "teardown",
    "topic_limit_bytes",
]

# Modules are not named as what they offer: importing one would shadow the name here.
_MODULES = {
    "client_topics": ("reply_topic_arn",),
    "connect": ("open_bus", "open_payloads"),
    "dead_letters": ("DeadLetters",),
    "local": ("EmbeddedStatus", "embedded", "embedded_status", "stop_embedded"),
    "provisioning": (
        "ensure_client",
        "ensure_worker",
        "provision",
        "remove_client",
        "remove_worker",
        "teardown",
        "topic_limit_bytes",
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
