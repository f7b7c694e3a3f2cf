"""Call MCP tools that live behind queues, from a notebook, without waiting for them.

::

    %load_ext asyncmcp_nb
    session = await connect()
    call = session.submit("add", {"a": 1, "b": 2})
    result = await call

Importing this is quick: pandas, ipywidgets, boto3 and moto are loaded when they are needed.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from asyncmcp_nb._version import __version__

if TYPE_CHECKING:
    from asyncmcp_nb.api import connect, dead_letters, serve
    from asyncmcp_nb.broker import embedded
    from asyncmcp_nb.bus import MemoryBus
    from asyncmcp_nb.config import Deployment, SnsSqsTransportConfig
    from asyncmcp_nb.ledger import CallFilter, Status
    from asyncmcp_nb.session import Call, CallGroup, Session, as_completed
    from asyncmcp_nb.sns_sqs.client import sns_sqs_client
    from asyncmcp_nb.sns_sqs.server import sns_sqs_server

__all__ = [
    "Call",
    "CallFilter",
    "CallGroup",
    "Deployment",
    "MemoryBus",
    "Session",
    "SnsSqsTransportConfig",
    "Status",
    "__version__",
    "as_completed",
    "connect",
    "dead_letters",
    "embedded",
    "serve",
    "sns_sqs_client",
    "sns_sqs_server",
]

# A library logs to whom it was asked to; without this, Python prints its warnings into some cell.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOMES = {
    "Call": "session",
    "CallFilter": "ledger",
    "CallGroup": "session",
    "Deployment": "config",
    "MemoryBus": "bus",
    "Session": "session",
    "SnsSqsTransportConfig": "config",
    "Status": "ledger",
    "as_completed": "session",
    "connect": "api",
    "dead_letters": "api",
    "embedded": "broker",
    "serve": "api",
    "sns_sqs_client": "sns_sqs.client",
    "sns_sqs_server": "sns_sqs.server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext asyncmcp_nb``: the magics and displays. Connects to nothing."""
    import_module(f"{__name__}.magics").load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext asyncmcp_nb``; open sessions stay open."""
    import_module(f"{__name__}.magics").unload(ipython)
