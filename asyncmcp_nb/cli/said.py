"""What the commands share: how they fail and how they name paths."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import NoReturn

from asyncmcp_nb.errors import MissingDependency


def require(*modules: str) -> None:
    """Check that modules are installed.

    Raises:
        MissingDependency: One is not; the message has the install command.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f'this command needs {", ".join(missing)}: pip install "asyncmcp-nb[all]"'
        )


def fail(message: str) -> NoReturn:
    """Print one line to standard error and end with exit code 1."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1)


def shown(path: Path) -> str:
    """A path as seen from the working directory, where it lies below that."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
