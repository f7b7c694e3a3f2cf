"""Whatever is given to the builder, markup comes out that cannot run."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from asyncmcp_nb.ui.escape import Html, joined, style, tag


def test_text_is_escaped_and_markup_is_not() -> None:
    made = tag("p", "<b>&\"'", tag("b", "x"), None, 1, [" a", tag("i", "b")], class_="c")

    assert made == '<p class="c">&lt;b&gt;&amp;&quot;&#x27;<b>x</b>1 a<i>b</i></p>'


def test_markup_that_was_added_to_is_text_again() -> None:
    assert joined(tag("b", "x") + "<i>") == "&lt;b&gt;x&lt;/b&gt;&lt;i&gt;"


def test_attributes_are_escaped_and_may_be_left_out() -> None:
    made = tag("td", title='"><script>', data_x=1, hidden=True, lang=None, open=False)

    assert made == '<td title="&quot;&gt;&lt;script&gt;" data-x="1" hidden></td>'


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:x",
        "java\tscript:x",
        "data:text/html,x",
        "//x",
        "http://[",
        "x",
    ],
)
def test_links_of_other_schemes_are_left_out(url: str) -> None:
    assert tag("a", "x", href=url) == "<a>x</a>"


def test_links_to_pages_stay() -> None:
    assert tag("a", "x", href="https://a.b/?c=d&e") == '<a href="https://a.b/?c=d&amp;e">x</a>'


@pytest.mark.parametrize(
    "source",
    ["https://a.b/x.png", "data:image/svg+xml;base64,AAAA", "data:image/png;base64,A'A", "x"],
)
def test_media_come_from_nowhere_else_and_are_of_known_kinds(source: str) -> None:
    assert tag("img", src=source, alt="") == '<img alt="">'


@pytest.mark.parametrize("name", ["script", "iframe", "meta", "a b", "", "B"])
def test_tags_that_can_run_code_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="here"):
        tag(name)


@pytest.mark.parametrize("name", ["onclick", "onerror", "srcdoc", "a/b"])
def test_attributes_that_can_run_code_are_refused(name: str) -> None:
    attributes: dict[str, Any] = {name: "x"}
    with pytest.raises(ValueError, match="no attribute"):
        tag("p", **attributes)


def test_a_style_sheet_holds_no_markup() -> None:
    assert style("a{}") == "<style>a{}</style>"
    with pytest.raises(ValueError, match="markup"):
        style("</style><script>")


def test_html_is_a_string_for_whoever_shows_it() -> None:
    parser = HTMLParser()
    parser.feed(tag("p", "x"))

    assert isinstance(tag("p"), Html)
