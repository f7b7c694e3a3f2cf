"""What comes from outside cannot do anything to whoever reads it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.printable import counted, cut, listed, one_line, visible


def test_control_and_direction_characters_are_spelled_out() -> None:
    assert visible("a\x1b[31mb\u202ec\r\nd\te\0") == "a\\u001b[31mb\\u202ec\nd\te\\u0000"


def test_half_a_character_is_spelled_out() -> None:
    assert visible("a\ud800b") == "a\\ud800b"


def test_what_is_no_character_is_spelled_out() -> None:
    assert visible("a\ufffeb\uffff") == "a\\ufffeb\\uffff"


def test_one_line_is_one_line() -> None:
    assert one_line(" a\r\n\tb\u2028c\x1b[2K ") == "a b c\\u001b[2K"


@given(st.text(st.characters(), max_size=50))
def test_a_line_can_be_written_and_moves_no_cursor(text: str) -> None:
    line = one_line(text)

    assert line.encode().decode() == line
    assert len(line.splitlines()) <= 1
    assert not any(character < " " or character == "\x7f" for character in line)


def test_one_is_no_plural() -> None:
    assert [counted(n, "call") for n in (0, 1, 2000)] == ["0 calls", "1 call", "2,000 calls"]


def test_what_is_cut_is_counted() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("x" * 1_000_010, 10) == "xxxxxxxxxx… (1,000,000 more characters)"


def test_names_that_are_not_listed_are_counted() -> None:
    assert [listed("abcd"[:count], 2) for count in (0, 1, 2, 4)] == [
        "",
        "a",
        "a, b",
        "a, b and 2 more",
    ]
