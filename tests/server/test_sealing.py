"""Handshakes sealed into session ids."""

from __future__ import annotations

import base64
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import ClientCapabilities, Implementation, InitializeRequestParams

from asyncmcp_nb.config import read_session_key
from asyncmcp_nb.errors import ConfigError, DecodeError
from asyncmcp_nb.server.sealing import MIN_KEY_BYTES, Handshake, Sealer
from asyncmcp_nb.wire import Header

KEY = b"k" * MIN_KEY_BYTES
OWNER = "alice/" + "a" * 32


def handshake(name: str = "tester") -> Handshake:
    params = InitializeRequestParams(
        protocol_version="2025-11-25",
        capabilities=ClientCapabilities(),
        client_info=Implementation(name=name, version="1"),
    )
    return Handshake(params, "2025-11-25")


def test_a_session_opens_for_its_owner() -> None:
    sealer = Sealer(KEY)

    assert sealer.open(sealer.seal(handshake("日本"), OWNER), OWNER) == handshake("日本")


def test_a_session_opens_at_every_worker_with_the_key() -> None:
    assert Sealer(KEY).open(Sealer(KEY).seal(handshake(), OWNER), OWNER) == handshake()


def test_a_session_id_fits_into_an_attribute_and_tells_nothing() -> None:
    sealed = Sealer(KEY).seal(handshake("x" * 1000), OWNER)

    assert set(sealed) <= set(string.ascii_letters + string.digits + "-_")
    assert len(sealed) < 400
    assert sealed != Sealer(KEY).seal(handshake("x" * 1000), OWNER)


@pytest.mark.parametrize(
    ("key", "owner"), [(b"o" * 32, OWNER), (None, OWNER), (KEY, "alice/" + "b" * 32), (KEY, "")]
)
def test_a_session_does_not_open_with_another_key_or_for_another_owner(
    key: bytes | None, owner: str
) -> None:
    sealed = Sealer(KEY).seal(handshake(), OWNER)

    with pytest.raises(DecodeError, match="unknown session"):
        Sealer(key).open(sealed, owner)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_a_session_that_was_made_up_does_not_open(made_up: str) -> None:
    with pytest.raises(DecodeError, match="unknown session"):
        Sealer(KEY).open(made_up, OWNER)


SEALED = Sealer(KEY).seal(handshake(), OWNER)


# The last character has bits that carry nothing; "+" and "/" are other spellings of "-" and "_".
@given(st.integers(0, len(SEALED) - 2), st.characters(codec="ascii", exclude_characters="+/"))
def test_a_session_with_one_character_changed_does_not_open(place: int, letter: str) -> None:
    changed = SEALED[:place] + letter + SEALED[place + 1 :]

    if changed != SEALED:
        with pytest.raises(DecodeError, match="unknown session"):
            Sealer(KEY).open(changed, OWNER)


def test_a_session_keeps_the_topic_that_its_client_named() -> None:
    named = replace(handshake(), reply_topic="arn:aws:sns:eu-west-1:123456789012:replies")
    sealed = Sealer(KEY).seal(named, "theirs/")
    header = Header(client_id="theirs", session_id=sealed)

    assert Sealer(KEY).open(sealed, "theirs/") == named
    assert Sealer(KEY).topic_of(header) == named.reply_topic


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "mallory"},
        {"connection_id": "a" * 32},
        {"session_id": "made-up"},
        {"session_id": None},
    ],
)
def test_a_session_that_does_not_open_names_no_topic(change: Any) -> None:
    sealed = Sealer(KEY).seal(replace(handshake(), reply_topic="replies"), "theirs/")
    header = Header(client_id="theirs", session_id=sealed)

    assert Sealer(KEY).topic_of(replace(header, **change)) is None


def test_the_key_can_be_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY)

    assert Sealer(read_session_key(str(file))).open(Sealer(KEY).seal(handshake(), OWNER), OWNER)


def test_without_a_file_the_key_is_random() -> None:
    sealed = Sealer(read_session_key(None)).seal(handshake(), OWNER)

    with pytest.raises(DecodeError):
        Sealer(read_session_key(None)).open(sealed, OWNER)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the session key .*key: No such file"):
        Sealer(read_session_key(str(tmp_path / "key")))


@pytest.mark.parametrize("key", [b"", b"k" * (MIN_KEY_BYTES - 1)])
def test_a_short_key_is_refused(tmp_path: Path, key: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(key)

    with pytest.raises(ConfigError, match="at least 32 bytes"):
        Sealer(read_session_key(str(file)))
