"""What widgets call back: an error in there is said where a person looks, in one line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import cut, one_line

logger = logging.getLogger(__name__)

_CHARACTERS = 300


def telling(tell: Callable[[str], object], callback: Callable[..., object]) -> Callable[..., None]:
    """A callback whose errors are told.

    Args:
        tell: Shows one line of text; called with "" when the callback has succeeded.
        callback: What may fail.
    """

    def call(*given: Any) -> None:
        try:
            callback(*given)
        except AsyncMcpError as exc:
            tell(cut(one_line(str(exc)), _CHARACTERS))
        except Exception as exc:  # boundary: ipywidgets would lose it
            logger.exception("a widget's callback failed")
            tell(cut(one_line(f"{type(exc).__name__}: {exc}"), _CHARACTERS))
        else:
            tell("")

    return call
