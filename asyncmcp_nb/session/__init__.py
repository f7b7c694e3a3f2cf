"""A client's session: calls that outlive the cell, the loop and the kernel.

Above: ``frame``, ``ui`` and ``magics`` show it, ``api`` makes it. Below: ``sns_sqs`` moves its
messages, ``ledger`` remembers its calls. It draws nothing and knows nothing of AWS.
"""

from asyncmcp_nb.ledger import LEVELS, OUTSTANDING, STATUSES, CallFilter, CallRecord, Status
from asyncmcp_nb.session.call import Call
from asyncmcp_nb.session.catalogue import ToolList
from asyncmcp_nb.session.group import CallGroup, as_completed
from asyncmcp_nb.session.log import Log
from asyncmcp_nb.session.notices import Notice
from asyncmcp_nb.session.parts import SessionParts
from asyncmcp_nb.session.policy import Policies
from asyncmcp_nb.session.question import Action, Question, Reply
from asyncmcp_nb.session.questions import Questions
from asyncmcp_nb.session.session import Session
from asyncmcp_nb.session.status import SessionStatus

__all__ = [
    "LEVELS",
    "OUTSTANDING",
    "STATUSES",
    "Action",
    "Call",
    "CallFilter",
    "CallGroup",
    "CallRecord",
    "Log",
    "Notice",
    "Policies",
    "Question",
    "Questions",
    "Reply",
    "Session",
    "SessionParts",
    "SessionStatus",
    "Status",
    "ToolList",
    "as_completed",
]
