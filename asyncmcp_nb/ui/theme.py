"""How it looks: JupyterLab's colours where there are some, VS Code's, else the browser's own.

The style sheets are files in ``styles``: ``base`` for what stands in a saved notebook, one more for
each widget. A saved output carries its sheets along, so it carries as few as it needs.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

from asyncmcp_nb.ui.escape import Child, Html, style, tag

_FOLDER: Final = "styles"

_ROOT: Final = "amcp mathjax_ignore tex2jax_ignore"
"""The style sheets' root; pages that look for formulas look no further (MathJax 3 and 2)."""


@cache
def sheet(*names: str) -> Html:
    """Style sheets by their names in ``styles``, after ``base``, which is always there."""
    folder = resources.files("asyncmcp_nb.ui").joinpath(_FOLDER)
    texts = [folder.joinpath(f"{name}.css").read_text("utf-8") for name in ("base", *names)]
    return style("".join(texts))


def framed(*children: Child, sheets: tuple[str, ...] = ()) -> Html:
    """A display that stands alone: the style sheets and what they apply to.

    Args:
        *children: What is shown.
        sheets: Style sheets besides ``base``.
    """
    return tag("div", sheet(*sheets), *children, class_=_ROOT)


def bare(*children: Child) -> Html:
    """A part of a page that has the style sheets already."""
    return tag("div", *children, class_=_ROOT)
