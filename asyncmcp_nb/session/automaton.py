"""Regular expressions as automata, which never go back: time is bounded by both lengths. Pure.

Only whether there is a match is of interest, so that greedy and lazy are the same. Back references,
look-behind, atomic groups and flags are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

STATE_COUNT: Final = 3_000
"""States that an automaton may have; counted repeats are written out."""

STEP_COUNT: Final = 300_000
"""States that a search may visit."""

_ENDLESS: Final = 1 << 31
"""Repeats above this have no end."""


class PatternTooCostly(Exception):
    """Nothing here can search for it in bounded time."""


@dataclass(slots=True)
class _State:
    """Where a search may be: before a character, or on the way to there."""

    takes: Callable[[str], bool] | None = None
    """Which characters lead on; None where none is needed."""
    admits: Callable[[str, int, list[int]], bool] | None = None
    """What must hold here: an anchor, or what lies ahead."""
    following: tuple[int, ...] = ()


class Automaton:
    """A pattern, from the tree that ``re`` reads it as.

    Raises:
        PatternTooCostly: It is too large, or has something that is left out.
    """

    def __init__(self, tree: Any) -> None:
        if getattr(tree, "state", None) is not None and tree.state.flags & ~32:  # 32: Unicode
            raise PatternTooCostly("flags")
        self._states: list[_State] = [_State()]
        self._start = self._sequence(tree, 0)

    def is_in(self, text: str) -> bool:
        """Whether there is a match anywhere in a text.

        Raises:
            PatternTooCostly: The text is too long for it.
        """
        return self._runs(text, 0, [STEP_COUNT], is_anywhere=True)

    def _runs(self, text: str, at: int, left: list[int], *, is_anywhere: bool) -> bool:
        waiting: set[int] = {self._start}
        for position in range(at, len(text) + 1):
            here = self._reached(waiting, text, position, left)
            if 0 in here:
                return True
            if position == len(text) or not (here or is_anywhere):
                return False
            character = text[position]
            waiting = {self._start} if is_anywhere else set()
            for number in here:
                state = self._states[number]
                if state.takes is not None and state.takes(character):
                    waiting.update(state.following)
        return False

    def _reached(self, start: Iterable[int], text: str, at: int, left: list[int]) -> set[int]:
        """The states to be in without taking a character."""
        seen: set[int] = set()
        waiting = list(start)
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            left[0] -= 1
            if left[0] < 0:
                raise PatternTooCostly("the text is too long for the pattern")
            state = self._states[number]
            if state.takes is None and (state.admits is None or state.admits(text, at, left)):
                waiting.extend(state.following)
        return seen

    def _new(self, state: _State) -> int:
        if len(self._states) >= STATE_COUNT:
            raise PatternTooCostly("it is too large")
        self._states.append(state)
        return len(self._states) - 1

    def _sequence(self, tree: Any, after: int) -> int:
        for operation, about in reversed(list(tree)):
            after = self._part(operation.name, about, after)
        return after

    def _part(self, name: str, about: Any, after: int) -> int:
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(about, after)
        if name == "BRANCH":
            starts = tuple(self._sequence(part, after) for part in about[1])
            return self._new(_State(following=starts))
        if name == "SUBPATTERN" and not (about[1] or about[2]):
            return self._sequence(about[3], after)
        if name in ("ASSERT", "ASSERT_NOT") and about[0] == 1:
            ahead, is_wanted = Automaton(about[1]), name == "ASSERT"
            return self._new(_State(admits=_looking(ahead, is_wanted), following=(after,)))
        if name == "AT" and about.name in _ANCHORS:
            return self._new(_State(admits=_ANCHORS[about.name], following=(after,)))
        return self._new(_State(takes=_taking(name, about), following=(after,)))

    def _repeat(self, about: Any, after: int) -> int:
        least, most, inner = about
        if most >= _ENDLESS:
            loop = self._new(_State())
            self._states[loop].following = (self._sequence(inner, loop), after)
            after = loop
        else:
            end = after
            for _ in range(most - least):
                after = self._new(_State(following=(self._sequence(inner, after), end)))
        for _ in range(least):
            after = self._sequence(inner, after)
        return after

    @property
    def look(self) -> Callable[[str, int, list[int]], bool]:
        """Whether it matches from a place on."""
        return lambda text, at, left: self._runs(text, at, left, is_anywhere=False)


def _looking(ahead: Automaton, is_wanted: bool) -> Callable[[str, int, list[int]], bool]:
    look = ahead.look
    return lambda text, at, left: look(text, at, left) == is_wanted


def _taking(name: str, about: Any) -> Callable[[str], bool]:
    if name == "LITERAL":
        return lambda character: ord(character) == about
    if name == "NOT_LITERAL":
        return lambda character: ord(character) != about
    if name == "ANY":
        return lambda character: character != "\n"
    if name == "IN":
        return _one_of(about)
    raise PatternTooCostly(f"{name} is left out")


def _one_of(about: Any) -> Callable[[str], bool]:
    is_wanted = not any(operation.name == "NEGATE" for operation, _ in about)
    tests = [_member(op.name, part) for op, part in about if op.name != "NEGATE"]
    return lambda character: any(test(character) for test in tests) == is_wanted


def _member(name: str, about: Any) -> Callable[[str], bool]:
    if name == "RANGE":
        low, high = about
        return lambda character: low <= ord(character) <= high
    if name == "CATEGORY":
        kind = about.name.removeprefix("CATEGORY_")
        if kind.removeprefix("NOT_") in _CATEGORIES:
            test, is_wanted = _CATEGORIES[kind.removeprefix("NOT_")], not kind.startswith("NOT_")
            return lambda character: test(character) == is_wanted
    return _taking(name, about)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_start(_text: str, at: int, _left: list[int]) -> bool:
    return at == 0


def _is_end(text: str, at: int, _left: list[int]) -> bool:
    return at == len(text)


def _is_last_line(text: str, at: int, _left: list[int]) -> bool:
    return at == len(text) or (at == len(text) - 1 and text[at] == "\n")


def _is_boundary(text: str, at: int, _left: list[int]) -> bool:
    before = at > 0 and _is_word(text[at - 1])
    return before != (at < len(text) and _is_word(text[at]))


def _is_no_boundary(text: str, at: int, left: list[int]) -> bool:
    return not _is_boundary(text, at, left)


_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": _is_word,
}
_ANCHORS: Final[dict[str, Callable[[str, int, list[int]], bool]]] = {
    "AT_BEGINNING": _is_start,
    "AT_BEGINNING_STRING": _is_start,
    "AT_END": _is_last_line,
    "AT_END_STRING": _is_end,
    "AT_BOUNDARY": _is_boundary,
    "AT_NON_BOUNDARY": _is_no_boundary,
}
