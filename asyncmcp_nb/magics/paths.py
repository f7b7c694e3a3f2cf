"""What a path that is being typed could become: folders there are, and kinds of exports."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SUFFIXES: Final = (".csv", ".parquet", ".jsonl", ".html")
_NAME: Final = "calls"
"""Of a file whose name nobody began."""
_MOST: Final = 50


def export_paths(fragment: str) -> list[str]:
    """Folders that begin like this, then a file of each kind."""
    head, slash, name = fragment.rpartition("/")
    folder = Path(f"{head}{slash}" or ".").expanduser()
    try:
        found = sorted(one.name for one in folder.iterdir() if one.is_dir())
    except OSError:  # not there, or not ours to see
        found = []
    shown = [one for one in found if one.startswith(name) and (name or not one.startswith("."))]
    plain = [f"{head}{slash}{one}/" for one in shown if not set(one) & set(" '\"")][:_MOST]
    stem = name.partition(".")[0] or _NAME
    return [*plain, *(f"{head}{slash}{stem}{suffix}" for suffix in _SUFFIXES)]
