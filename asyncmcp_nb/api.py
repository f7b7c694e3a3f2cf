"""The functions that the facade offers, in one place."""

from __future__ import annotations

from asyncmcp_nb.connecting import Connecting, connect
from asyncmcp_nb.letters import dead_letters
from asyncmcp_nb.places import Where, resolve
from asyncmcp_nb.serving import serve

__all__ = ["Connecting", "Where", "connect", "dead_letters", "resolve", "serve"]
