"""Whether somebody sits before this process who can be asked."""

from __future__ import annotations

import sys
from typing import Any


def is_there() -> bool:
    """Whether the cell that runs was sent by a front end in which a person can answer.

    The front end says so with each cell (``allow_stdin``): JupyterLab, Notebook and VS Code do;
    nbclient, nbconvert, papermill and Voilà do not. Without an IPython kernel it is False.
    """
    found: Any = sys.modules.get("IPython")
    shell = None if found is None else found.get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "get_parent"):
        return False
    match kernel.get_parent("shell"):
        case {"content": {"allow_stdin": bool() as allows}}:
            return allows
        case _:
            return False
