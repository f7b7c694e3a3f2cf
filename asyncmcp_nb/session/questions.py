"""The open questions of a session: asked on its loop, answered from any thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from itertools import count
from typing import Any, Final

import anyio

from asyncmcp_nb.errors import SessionClosed
from asyncmcp_nb.session.observers import Observers
from asyncmcp_nb.session.question import (
    Action,
    Params,
    Question,
    Reply,
    Result,
    question_of,
    result_of,
)
from asyncmcp_nb.sns_sqs.handoff import Handoff

logger = logging.getLogger(__name__)

MAX_OPEN_COUNT: Final = 10_000
"""Questions that may wait at a time; further ones are cancelled. Our choice."""


class _Open:
    """A question that waits, on the loop of whoever asked it."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.result: Result | None = None
        self._handoff = Handoff()
        self._answered = anyio.Event()

    def settle(self, result: Result) -> None:
        """Let it wait no more; from any thread."""
        self.result = result
        self._handoff.post(self._answered.set)

    async def wait(self) -> Result:
        """Wait for the answer."""
        await self._answered.wait()
        assert self.result is not None
        return self.result


class Questions:
    """What servers want to know of the person at this session.

    A question waits until it is answered here, its call ends, or its server withdraws it. Those
    of the 2025-11-25 era end with their connection; newer ones are in the ledger and asked again
    by the next session of this name.
    """

    def __init__(self, changed: Callable[[Question], object]) -> None:
        """Make an empty set.

        Args:
            changed: Told of each question that was opened or closed, in some thread.
        """
        self._changed = changed
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}
        self._numbers = count(1)
        self._observers: Observers[Question] = Observers()
        self._is_closed = False
        self._turns: Observers[None] = Observers()
        """Told when a question was opened or closed, or this was."""

    def __len__(self) -> int:
        return len(self._open)

    def __repr__(self) -> str:
        waiting = self.open()
        shown = ", ".join(f"{one.id} {one.kind} for {one.tool or 'no call'}" for one in waiting[:5])
        more = "" if len(waiting) <= 5 else f", and {len(waiting) - 5:,} more"
        return f"<Questions: {shown or 'none'}{more}>"

    def open(self, call_id: str | None = None) -> list[Question]:
        """Questions that wait, oldest first.

        Args:
            call_id: Only those of this call; all by default.
        """
        with self._lock:
            waiting = [one.question for one in self._open.values()]
        return waiting if call_id is None else [one for one in waiting if one.call_id == call_id]

    async def next(
        self,
        call_id: str | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as all that waits here has it
    ) -> Question:
        """The question that waits longest, as soon as there is one.

        Args:
            call_id: Only of this call; of any by default. It need not have been asked for yet.
            timeout: Seconds to wait; for ever by default, even if the call ends meanwhile.

        Raises:
            TimeoutError: There was none by then.
            SessionClosed: The session is closed, or was while this waited.
        """
        handoff = Handoff()
        try:
            with anyio.fail_after(timeout):
                while True:
                    changed = anyio.Event()
                    leave = self._turns.subscribe(partial(_post, handoff, changed))
                    try:
                        if waiting := self.open(call_id):
                            return waiting[0]
                        if self._is_closed:
                            raise SessionClosed("this session is closed; connect again")
                        await changed.wait()
                    finally:
                        leave()
        except TimeoutError:
            raise TimeoutError(f"nothing was asked within {timeout:g} s") from None

    def answer(self, question_id: str, action: Action, content: Any = None) -> bool:
        """Answer a question; from any thread, never waiting for the server.

        Args:
            question_id: Its id.
            action: ``accept``, ``decline``, or ``cancel``, which is to go without a choice.
            content: What accepting says. ``form``: a dict that fits ``schema``. ``url``: nothing.
                ``sampling``: a text, or a dict of ``text`` and ``model``. ``roots``: a list of
                paths, addresses, or dicts of ``uri`` and ``name``.

        Returns:
            False where it waits no more: it was answered, its call has ended, or the server or its
            connection is gone.

        Raises:
            InvalidArguments: There is no such action, or the content does not fit. The question
                goes on waiting.
        """
        with self._lock:
            waiting = self._open.get(question_id)
        if waiting is None:
            return False
        result = result_of(waiting.question, Reply(action, content))
        return self._settle(question_id, result)

    def subscribe(self, observer: Callable[[Question], object]) -> Callable[[], None]:
        """Call ``observer`` with a question when it was opened or closed; the answer ends that.

        It is called in some thread and must not block. ``session.log`` tells its observers too.
        """
        return self._observers.subscribe(observer)

    # -- for the session --------------------------------------------------------------------------

    def make(self, params: Params, *, call_id: str | None, tool: str | None) -> Question:
        """A question, not yet open, of what a server sent."""
        name = f"q{next(self._numbers)}"
        return question_of(params, name, call_id=call_id, tool=tool, asked_at=time.time())

    async def ask(self, question: Question) -> Result:
        """Open a question, and wait for its answer on this loop; cancelling this withdraws it."""
        waiting = _Open(question)
        with self._lock:
            is_full = len(self._open) >= MAX_OPEN_COUNT
            if not is_full:
                self._open[question.id] = waiting
        if is_full:
            logger.warning("more than %d questions are open; one is cancelled", MAX_OPEN_COUNT)
            return result_of(question, Reply("cancel"))
        self._tell(question)
        try:
            return await waiting.wait()
        finally:
            with self._lock:
                is_withdrawn = self._open.pop(question.id, None) is not None
            if is_withdrawn:
                self._tell(question)

    def close(self) -> None:
        """Let nobody wait for a question any more, since the session closes."""
        self._is_closed = True
        self._turns.tell(None)

    def close_of(self, call_ids: Collection[str]) -> None:
        """Cancel what waits for calls that have ended."""
        with self._lock:
            waiting = [one.question for one in self._open.values()]
        for question in [one for one in waiting if one.call_id in call_ids]:
            self._settle(question.id, result_of(question, Reply("cancel")))

    def _settle(self, question_id: str, result: Result) -> bool:
        with self._lock:
            waiting = self._open.pop(question_id, None)
        if waiting is None:
            return False
        waiting.settle(result)
        self._tell(waiting.question)
        return True

    def _tell(self, question: Question) -> None:
        self._observers.tell(question)
        self._turns.tell(None)
        self._changed(question)


def _post(handoff: Handoff, event: anyio.Event, _: object) -> None:
    """Set an event of another thread's loop."""
    handoff.post(event.set)
