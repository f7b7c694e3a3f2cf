"""A client's session: calls that outlive the cell, the loop and the kernel.

Above: ``frame``, ``ui`` and ``magics`` show it, ``api`` makes it. Below: ``sns_sqs`` moves its
messages, ``ledger`` remembers its calls. It draws nothing and knows nothing of AWS.
"""

from asyncmcp_nb.session.call import Call
from asyncmcp_nb.session.group import CallGroup, as_completed
from asyncmcp_nb.session.log import Log
from asyncmcp_nb.session.session import Session, SessionStatus, ToolList

__all__ = ["Call", "CallGroup", "Log", "Session", "SessionStatus", "ToolList", "as_completed"]
