"""Schemas to make forms from: those of servers, and the shapes of JSON Schema."""

from __future__ import annotations

from typing import Any

from tests.ui.form.server_schemas import SERVERS
from tests.ui.form.shape_schemas import SHAPES, TRAPS

Schema = dict[str, Any] | bool

SCHEMAS: dict[str, Schema] = {**SERVERS, **TRAPS, **SHAPES}
"""By name."""
