"""The tools of a session, in a part of the page that can be folded."""

from __future__ import annotations

from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.renderers import tools_table

_OPEN_COUNT = 8
"""A list of more tools than this starts folded."""


def tools_part(session: Session) -> Html:
    """The list, or why there is none."""
    tools = session.tools
    if tools is None:
        words = "The tools are listed as soon as a server answers."
        return tag("p", words, class_="amcp-quiet")
    is_open = len(tools) <= _OPEN_COUNT
    return tag(
        "details", tag("summary", f"Tools ({len(tools):,})"), tools_table(tools), open=is_open
    )
