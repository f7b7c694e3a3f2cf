"""Markdown: put together by us alone, and never more than text may do."""

from __future__ import annotations

import time

import pytest

from asyncmcp_nb.ui.answer.folding import Room
from asyncmcp_nb.ui.answer.markdown import is_markdown, markdown_html
from tests.ui.still.test_still import Page, page


def read(text: str) -> Page:
    return page(markdown_html(text, Room()))


def rendered(text: str) -> str:
    return str(markdown_html(text, Room())).partition("<details")[0]


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("a *b* **c** ~~d~~ `e`", "<p>a <em>b</em> <strong>c</strong> <s>d</s> <code>e</code></p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("> a", "<blockquote><p>a</p></blockquote>"),
        ("```py\nx < 1\n```", "<pre><code>x &lt; 1\n</code></pre>"),
        ("a  \nb\nc", "<p>a<br>b\nc</p>"),
        ("---", "<hr>"),
    ],
)
def test_markdown_reads_as_it_is_meant(text: str, markup: str) -> None:
    assert rendered(text) == f'<div><div class="amcp-md">{markup}</div>'


def test_headings_are_none_of_the_notebooks_own() -> None:
    found = read("## Title")

    assert ("role", "heading") in found.attributes
    assert ("aria-level", "2") in found.attributes
    assert not {"h1", "h2"} & set(found.tags)


def test_tables_are_tables() -> None:
    assert read("|a|b|\n|-|-|\n|1|2|").tags.count("td") == 2


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick=alert(1)>b</b>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java&#115;cript:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "[a](vbscript:x)",
        "<javascript:alert(1)>",
        '[a](https://a.b "onmouseover=alert(1)")',
        "[a][b]\n\n[b]: javascript:alert(1)",
        "![a](javascript:alert(1))",
        "![a](data:image/svg+xml;base64,PHN2Zz4=)",
        "[a](/api/shutdown)",
        "[a](//evil.example)",
        "`<script>`",
        "~~~\n</pre><script>alert(1)</script>\n~~~",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ],
)
def test_nothing_in_it_runs_or_leads_astray(text: str) -> None:
    links = [value for name, value in read(text).attributes if name == "href"]

    assert [link for link in links if link != "https://a.b"] == []


def test_pictures_from_elsewhere_are_named_and_not_fetched() -> None:
    found = read("![a cat](https://a.b/cat.png)")

    assert "img" not in found.tags
    assert "(picture, not fetched: a cat https://a.b/cat.png)" in found.text


def test_links_say_where_they_lead() -> None:
    found = read("[www.bank.example](https://evil.example)")

    assert ("title", "https://evil.example") in found.attributes
    assert ("rel", "noopener noreferrer") in found.attributes


@pytest.mark.parametrize(
    "text",
    [
        "# Title\n\nwith **bold** words",
        "- a\n- b\n\nand a [link](https://a.b)",
        "```py\nx\n```\n\n> said",
        "| a | b |\n| --- | --- |\n| 1 | **2** |",
    ],
)
def test_text_with_two_signs_of_markdown_is_markdown(text: str) -> None:
    assert is_markdown(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world.",
        "# a comment\nx = 2**3**4\nf(**a, **b)",
        "#!/bin/sh\n# one\necho a",
        "- a\n- b",
        "a: 1\nb:\n- c\n- d\n",
        "--- a/x\n+++ b/x\n- one\n- two\n",
        "2026-01-01 [info] done (ok)",
        "> only quoted",
    ],
)
def test_text_that_may_be_something_else_is_left_as_it_is(text: str) -> None:
    assert not is_markdown(text)


def test_long_markdown_is_cut_and_says_so() -> None:
    assert "80,000 more characters not shown" in read("a **b**\n\n" + "x " * 49_995 + "y").text


@pytest.mark.parametrize("text", ["[" * 20_000, "![" * 10_000, "*a " * 7_000, "> " * 10_000])
def test_markdown_made_to_be_slow_is_quick_enough(text: str) -> None:
    started = time.thread_time()

    markdown_html(text, Room())

    assert time.thread_time() - started < 3.0
