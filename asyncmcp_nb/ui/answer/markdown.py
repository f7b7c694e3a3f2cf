"""Markdown as HTML of our own: parsed to tokens, put together by ``escape`` alone.

No HTML of a library's making is used, raw HTML in it stays text, links follow the rules of
``escape`` and no picture is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from asyncmcp_nb.printable import cut
from asyncmcp_nb.ui.answer.folding import Room, fold, left_out, measure, note
from asyncmcp_nb.ui.escape import Html, joined, tag

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

KINDS: Final = frozenset({"text/markdown", "text/x-markdown"})

_SIGNS: Final = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^#{1,6} \S[^\n]*\n(?:[ \t]*\n|\Z)",  # a heading with an empty line below
        r"^```[^\n`]*\n(?:.*\n)*?```[ \t]*$",  # a fence that is closed
        r"^\|?[ \t]*:?-{3,}:?[ \t]*\|[-:| \t]*$",  # the line below a table's head
        r"(?<![\w!])\[[^\]\n]+\]\(https?://[^)\s]+\)",  # a link
        r"(?:^|\n\n)[-*] \S[^\n]*\n(?:[ \t]*\n)?[-*] \S",  # a list of two items or more
        r"(?<![\w*])\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*(?![\w*])",  # bold
        r"^> \S",  # a quotation
    )
)
_LOOK_CHARACTERS: Final = 4_000


def is_markdown(text: str) -> bool:
    """Whether text of no declared kind clearly is Markdown: it shows two signs of it or more."""
    start = text[:_LOOK_CHARACTERS]
    return sum(sign.search(start) is not None for sign in _SIGNS) >= 2


def markdown_html(text: str, room: Room) -> Html:
    """Markdown as it reads, with its source below; what is left out is said."""
    shown = text[: room.take_text(len(text))]
    room.markdown_characters -= len(shown)
    tree = _parsed(shown)
    rest = left_out({"characters": len(text) - len(shown)})
    return tag(
        "div",
        tag("div", _inside(tree), class_="amcp-md"),
        note(f"{rest} not shown") if rest else None,
        fold(f"Markdown source, {measure(text)}", tag("pre", shown)),
    )


def _parsed(text: str) -> SyntaxTreeNode:
    from markdown_it.tree import SyntaxTreeNode

    return SyntaxTreeNode(_parser().parse(text))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _inside(node: SyntaxTreeNode) -> Html:
    return joined(*(_node(child) for child in node.children))


def _node(node: SyntaxTreeNode) -> Html:
    draw = _DRAWN.get(node.type)
    if draw is not None:
        return draw(node)
    return _inside(node) if node.children else joined(node.content)


def _element(name: str, **attributes: str) -> Callable[[SyntaxTreeNode], Html]:
    return lambda node: tag(name, _inside(node), **attributes)


def _heading(node: SyntaxTreeNode) -> Html:
    # Not <h1>: JupyterLab would list it in the notebook's table of contents.
    level = node.tag.removeprefix("h")
    return tag(
        "div", _inside(node), role="heading", aria_level=level, class_=f"amcp-h amcp-h{level}"
    )


def _paragraph(node: SyntaxTreeNode) -> Html:
    # A tight list has paragraphs that are hidden.
    return _inside(node) if node.hidden else tag("p", _inside(node))


def _code(node: SyntaxTreeNode) -> Html:
    return tag("pre", tag("code", node.content))


def _link(node: SyntaxTreeNode) -> Html:
    address = str(node.attrs.get("href", ""))
    made = tag(
        "a", _inside(node), href=address, title=address, rel="noopener noreferrer", target="_blank"
    )
    if " href=" in made.partition(">")[0]:
        return made
    return joined(_inside(node), tag("code", f" ({cut(address, 200)})"))


def _picture(node: SyntaxTreeNode) -> Html:
    address = str(node.attrs.get("src", ""))
    words = _words(node) or "picture"
    if address.startswith("data:"):
        made = tag("img", src=address, alt=words)
        return made if " src=" in made else tag("em", f"(picture: {words}, not shown)")
    return tag("em", f"(picture, not fetched: {words} ", tag("code", cut(address, 200)), ")")


def _words(node: SyntaxTreeNode) -> str:
    return "".join(child.content or _words(child) for child in node.children)


def _list(node: SyntaxTreeNode) -> Html:
    if node.type == "bullet_list":
        return tag("ul", _inside(node))
    return tag("ol", _inside(node), start=str(node.attrs.get("start", 1)))


def _table(node: SyntaxTreeNode) -> Html:
    made = tag("table", _inside(node), class_="amcp-table amcp-narrow")
    return tag("div", made, class_="amcp-scroll")


_DRAWN: Final[Mapping[str, Callable[[SyntaxTreeNode], Html]]] = {
    "heading": _heading,
    "paragraph": _paragraph,
    "fence": _code,
    "code_block": _code,
    "code_inline": lambda node: tag("code", node.content),
    "link": _link,
    "image": _picture,
    "bullet_list": _list,
    "ordered_list": _list,
    "list_item": _element("li"),
    "blockquote": _element("blockquote"),
    "strong": _element("strong"),
    "em": _element("em"),
    "s": _element("s"),
    "table": _table,
    "thead": _element("thead"),
    "tbody": _element("tbody"),
    "tr": _element("tr"),
    "th": _element("th", scope="col"),
    "td": _element("td"),
    "hr": lambda _: tag("hr"),
    "softbreak": lambda _: joined("\n"),
    "hardbreak": lambda _: tag("br"),
}
