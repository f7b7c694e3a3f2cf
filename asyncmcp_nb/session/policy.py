"""Who answers a server's questions: a function, a person, or nobody."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, cast

import anyio.to_thread
from mcp_types import CreateMessageResult, ElicitResult, ErrorData, ListRootsResult, Root

from asyncmcp_nb.session.question import Kind, Question, Reply, Result, result_of

Fixed = Literal["ask", "decline"]
"""``ask`` a person, through ``session.questions``, whatever the kernel says; or ``decline`` all."""

OnQuestion = Callable[[Question], Any]
"""Answers a question, at once or as a coroutine: returns the content to accept with (``True`` where
there is none to give), ``None`` or ``False`` to decline, or a ``Reply``. A plain function runs in a
thread and may block. One that raises ends the call as ``failed``."""

Roots = Sequence["str | os.PathLike[str] | Mapping[str, Any] | Root"]

PARAMETER_OF: Final[Mapping[Kind, str]] = {
    "form": "on_elicit",
    "url": "on_elicit",
    "sampling": "on_sample",
    "roots": "roots",
}
"""The parameter of ``connect`` that answers a kind of question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Who answers what. What nothing is said of, a person is asked, where there is one."""

    on_elicit: OnQuestion | Fixed | None = None
    """Answers forms and pages to open."""
    on_sample: OnQuestion | Fixed | None = None
    """Answers for a model."""
    roots: Roots | OnQuestion | Fixed | None = None
    """Folders that servers may use, or what says so."""
    has_person: bool = False
    """Whether a person can be asked."""

    def of(self, kind: Kind) -> OnQuestion | Fixed | None:
        """Who answers this kind; None for nobody."""
        given: Any = getattr(self, PARAMETER_OF[kind])
        if given is None:
            return "ask" if self.has_person else None
        if callable(given) or given in ("ask", "decline"):
            return given
        return partial(_always, list(given))

    def can_answer(self, kind: Kind) -> bool:
        """Whether servers are to be told that they may ask this.

        One that always declines forms can still be asked: servers go on without. The other kinds
        know no declining but an error.
        """
        policy = self.of(kind)
        return policy is not None and (policy != "decline" or kind in ("form", "url"))


async def answer_by(policy: OnQuestion, question: Question) -> Result:
    """Let a policy answer.

    Raises:
        InvalidArguments: What it returned does not fit the question.
        Exception: Whatever it raises.
    """
    is_async = inspect.iscoroutinefunction(policy) or inspect.iscoroutinefunction(
        getattr(policy, "__call__", None)  # noqa: B004 - its method is looked at, not whether it is there
    )
    if is_async:
        said: Any = await policy(question)
    else:
        said = await anyio.to_thread.run_sync(policy, question, abandon_on_cancel=True)
        if inspect.isawaitable(said):
            said = await said
    if isinstance(said, ElicitResult | CreateMessageResult | ListRootsResult | ErrorData):
        return said
    return result_of(question, _reply(said))


def _reply(said: Any) -> Reply:
    if isinstance(said, Reply):
        return said
    if said is None or said is False:
        return Reply("decline")
    return Reply("accept", said)


def _always(content: list[Any], _: Question) -> Any:
    return cast("Any", content)
