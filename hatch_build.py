"""Packs the quickstart into the wheel: `asyncmcp-nb demo` and `lab` find it without a checkout.

`force-include` in pyproject.toml would do, but leaves a copy behind an editable install as well.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NOTEBOOKS = ("01_quickstart.ipynb", "data")


class PackNotebooks(BuildHookInterface[Any]):
    """Adds the notebooks to a wheel that is installed for good."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds; `version` is ``standard`` or ``editable``."""
        if version == "standard":
            build_data["force_include"] |= {
                f"notebooks/{name}": f"asyncmcp_nb/_notebooks/{name}" for name in NOTEBOOKS
            }
