"""pandas views of the log: frame, results, joins, exports, a timeline.

Above: ``session.log`` and the views of ``ui``, which import this room when they need it, since it
loads pandas. Below: the records of ``ledger``. Nothing here reads a ledger or waits for a call.
"""

from asyncmcp_nb.frame.columns import COLUMNS, Column
from asyncmcp_nb.frame.export import export
from asyncmcp_nb.frame.frame import read_frame, to_frame
from asyncmcp_nb.frame.join import join_answers
from asyncmcp_nb.frame.latency import latency
from asyncmcp_nb.frame.redact import Redact, Redaction, nothing_under
from asyncmcp_nb.frame.results import read_results, to_results
from asyncmcp_nb.frame.throughput import throughput
from asyncmcp_nb.frame.timeline import timeline

__all__ = [
    "COLUMNS",
    "Column",
    "Redact",
    "Redaction",
    "export",
    "join_answers",
    "latency",
    "nothing_under",
    "read_frame",
    "read_results",
    "throughput",
    "timeline",
    "to_frame",
    "to_results",
]
