"""Calls as they are submitted, each under a name that no other has."""

from __future__ import annotations

import math
import numbers
import os
import random
import time
from collections.abc import Mapping
from typing import Any

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.ledger import NewCall

# Names, no secrets: the system's generator would release the interpreter's lock for each, which
# holds a loop up while threads compute. The one of ``random`` itself may be seeded by a notebook.
_names = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_names.seed)


def new_call(
    tool: str,
    arguments: Mapping[str, Any],
    *,
    session: str,
    timeout_seconds: float | None = None,
    group: str | None = None,
    retry_of: str | None = None,
) -> NewCall:
    """A call to be submitted now, of arguments as JSON has them.

    Raises:
        ConfigError: The timeout is no number.
    """
    if timeout_seconds is not None and not _is_number(timeout_seconds):
        raise ConfigError(f"timeout={timeout_seconds!r}: a number of seconds is wanted, or None")
    now = time.time()
    return NewCall(
        call_id=f"{_names.getrandbits(48):012x}",
        tool=tool,
        arguments=arguments,
        submitted_at=now,
        group=group,
        session=session,
        deadline=None if timeout_seconds is None else now + float(timeout_seconds),
        retry_of=retry_of,
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, numbers.Real) and not math.isnan(value)
