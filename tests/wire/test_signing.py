"""Messages that tell who wrote them: what verifies, and what does not."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.config import MIN_KEY_BYTES
from asyncmcp_nb.errors import ConfigError, DecodeError
from asyncmcp_nb.wire import size_bytes
from asyncmcp_nb.wire.attributes import from_attributes
from asyncmcp_nb.wire.signing import SIGNED_ATTRIBUTES, Direction, KeyRing

OLD, NEW = b"o" * MIN_KEY_BYTES, b"n" * MIN_KEY_BYTES
BODY = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
ATTRIBUTES = {
    "ClientId": "alice",
    "Delivery": f"c={'ab' * 16};q=3",
    "MessageType": "jsonrpc",
    "Method": "ping",
    "RequestId": "1",
}

texts = st.text(max_size=20)
attribute_sets = st.dictionaries(
    st.sampled_from([*SIGNED_ATTRIBUTES, "X-Trace"]), texts.filter(bool), max_size=10
)


def ring(*keys: bytes) -> KeyRing:
    return KeyRing(keys or (OLD,))


def signed(**changes: str) -> dict[str, str]:
    return ring().sign("to-server", BODY, {**ATTRIBUTES, **changes})


def reason_of(body: str, attributes: Mapping[str, str], reader: KeyRing | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        (reader or ring()).verify("to-server", body, attributes)
    return caught.value.reason


# -- what verifies ---------------------------------------------------------------------------------


@given(texts, attribute_sets, st.sampled_from(["to-server", "to-client"]))
def test_what_was_signed_verifies(
    body: str, attributes: dict[str, str], direction: Direction
) -> None:
    made = ring().sign(direction, body, attributes)

    ring().verify(direction, body, made)

    assert made.keys() - attributes.keys() <= {"Delivery"}


@given(texts, attribute_sets)
def test_a_signature_makes_a_message_exactly_as_much_longer_as_was_said(
    body: str, attributes: dict[str, str]
) -> None:
    seal = ring().sealing("to-client")

    made = seal.sign(body, attributes)

    added = size_bytes(body, made) - size_bytes(body, attributes)
    assert added == seal.added_bytes(attributes)


def test_the_header_is_read_as_if_it_were_not_signed() -> None:
    assert from_attributes(signed()) == from_attributes(ATTRIBUTES)


def test_the_signature_is_the_last_part_of_an_attribute_that_is_there_anyway() -> None:
    made = signed()

    delivery, _, signature = made["Delivery"].rpartition(";")
    assert (made.keys(), delivery) == (ATTRIBUTES.keys(), ATTRIBUTES["Delivery"])
    assert len(signature) == len("s=") + 8 + len(".") + 43


def test_attributes_of_other_software_may_be_added_changed_and_removed() -> None:
    made = ring().sign("to-server", BODY, {**ATTRIBUTES, "X-Trace": "1"})

    for others in ({"X-Trace": "2"}, {"X-Trace": "1", "X-Other": "y"}, {}):
        ours = {name: value for name, value in made.items() if name != "X-Trace"}
        ring().verify("to-server", BODY, {**ours, **others})


def test_a_body_with_half_a_surrogate_pair_is_verified_like_any_other() -> None:
    made = ring().sign("to-server", "\ud800", ATTRIBUTES)

    ring().verify("to-server", "\ud800", made)
    assert "does not verify" in reason_of("\ud801", made)


# -- rotation --------------------------------------------------------------------------------------


def test_keys_are_rotated_without_a_message_refused() -> None:
    stages = [ring(OLD), ring(OLD, NEW), ring(NEW, OLD), ring(NEW)]

    # While a stage is rolled out, some are at it, and some at the one before.
    for before, after in pairwise(stages):
        for writer, reader in ((before, after), (after, before), (after, after)):
            made = writer.sign("to-server", BODY, ATTRIBUTES)
            reader.verify("to-server", BODY, made)


def test_a_stage_that_is_left_out_is_noticed() -> None:
    made = ring(OLD).sign("to-server", BODY, ATTRIBUTES)

    assert reason_of(BODY, made, ring(NEW)) == "message is signed with an unknown key"


def test_the_first_key_signs() -> None:
    first = ring(NEW, OLD).sign("to-server", BODY, ATTRIBUTES)

    assert first == ring(NEW).sign("to-server", BODY, ATTRIBUTES)


# -- what does not verify --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNED_ATTRIBUTES)
def test_an_attribute_that_was_changed_added_or_removed_is_noticed(name: str) -> None:
    there, absent = signed(**{name: "1"}), signed()
    absent = {other: value for other, value in absent.items() if other != name}

    changed = {**there, name: "2" + there[name]}
    removed = {other: value for other, value in there.items() if other != name}
    added = {**absent, name: "1"} if name != "Delivery" else {**signed(), name: "q=4"}

    told = "message is not signed" if name == "Delivery" else "does not verify"
    assert "does not verify" in reason_of(BODY, changed)
    assert told in reason_of(BODY, removed)
    if name not in ATTRIBUTES:
        assert "does not verify" in reason_of(BODY, added)


def test_a_value_that_moves_to_another_attribute_is_noticed() -> None:
    made = signed(SessionId="1")
    moved = {**made, "WorkerId": made["SessionId"]}
    del moved["SessionId"]

    assert "does not verify" in reason_of(BODY, moved)


def test_text_that_moves_between_body_and_attributes_is_noticed() -> None:
    made = ring().sign("to-server", "ab", {"ClientId": "c"})

    assert "does not verify" in reason_of("a", {**made, "ClientId": "bc"})


@pytest.mark.parametrize("body", ["", BODY + " ", BODY.replace("1", "2"), BODY[:-1]])
def test_a_body_that_was_changed_is_noticed(body: str) -> None:
    assert "does not verify" in reason_of(body, signed())


def test_a_message_that_is_played_back_the_other_way_is_refused() -> None:
    made = ring().sign("to-client", BODY, ATTRIBUTES)

    assert reason_of(BODY, made) == (
        "signature does not verify: the message was changed, or goes the other way"
    )


def broken(change: Callable[[str], str]) -> dict[str, str]:
    made = signed()
    return {**made, "Delivery": change(made["Delivery"])}


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        ATTRIBUTES,
        {**ATTRIBUTES, "Delivery": ""},
        {**ATTRIBUTES, "Delivery": "s="},
        broken(lambda delivery: delivery[:-1]),
        broken(lambda delivery: delivery + "A"),
        broken(lambda delivery: delivery + "\n"),
        broken(lambda delivery: delivery + ";q=9"),
        broken(lambda delivery: delivery.replace(";s=", "s=")),
        broken(lambda delivery: delivery.replace(";s=", ";S=")),
        {name.lower(): value for name, value in signed().items()},
    ],
    ids=str,
)
def test_a_message_without_a_whole_signature_at_the_end_is_not_signed(
    attributes: dict[str, str],
) -> None:
    assert reason_of(BODY, attributes) == "message is not signed"


def test_a_signature_before_the_last_counts_for_nothing() -> None:
    stolen = signed()["Delivery"].rpartition(";")[2]
    forged = ring(NEW).sign("to-server", BODY, {**ATTRIBUTES, "Delivery": stolen})

    assert reason_of(BODY, forged) == "message is signed with an unknown key"


@given(st.text(), attribute_sets)
def test_whatever_a_stranger_writes_is_refused(body: str, attributes: dict[str, str]) -> None:
    assert reason_of(body, attributes) == "message is not signed"


# -- keys ------------------------------------------------------------------------------------------


def test_nothing_tells_the_keys() -> None:
    keys = [secrets.token_bytes(MIN_KEY_BYTES) for _ in range(2)]
    made = KeyRing(keys)
    told = f"{made!r} {made} {made.sealing('to-client')!r} {made.sign('to-client', BODY, {})}"

    assert repr(made) == "<KeyRing of 2 keys>"
    for key in keys:
        assert not any(form in told for form in (key.hex(), repr(key), str(list(key))))


@pytest.mark.parametrize("keys", [[], [b""], [b"x" * (MIN_KEY_BYTES - 1)], [OLD, b"short"]])
def test_keys_that_could_be_guessed_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ConfigError, match="at least 32 bytes") as caught:
        KeyRing(keys)

    assert "short" not in str(caught.value)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    compare = hmac.compare_digest

    def noting(one: Any, other: Any) -> bool:
        compared.append(len(one))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noting)
    ring().verify("to-server", BODY, signed())
    reason_of("changed", signed())

    assert compared == [43, 43]
