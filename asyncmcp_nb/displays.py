"""The widgets of a session, with ipywidgets imported when one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from asyncmcp_nb.errors import SessionClosed
from asyncmcp_nb.session import Session
from asyncmcp_nb.session.tally import Tally


class WidgetDisplays:
    """See ``asyncmcp_nb.session.displays.Displays``."""

    def panel(self, session: Session) -> Any:
        """See ``Displays``."""
        from asyncmcp_nb.ui.panel import panel_of

        panel = panel_of(session)
        if panel is None:
            raise SessionClosed("this session is closed; connect again")
        return panel

    def tool_list(self, session: Session) -> Any:
        """See ``Displays``."""
        from asyncmcp_nb.ui.kit.part import Shown
        from asyncmcp_nb.ui.tools.list import ToolListPart

        return Shown(session, ToolListPart(session), sheets=("tools",))

    def form(self, session: Session, tool: str, values: Mapping[str, Any]) -> Any:
        """See ``Displays``."""
        from asyncmcp_nb.ui.kit.part import Shown
        from asyncmcp_nb.ui.tools.form import ToolForm

        part = ToolForm(session, session.tool(tool), values)
        return Shown(session, part, sheets=("answers", "card"))

    def table(self, session: Session) -> Any:
        """See ``Displays``."""
        from asyncmcp_nb.ui.kit.part import Shown
        from asyncmcp_nb.ui.table.table import CallTable

        return Shown(session, CallTable(session))

    def messages(self, session: Session) -> Any:
        """See ``Displays``."""
        from asyncmcp_nb.ui.kit.part import Shown
        from asyncmcp_nb.ui.messages.pane import MessagePane

        return Shown(session, MessagePane(session), sheets=("answers", "card"))

    def progress(self, tally: Tally, /) -> AbstractContextManager[object]:
        """See ``Displays``."""
        from asyncmcp_nb.ui.progress.group import watch

        return watch(tally)
