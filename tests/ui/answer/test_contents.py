"""What answers look like, each kind of content, and that nothing in them runs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from asyncmcp_nb.ui.answer import contents
from asyncmcp_nb.ui.answer.contents import Answer
from asyncmcp_nb.ui.still import text
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import Page, page, result, said

PIXEL = base64.b64encode(b"\x89PNG not really").decode()

MARKDOWN = """# Title

Some **bold**, `code` and a [link](https://a.b/c).

- one
- two
"""


def shown(answer: CallToolResult) -> Page:
    return page(contents.result_html(answer))


def embedded(resource: TextResourceContents | BlobResourceContents) -> CallToolResult:
    return result(EmbeddedResource(type="resource", resource=resource))


# -- text -----------------------------------------------------------------------------------------


def test_text_is_shown_as_text() -> None:
    assert shown(result(said("a <b>\nc"))).text == "a <b>\nc"
    assert text.result_text(result(said("a <b>\nc"))) == "a <b>\nc"


def test_a_tool_error_shows_the_tools_words_and_its_structured_content() -> None:
    failed = result(said("no such city"), structured={"code": 7}, is_error=True)

    words = shown(failed).text

    assert "tool error" in words
    assert "no such city" in words
    assert "code: 7" in words
    assert text.result_text(failed) == "tool error: no such city"


def test_an_empty_answer_says_so() -> None:
    assert shown(result()).text == "(empty answer)"
    assert text.result_text(result()) == "(empty answer)"


def test_long_text_is_folded_with_its_size_and_not_shown_twice() -> None:
    lines = [f"line {number}" for number in range(400)]

    read = shown(result(said("\n".join(lines))))

    assert read.tags.count("details") == 1
    assert "The rest of this text: 3.5 KB in 400 lines in all" in read.text
    assert [read.text.count(f"line {number}\n") for number in (0, 39, 40, 398)] == [1, 1, 1, 1]


def test_a_huge_text_is_cut_and_says_so() -> None:
    huge = result(said("x" * 1_000_000))

    words = shown(huge).text

    assert len(words) < 25_000
    assert "980,000 more characters are not shown, of 1.0 MB" in words
    assert "980,000 more characters" in text.result_text(huge)


def test_many_long_pieces_do_not_make_a_huge_page() -> None:
    many = result(*[said("\x1b<" * 10_000) for _ in range(1_000)])

    markup = contents.result_html(many)

    assert len(markup) < 2_000_000
    assert "900 more pieces of content not shown" in page(markup).text
    assert "900 more pieces of content" in text.answer_text(Answer.of(result(*[said("x")] * 1_000)))


def test_text_that_is_json_is_a_table_or_a_tree_and_can_be_seen_as_sent() -> None:
    rows = shown(result(said('[{"a": 1}, {"a": 2}]')))
    tree = shown(result(said('{"a": {"b": 1}}')))

    assert rows.tags.count("tr") == 3
    assert '[{"a": 1}, {"a": 2}]' in rows.text
    assert "b: 1" in tree.text
    assert '{"a": {"b": 1}}' in tree.text


# -- Markdown -------------------------------------------------------------------------------------


def test_text_that_clearly_is_markdown_is_shown_as_it_reads() -> None:
    read = shown(result(said(MARKDOWN)))

    assert read.tags.count("li") == 2
    assert "strong" in read.tags
    assert ("href", "https://a.b/c") in read.attributes
    assert "Markdown source" in read.text
    assert MARKDOWN in read.text


def test_a_resource_of_kind_markdown_is_markdown_and_one_of_kind_text_is_text() -> None:
    note = TextResourceContents(uri="file:///x.md", mime_type="text/markdown", text="*hi*")
    plain = TextResourceContents(uri="file:///x.md", mime_type="text/plain", text=MARKDOWN)

    assert "em" in shown(embedded(note)).tags
    assert "li" not in shown(embedded(plain)).tags


# -- pictures and sound ---------------------------------------------------------------------------


def test_pictures_of_known_kinds_are_shown() -> None:
    picture = ImageContent(type="image", data=PIXEL, mime_type="image/png")

    read = shown(result(picture))

    assert ("src", f"data:image/png;base64,{PIXEL}") in read.attributes
    assert ("alt", "image/png, 15 bytes") in read.attributes
    assert text.result_text(result(picture)) == "[image/png, 15 bytes]"


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("image/svg+xml", PIXEL, "(image/svg+xml, 15 bytes, not shown)"),
        ('image/png" onerror="x', PIXEL, '(image/png" onerror="x, 15 bytes, not shown)'),
        ("image/png", '"><script>', "(image/png: not base64, not shown)"),
        ("image/png", "A" * 12_000_000, "(image/png, 9.0 MB, too large to be shown)"),
    ],
)
def test_other_pictures_are_told_and_not_shown(kind: str, data: str, words: str) -> None:
    read = page(contents.block_html(ImageContent(type="image", data=data, mime_type=kind)))

    assert read.text == words
    assert "img" not in read.tags


def test_pictures_are_shown_as_long_as_there_is_room() -> None:
    large = ImageContent(type="image", data="A" * 8_000_000, mime_type="image/png")

    assert shown(result(*[large] * 5)).tags.count("img") == 2


def test_sound_can_be_played() -> None:
    read = page(contents.block_html(AudioContent(type="audio", data=PIXEL, mime_type="audio/wav")))

    assert "audio" in read.tags
    assert ("aria-label", "audio/wav, 15 bytes") in read.attributes


# -- resources ------------------------------------------------------------------------------------


def test_a_link_to_a_resource_says_what_it_is_and_where() -> None:
    link = ResourceLink(
        type="resource_link",
        uri="https://a.b/c",
        name="c",
        title="All of it",
        description="A file.",
        mime_type="text/csv",
        size=1234,
    )

    read = shown(result(link))

    assert ("href", "https://a.b/c") in read.attributes
    for words in ("https://a.b/c", "All of it", "A file.", "text/csv, 1.2 KB"):
        assert words in read.text
    assert text.result_text(result(link)) == "[c: https://a.b/c]"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//a.b", "file:///x"])
def test_an_address_that_is_no_page_is_no_link(url: str) -> None:
    read = shown(result(ResourceLink(type="resource_link", uri=url, name="C")))

    assert "a" not in read.tags
    assert url in read.text


def test_embedded_resources_are_shown_by_their_kind() -> None:
    words = TextResourceContents(uri="file:///x", text=HOSTILE)
    blob = BlobResourceContents(uri="file:///y", blob="AAAA", mime_type="a/b")
    picture = BlobResourceContents(uri="file:///z", blob=PIXEL, mime_type="image/png")

    assert "alert" in shown(embedded(words)).text
    assert "(a/b, 3 bytes, not shown)" in shown(embedded(blob)).text
    assert "img" in shown(embedded(picture)).tags


# -- structured content ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (result(said("6"), structured={"result": 6}), "6"),
        (result(structured={"result": 6}), "6"),
        (result(said('{"a": 1}'), structured={"a": 1}), "{1 field}a: 1"),
        (result(said("hello"), structured={"a": 1}), "hello{1 field}a: 1"),
        (result(structured={"a": {"b": None}}), "{1 field}a: {1 field}b: null"),
    ],
)
def test_text_and_structured_content_that_say_the_same_are_shown_once(
    answer: CallToolResult, words: str
) -> None:
    assert shown(answer).text.partition("no table")[0] == words


def test_structured_content_that_is_no_table_says_why() -> None:
    words = shown(result(structured={"rows": [{"a": 1}, 2]})).text

    assert "no table: “rows”: item 2 is a number, not an object" in words


def test_structured_content_alone_is_text_too() -> None:
    rows = result(structured={"rows": [{"city": "Oslo", "t": 1}]})

    assert text.result_text(rows) == "city  t\nOslo  1\n(1 row, 2 columns)"
    assert text.result_text(result(structured={"a": 1})) == '{\n  "a": 1\n}'


# -- what is not known ----------------------------------------------------------------------------


def test_unknown_content_shows_its_json_and_the_rest_is_shown_as_ever() -> None:
    raw: dict[str, Any] = {
        "content": [
            {"type": "hologram", "data": HOSTILE, "depth": 3},
            {"type": "text", "text": "hello"},
            "no block at all",
        ]
    }

    answer = Answer.of_json(raw)
    words = page(contents.answer_body(answer)).text

    assert answer.blocks[1] == TextContent(type="text", text="hello")
    assert '"type": "hologram"' in words
    assert '"depth": 3' in words
    assert "hello" in words
    assert '"no block at all"' in words
    assert '"hologram"' in text.answer_text(answer)


@pytest.mark.parametrize("content", [None, [], {}, "x", 7, [None], [[]]])
def test_content_that_is_no_list_of_blocks_is_shown_as_what_it_is(content: Any) -> None:
    assert page(contents.answer_body(Answer.of_json({"content": content}))).text


def test_what_is_nested_very_deeply_is_shown_as_far_as_it_can_be() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = {"a": [deep]}

    read = shown(result(structured={"deep": deep}))

    assert "deeper than is shown" in read.text
    assert len(contents.json_html(deep)) < 100_000


def test_a_matrix_is_shown_once_though_each_number_is_a_text() -> None:
    rows = [[0.5 + row * column for column in range(12)] for row in range(12)]
    pieces = [said(json.dumps(number)) for row in rows for number in row]
    matrix = result(*pieces, structured={"result": rows})

    read = shown(matrix)

    assert read.text.startswith("[12 items]0: [12 items]0: 0.5")
    assert "144 pieces of text say the same" in read.text
    assert text.result_text(matrix).splitlines()[0] == json.dumps(rows[0])
    assert len(text.result_text(matrix).splitlines()) == 12


@pytest.mark.parametrize(
    ("structured", "pieces", "left"),
    [
        ({"result": ["a", "b"]}, ["a", "b"], []),
        ({"result": ["a", None]}, ["a"], []),
        ({"result": [{"a": 1}]}, ['{\n  "a": 1\n}'], []),
        ({"a": [1]}, ["Here it is:", '{"a": [1]}'], ["Here it is:"]),
        ({"a": [1]}, ['{"a": [2]}'], ['{"a": [2]}']),
        ({"a": [1]}, ['{"a": [1]}', '{"a": [1]}'], []),
        ({"result": [[1, 2], [3]]}, ["1", "2", "4"], ["1", "2", "4"]),
        ({"result": [[1]]}, ["[" * 5_000], ["[" * 5_000]),
    ],
)
def test_text_that_is_the_structured_content_once_more_is_left_out(
    structured: Any, pieces: list[str], left: list[str]
) -> None:
    picture = ImageContent(type="image", data=PIXEL, mime_type="image/png")
    blocks: list[Any] = [said(piece) for piece in pieces]

    assert contents.says_more(Answer(blocks, structured)) == [said(words) for words in left]
    assert contents.says_more(Answer([*blocks, picture], structured))[-1] is picture
    assert contents.says_the_same(Answer(blocks, structured)) == (not left)


def test_an_error_of_structured_content_alone_is_shown() -> None:
    assert "code: 7" in shown(result(structured={"code": 7}, is_error=True)).text


def test_a_table_with_json_in_its_cells_has_the_tree_below_it() -> None:
    rows = [{"n": number, "s": "x", "of": {"a": [number]}} for number in range(400)]

    read = shown(result(structured={"result": rows}))

    assert "400 rows, 3 columns; cells of “of” are JSON" in read.text
    assert "The same as a tree[400 items]0: {3 fields}n: 0" in read.text


def test_hostile_words_are_shown_as_words_wherever_they_stand() -> None:
    answer = result(
        said(HOSTILE),
        said(f"# {HOSTILE}\n\n**{HOSTILE}** [{HOSTILE}](javascript:alert(1)) ![x](https://a.b/c)"),
        ImageContent(type="image", data=HOSTILE, mime_type=HOSTILE),
        ResourceLink(type="resource_link", uri=HOSTILE, name=HOSTILE, mime_type=HOSTILE),
        structured={HOSTILE: [{HOSTILE: HOSTILE}], "other": {HOSTILE: {HOSTILE: [HOSTILE]}}},
        is_error=True,
    )

    read = shown(answer)

    assert read.text.count("<script>") > 10
    assert "\u202e" not in text.result_text(answer)


def test_a_large_value_does_not_make_a_larger_page() -> None:
    large = {f"key {number}": {"a": [number] * 10, "b": "x" * 50} for number in range(8_000)}
    assert len(json.dumps(large)) > 1_000_000

    markup = contents.result_html(result(structured=large))

    assert len(markup) < 200_000
    assert "7,900 more not shown" in page(markup).text
