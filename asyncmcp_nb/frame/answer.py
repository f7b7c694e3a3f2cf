"""One answer as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from asyncmcp_nb.frame.build import inferred


def answer_frame(columns: Mapping[str, Sequence[Any]], beside: Mapping[str, Any]) -> pd.DataFrame:
    """Columns of equal length, each of the narrowest dtype that keeps its values as they are.

    Args:
        columns: Cells by column; None is missing.
        beside: Single values that came with the table; they stand in the frame's ``attrs``.
    """
    frame = pd.DataFrame({name: inferred(cells) for name, cells in columns.items()})
    frame.attrs.update(beside)
    return frame
