"""One call to look at and to work with: its state, question, answer, log messages and actions."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from asyncmcp_nb.errors import LedgerError, SessionClosed, ToolNotFound
from asyncmcp_nb.session import Call, CallRecord, Session
from asyncmcp_nb.ui import widgets
from asyncmcp_nb.ui.answer_actions import AnswerActions
from asyncmcp_nb.ui.answer_parts import parts_of
from asyncmcp_nb.ui.call_html import (
    CALL_SHEETS,
    arguments_html,
    call_body,
    head_html,
    outcome_html,
    times_html,
)
from asyncmcp_nb.ui.callbacks import telling
from asyncmcp_nb.ui.card_actions import CardActions
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.inputs import Kit
from asyncmcp_nb.ui.message_lines import lines_html, lines_of
from asyncmcp_nb.ui.message_pane import MessagePane
from asyncmcp_nb.ui.folding import fold
from asyncmcp_nb.ui.question_slot import QuestionSlot
from asyncmcp_nb.ui.question_view import question_html, question_text
from asyncmcp_nb.ui.text import call_text
from asyncmcp_nb.ui.theme import bare, sheet
from asyncmcp_nb.ui.tool_html import is_destructive
