"""What looks at a log, and needs no session for it."""

from __future__ import annotations

from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.session import Log
from asyncmcp_nb.views import PandasViews


class Onlooker:
    """As much of a session as a table needs that nobody clicks on."""

    is_closed = False
    tools = None

    def __init__(self, ledger: Ledger) -> None:
        self.log = Log(ledger, PandasViews())
