"""A ledger of many calls, as a busy notebook leaves it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

from asyncmcp_nb.ledger import Arrival, Binding, Ledger, NewCall

SESSION: Final = "c" * 32
OUTSTANDING_COUNT: Final = 200
"""The newest of them, which have no answer yet, unless told otherwise."""

_BEGIN: Final = 1_700_000_000.0
_CHUNK_COUNT: Final = 2_000
_WORDS: Final = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


def fill(ledger: Ledger, calls_count: int, *, outstanding_count: int = OUTSTANDING_COUNT) -> int:
    """Record calls of seven tools, half of them in groups, some with errors.

    Returns:
        Bytes of their arguments and answers, each once.
    """
    chance = random.Random(1)
    payload_bytes = 0
    for begin in range(0, calls_count, _CHUNK_COUNT):
        numbers = range(begin, min(calls_count, begin + _CHUNK_COUNT))
        calls = [new_call(number, chance) for number in numbers]
        payload_bytes += sum(len(json.dumps(dict(call.arguments))) for call in calls)
        ledger.add(calls)
        ledger.bind([Binding(SESSION, _request(call), call.call_id) for call in calls])
        ledger.mark_sent([(call.call_id, call.submitted_at + 0.5, 420) for call in calls])
        last = calls_count - outstanding_count
        answered = list(_answers(calls[: max(0, last - begin)], begin, chance))
        payload_bytes += sum(len(arrival.payload) for arrival in answered)
        ledger.record(answered)
    return payload_bytes


def new_call(number: int, chance: random.Random) -> NewCall:
    """A call with some arguments."""
    text = " ".join(chance.choices(_WORDS, k=12))
    return NewCall(
        call_id=f"{number:012x}",
        tool=f"tool_{number % 7}",
        arguments={"i": number, "text": text, "score": number / 3},
        submitted_at=_BEGIN + number * 0.01,
        group=f"g{number // 5_000}" if number % 2 else None,
        session=SESSION,
    )


def _answers(calls: list[NewCall], begin: int, chance: random.Random) -> Iterator[Arrival]:
    for number, call in enumerate(calls, begin):
        at = call.submitted_at + chance.random() * 30
        if number % 31 == 0:
            payload = json.dumps({"code": -32000, "message": f"no {chance.choice(_WORDS)}"})
            yield Arrival(SESSION, _request(call), "error", payload, at, len(payload))
            continue
        payload = json.dumps(_result(number, chance))
        yield Arrival(SESSION, _request(call), "result", payload, at, len(payload))


def _result(number: int, chance: random.Random) -> dict[str, Any]:
    text = " ".join(chance.choices(_WORDS, k=30))
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
    if number % 2:
        label = chance.choice(_WORDS)
        result["structuredContent"] = {"result": {"i": number, "mean": number / 7, "label": label}}
    if number % 17 == 0:
        result["isError"] = True
    return result


def _request(call: NewCall) -> str:
    return f"r{call.call_id}"
