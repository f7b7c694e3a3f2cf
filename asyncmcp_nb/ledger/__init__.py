"""The durable record of calls: SQLite, one row a call, each answer once, surviving the kernel.

Above: ``session`` submits and reads, the transport's threads record, ``frame`` and ``ui`` show.
Below: ``errors``. It knows nothing of queues, event loops or pandas.
"""

from asyncmcp_nb.ledger.answers import LEVELS, severity
from asyncmcp_nb.ledger.ledger import NOTES, Ledger
from asyncmcp_nb.ledger.query import CallFilter
from asyncmcp_nb.ledger.reader import LedgerReader
from asyncmcp_nb.ledger.records import (
    Arrival,
    ArrivalKind,
    Binding,
    CallRecord,
    LogEntry,
    NewCall,
    Outcome,
    Recorded,
    Refused,
    Sent,
    Unsolicited,
)
from asyncmcp_nb.ledger.status import OUTSTANDING, STATUSES, TERMINAL, Status, next_status

__all__ = [
    "LEVELS",
    "NOTES",
    "OUTSTANDING",
    "STATUSES",
    "TERMINAL",
    "Arrival",
    "ArrivalKind",
    "Binding",
    "CallFilter",
    "CallRecord",
    "Ledger",
    "LedgerReader",
    "LogEntry",
    "NewCall",
    "Outcome",
    "Recorded",
    "Refused",
    "Sent",
    "Status",
    "Unsolicited",
    "next_status",
    "severity",
]
