"""What a message weighs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.wire import Outgoing, size_bytes


def test_a_message_weighs_its_body_and_each_attributes_name_type_and_value() -> None:
    assert size_bytes("body", {"Name": "value"}) == len("body" + "Name" + "String" + "value")


def test_characters_count_as_their_utf8_bytes() -> None:
    assert size_bytes("é", {"N": "日本"}) == 2 + len("N") + len("String") + 6


def test_half_a_surrogate_pair_from_outside_weighs_something() -> None:
    assert size_bytes("a\ud800", {}) == 4


def test_an_empty_message_weighs_nothing() -> None:
    assert size_bytes("", {}) == 0


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, st.dictionaries(st.text("abcXYZ", min_size=1), texts))
def test_size_is_the_sum_of_what_goes_over_the_wire(body: str, attributes: dict[str, str]) -> None:
    parts = [body, *attributes, *attributes.values(), *["String"] * len(attributes)]

    assert Outgoing(body, attributes).size_bytes == len("".join(parts).encode())
