"""Calls that tasks ask for, recorded by the thread that sends them: no loop waits for the file."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from asyncmcp_nb.errors import AsyncMcpError, InvalidArguments, LedgerError
from asyncmcp_nb.ledger import Binding, Ledger, NewCall
from asyncmcp_nb.session.call import CallWaiter
from asyncmcp_nb.session.waiting import wake

logger = logging.getLogger(__name__)


class Asked(NamedTuple):
    """A call, and the task that waits for its end."""

    call: NewCall
    waiter: CallWaiter
    """Woken from here only where the call is not recorded, with the reason."""


def interrupted(asked: Iterable[Asked]) -> None:
    """Say to tasks that their calls may not have been taken."""
    reason = AsyncMcpError("not sent: what sends several calls was interrupted; try again")
    wake((one.waiter, reason) for one in asked)


Bind = Callable[[NewCall], Binding]
"""The request that a call is about to be sent as."""


class Admission:
    """The way of calls from tasks into the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._asked: deque[Asked] = deque()

    def ask(self, asked: Iterable[Asked]) -> None:
        """Have calls recorded and sent soon, from any thread."""
        self._asked.extend(asked)

    def take(self, most_count: int) -> list[Asked]:
        """The next that were asked for."""
        return [self._asked.popleft() for _ in range(min(most_count, len(self._asked)))]

    def record(
        self, asked: Sequence[Asked], bind: Bind | None
    ) -> list[tuple[NewCall, Binding | None]]:
        """Record calls as ``queued`` in one transaction, each bound to its request if told so.

        Returns:
            Those that are recorded; tasks whose calls are not are woken with the reason.
        """
        bound = [(one.call, None if bind is None else bind(one.call)) for one in asked]
        try:
            self._ledger.add(
                [call for call, _ in bound], [each for _, each in bound if each is not None]
            )
        except LedgerError as exc:
            # One by one, each would wait for a file that is locked.
            wake((one.waiter, exc) for one in asked)
            return []
        except InvalidArguments as exc:
            return self._record_others(asked, bind, exc)
        except Exception as exc:  # boundary: a task must not wait for ever on a bug below here
            logger.exception("calls could not be recorded")
            return self._record_others(asked, bind, exc)
        return bound

    def _record_others(
        self, asked: Sequence[Asked], bind: Bind | None, reason: Exception
    ) -> list[tuple[NewCall, Binding | None]]:
        """Record one by one what could not be recorded together."""
        if len(asked) > 1:
            return [kept for one in asked for kept in self.record([one], bind)]
        wake((one.waiter, reason) for one in asked)
        return []
