"""Packs the notebooks and their data into the wheel: `asyncmcp-nb lab` and `demo` find them there.

`force-include` in pyproject.toml would do, but leaves a copy behind an editable install as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PackNotebooks(BuildHookInterface[Any]):
    """Adds the notebooks to a wheel that is installed for good."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds; `version` is ``standard`` or ``editable``."""
        if version != "standard":
            return
        notebooks = Path(self.root, "notebooks")
        for path in (*sorted(notebooks.glob("*.ipynb")), notebooks / "data"):
            build_data["force_include"][str(path)] = f"asyncmcp_nb/_notebooks/{path.name}"
