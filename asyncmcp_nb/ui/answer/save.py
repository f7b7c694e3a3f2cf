"""Writing a part of an answer to a file that the person names; nothing is overwritten unasked."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.statuses import size

_PATH_CHARACTERS: Final = 200
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")


class NotSaved(AsyncMcpError):
    """A file that was not written; the message says why, in one line."""


def suggested_name(tool: str, call_id: str, suffix: str) -> str:
    """A name for a file that is no path, whatever the tool is called."""
    words = _UNFIT.sub("-", tool)[:40].strip("-")
    return "-".join(filter(None, ["answer", words, _UNFIT.sub("", call_id)[:8]])) + suffix


def with_suffix(name: str, suffix: str, known: frozenset[str]) -> str:
    """A name with another suffix, where it had one of those offered; else as it is."""
    stem, old = os.path.splitext(name)
    return stem + suffix if old in known else name


def target_of(text: str, suffix: str) -> Path:
    """Where to write, relative to the notebook's folder.

    Raises:
        NotSaved: It is empty, a folder, or in a folder that is not there.
    """
    name = text.strip()
    if not name or "\0" in name:
        raise NotSaved("type the file's name")
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            raise NotSaved(f"{_shown(path)} is a folder; type the file's name as well")
        if not path.parent.is_dir():
            raise NotSaved(f"the folder {_shown(path.parent)} is not there; make it first")
    except (OSError, RuntimeError, ValueError) as exc:
        raise NotSaved(f"no file can have this name: {_reason(exc)}") from None
    return path if path.suffix else path.with_name(path.name + suffix)


def save(path: Path, content: bytes, *, may_replace: bool = False) -> str:
    """Write a file as a whole or not at all, and say which.

    Args:
        path: From ``target_of``.
        content: What is in it.
        may_replace: Whether a file that is there may be replaced.

    Raises:
        NotSaved: It is there and may not be replaced, or it cannot be written.
    """
    partial = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.partial")
    is_taken = False
    try:
        if not may_replace:
            # The name is taken first, so that a file made meanwhile is not replaced either.
            path.open("xb").close()
            is_taken = True
        with partial.open("xb") as file:
            file.write(content)
        os.replace(partial, path)
    except FileExistsError:
        raise NotSaved(f"{_shown(path)} is there already; press Save again to replace it") from None
    except (OSError, ValueError) as exc:
        _remove([path] if is_taken else [])
        raise NotSaved(f"{_shown(path)} cannot be written: {_reason(exc)}") from None
    finally:
        _remove([partial])
    return f"saved {size(len(content))} in {_shown(path)}"


def _remove(paths: list[Path]) -> None:
    """Remove what may be there; what cannot be reached was not written."""
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            path.unlink(missing_ok=True)


def _shown(path: Path) -> str:
    return cut(one_line(str(path)), _PATH_CHARACTERS)


def _reason(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) else str(error)
    return cut(one_line(words or type(error).__name__), 100)
