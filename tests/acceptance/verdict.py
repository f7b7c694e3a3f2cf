"""Fail unless a run of the interaction suite was whole: every cell there, every cell passed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TypedDict

CELL_COUNT = 228
"""143 at protocol version 2025-11-25 and 85 at 2026-07-28, as mcp 2.3 ships them."""


class Report(TypedDict):
    """What the plugin's `--arm-json` writes, as far as it is read here."""

    outcomes: dict[str, str]
    excluded: list[object]


def main() -> int:
    """Read the report named on the command line."""
    report: Report = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    counts = Counter(report["outcomes"].values())
    if counts == {"passed": CELL_COUNT} and not report["excluded"]:
        return 0
    found = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    print(
        f"interaction suite: wanted {CELL_COUNT} passed and nothing else, "
        f"got {found or 'nothing'}, {len(report['excluded'])} excluded",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
