"""A magic's line: split into words, and taken apart by a subcommand's grammar."""

from __future__ import annotations

import pytest

from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.magics.parser import OUTPUT, Grammar, Option, parse
from asyncmcp_nb.magics.words import Word, split

CALL = Grammar(
    required=("TOOL",),
    rest="key=value ...",
    options=(
        Option("--async"),
        Option("--timeout", "S"),
        Option("--era", "ERA", ("old", "new")),
        OUTPUT,
    ),
)
CONNECT = Grammar(optional=("PROFILE",), options=(Option("--name", "NAME"),))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  tools  ", [Word("tools")]),
        ("a=1", [Word("1", "a")]),
        ("a=", [Word("", "a")]),
        ("a:=1", [Word("1", "a", is_json=True)]),
        ("a='x y' b", [Word("x y", "a", is_quoted=True), Word("b")]),
        ('a="say \\"hi\\""', [Word('say "hi"', "a", is_quoted=True)]),
        ("path=C:\\new", [Word("C:\\new", "path")]),
        ("url=http://x/?a=b", [Word("http://x/?a=b", "url")]),
        ('o={"a": [1, 2], "b": "} x"} z', [Word('{"a": [1, 2], "b": "} x"}', "o"), Word("z")]),
        ('l=["a", "b c"]', [Word('["a", "b c"]', "l")]),
        ('s:="two words"', [Word('"two words"', "s", is_json=True)]),
        ("a={{ name }} b=1", [Word("{{ name }}", "a"), Word("1", "b")]),
        ('o={"a": {{x}}}', [Word('{"a": {{x}}}', "o")]),
        ("l=[1, 2", [Word("[1, 2", "l")]),
        ("'--async'", [Word("--async", is_quoted=True)]),
    ],
)
def test_a_line_is_split_like_a_shell_does_with_json_left_whole(
    line: str, words: list[Word]
) -> None:
    assert split(line) == words


def test_an_open_quote_is_named() -> None:
    with pytest.raises(MagicUsageError, match="no closing quote for"):
        split("x='a b")


def test_options_stand_anywhere_and_words_keep_their_order() -> None:
    given = parse(split("--async add a=1 --timeout 2.5 b=2 -o x"), CALL)

    assert given.word("TOOL") == "add"
    assert [str(word) for word in given.rest] == ["a=1", "b=2"]
    assert given.has("--async")
    assert given.number("--timeout") == 2.5
    assert given.output == "x"


def test_an_option_takes_its_value_with_an_equals_sign_too() -> None:
    assert parse(split("--name=alice"), CONNECT).option("--name") == "alice"


def test_what_was_not_given_is_none() -> None:
    given = parse([], CONNECT)

    assert given.word("PROFILE") is None
    assert given.option("--name") is None
    assert given.output is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "TOOL is missing"),
        ("add --asynch", "no option '--asynch', did you mean '--async'?"),
        ("add --timeout", "--timeout needs a value: --timeout S"),
        ("add --async=1", "--async takes no value"),
        ("add --era nev", "--era 'nev', did you mean 'new'?"),
        ("add -o 1x", "-o 1x: not a variable's name"),
    ],
)
def test_a_wrong_word_gets_one_line(line: str, problem: str) -> None:
    with pytest.raises(MagicUsageError) as caught:
        parse(split(line), CALL)

    assert str(caught.value) == problem


def test_a_word_too_many_is_named() -> None:
    with pytest.raises(MagicUsageError, match="'b' is one word too many"):
        parse(split("a b"), CONNECT)


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "inf"])
def test_a_time_is_a_positive_number(text: str) -> None:
    with pytest.raises(MagicUsageError, match="a number above 0"):
        parse(split(f"add --timeout={text}"), CALL).number("--timeout")


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "\N{SUPERSCRIPT TWO}"])
def test_a_count_is_a_whole_number_of_at_least_one(text: str) -> None:
    with pytest.raises(MagicUsageError, match="a whole number"):
        parse(split(f"add --timeout={text}"), CALL).count("--timeout")
