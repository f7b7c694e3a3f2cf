"""Dead letters as values. What they say was written by others: shown, all of it is harmless."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, overload

from asyncmcp_nb.errors import DecodeError
from asyncmcp_nb.printable import cut, one_line, visible
from asyncmcp_nb.wire import decode

_HEADINGS: Final = ("ID", "SENT (UTC)", "RECEIVED", "METHOD", "CLIENT", "SIZE", "REASON")
_RIGHT_ALIGNED: Final = frozenset({"RECEIVED", "SIZE"})
_NAME_LENGTH: Final = 40
_REASON_LENGTH: Final = 100
_VALUE_LENGTH: Final = 400
_BODY_LENGTH: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Letter:
    """One message of a dead-letter queue."""

    message_id: str
    """SQS's own; names it in this queue."""
    reason: str
    """Why it is here, in the words of the worker that put it here; what SQS moved by itself, after
    too many receives, came without any."""
    sent_at: datetime
    """UTC. When the worker put it here; for what SQS moved from a standard queue, when it was first
    sent."""
    receive_count: int
    """How often it was received, about; each look at it counts."""
    method: str | None
    """Of the JSON-RPC message, such as ``tools/call``."""
    tool: str | None
    """The tool that was called."""
    request_id: str | None
    """The JSON-RPC id, as text."""
    client_id: str | None
    """The client's name."""
    deadline: datetime | None
    """UTC. When the caller stops waiting."""
    size_bytes: int
    """Body and attributes."""
    attributes: Mapping[str, str]
    """As received, but for the reason and those that are not text; session ids and signatures are
    cut short."""
    body: str
    """As received; without the notification that SNS puts around it where delivery is not raw."""

    @property
    def message(self) -> dict[str, Any] | None:
        """The JSON-RPC message; None where the body holds none, or is a pointer to S3."""
        return message_of(self.body, self.attributes)

    def __repr__(self) -> str:
        """One line."""
        return _line(self)

    def __str__(self) -> str:
        """All of it, the body up to a bound."""
        return _details(self)


@dataclass(frozen=True, slots=True, repr=False)
class Letters(Sequence[Letter]):
    """What a look into a dead-letter queue found."""

    letters: tuple[Letter, ...]
    total_count: int
    """All that the queue holds, about: those beyond the limit too, and those that others hold."""

    @overload
    def __getitem__(self, index: int) -> Letter: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Letter, ...]: ...
    def __getitem__(self, index: int | slice) -> Letter | tuple[Letter, ...]:
        return self.letters[index]

    def __len__(self) -> int:
        return len(self.letters)

    def __iter__(self) -> Iterator[Letter]:
        return iter(self.letters)

    def __repr__(self) -> str:
        """A line with the counts, and one for each letter."""
        return _table(self.letters, self.total_count)


def message_of(body: str, attributes: Mapping[str, str]) -> dict[str, Any] | None:
    """The JSON-RPC message of a body; None where it holds none, or is a pointer to S3."""
    try:
        message = decode(body, attributes).message
    except DecodeError:
        return None
    return message.model_dump(mode="json", by_alias=True, exclude_unset=True)


def moment(when: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _line(letter: Letter) -> str:
    """One line, as ``repr`` shows it."""
    who = f" from {_name(letter.client_id)}" if letter.client_id else ""
    return (
        f"<Letter {_name(letter.message_id)}: {_called(letter)}{who}, {moment(letter.sent_at)}, "
        f"{letter.size_bytes:,} B, received {_times(letter)}: {_reason(letter)}>"
    )


def _table(letters: Sequence[Letter], total_count: int) -> str:
    """A line with the counts, then headings and a line for each letter."""
    rows = [
        (
            _name(letter.message_id),
            f"{letter.sent_at:%Y-%m-%d %H:%M:%S}",
            f"{letter.receive_count:,}",
            _called(letter),
            _name(letter.client_id),
            f"{letter.size_bytes:,} B",
            _reason(letter),
        )
        for letter in letters
    ]
    return "\n".join([_counted(len(letters), total_count), *(_aligned(rows) if rows else [])])


def _details(letter: Letter) -> str:
    """All that is known of a letter, and its body, pretty where it is JSON."""
    passed = letter.deadline is not None and letter.deadline <= datetime.now(UTC)
    facts = [
        ("id", letter.message_id),
        ("reason", letter.reason),
        ("sent", moment(letter.sent_at)),
        ("received", f"{_times(letter)}, this look included"),
        ("request", letter.method and _called(letter)),
        ("its id", letter.request_id),
        ("client", letter.client_id),
        ("deadline", letter.deadline and moment(letter.deadline) + (" (passed)" if passed else "")),
        ("size", f"{letter.size_bytes:,} B"),
    ]
    lines = [f"{name:<9} {_value(value)}" for name, value in facts if value]
    attributes = sorted(letter.attributes.items())
    width = max((len(name) for name, _ in attributes), default=0)
    lines += [f"  {_value(name):<{width}}  {_value(value)}" for name, value in attributes]
    return "\n".join([*lines, "", _body(letter)])


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells under ``_HEADINGS``, as lines with aligned columns."""
    cells = [_HEADINGS, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if heading in _RIGHT_ALIGNED else cell.ljust(width)
            for heading, cell, width in zip(_HEADINGS, row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def _counted(shown_count: int, total_count: int) -> str:
    if not total_count:
        return "no dead letters"
    if total_count <= shown_count:
        return f"{shown_count:,} dead letters" if shown_count != 1 else "1 dead letter"
    return f"{shown_count:,} of about {total_count:,} dead letters"


def _called(letter: Letter) -> str:
    return _name(" ".join(part for part in (letter.method, letter.tool) if part))


def _times(letter: Letter) -> str:
    return "once" if letter.receive_count == 1 else f"{letter.receive_count:,} times"


def _reason(letter: Letter) -> str:
    return cut(one_line(letter.reason), _REASON_LENGTH)


def _name(text: str | None) -> str:
    return cut(one_line(text), _NAME_LENGTH) if text else "-"


def _value(text: str) -> str:
    return cut(one_line(text), _VALUE_LENGTH)


def _body(letter: Letter) -> str:
    try:
        return visible(_pretty(letter.message or json.loads(letter.body)))
    except (ValueError, RecursionError):  # not JSON, or nested without end
        return cut(visible(letter.body), _BODY_LENGTH)


def _pretty(value: Any) -> str:
    """JSON with a line for each value, as far as the bound goes: a body may be very large."""
    text = ""
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        text += piece
        if len(text) > _BODY_LENGTH:
            return f"{text[:_BODY_LENGTH]}…\n(cut after {_BODY_LENGTH:,} characters)"
    return text
