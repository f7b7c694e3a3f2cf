"""What a worker calls itself."""

from __future__ import annotations

import secrets


def new_worker_id() -> str:
    """8 hex digits: part of its control queue's name and of its questions' ids."""
    return secrets.token_hex(4)
