"""What a schema asks for at one place, as values that never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final

from asyncmcp_nb.errors import AsyncMcpError

Path = tuple[str | int, ...]
"""Names and indexes from the root; the child of a union has its union's path."""

Schema = Mapping[str, Any]


class Omitted(Enum):
    """The type of ``OMITTED``."""

    OMITTED = "omitted"

    def __repr__(self) -> str:
        return "OMITTED"


OMITTED: Final = Omitted.OMITTED
"""No value at all: neither null nor empty."""


class FormTextError(AsyncMcpError):
    """Text is not JSON, or a value cannot be written as JSON. Nothing was changed."""


class Kind(StrEnum):
    """The fields there are."""

    STRING = "string"
    MULTILINE = "multiline"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ENUM = "enum"
    CONST = "const"
    NULL = "null"
    DATE = "date"
    TIME = "time"
    DATETIME = "date-time"
    EMAIL = "email"
    URI = "uri"
    ARRAY = "array"
    OBJECT = "object"
    MAP = "map"
    UNION = "union"
    JSON = "json"


class State(StrEnum):
    """What a person can see and choose for a place."""

    OMITTED = "omitted"
    NULL = "null"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of an ENUM, or one alternative of a UNION."""

    label: str
    value: Any = None
    """Of an ENUM. Do not change it: it is the schema's."""
    description: str = ""
    field: Field | None = None
    """Of a UNION."""
    position: int | None = None
    """Of a UNION: where the alternative stands in ``anyOf`` or ``oneOf``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a schema asks for at one place. Its texts are the server's: escape them."""

    kind: Kind
    name: str = ""
    """Of a property, or the index of an item."""
    title: str = ""
    """Falls back to the name."""
    description: str = ""
    default: Any = OMITTED
    is_required: bool = False
    is_nullable: bool = False
    hints: tuple[str, ...] = ()
    """Such as ``1 to 10``, ``at most 40 characters``."""
    options: tuple[Option, ...] = ()
    schema: Schema = field(default_factory=dict[str, Any])
    """Resolved, and merged where it could be."""
    reason: str = ""
    """Why it is a JSON field, where it might have been another."""


@dataclass(frozen=True, slots=True)
class Change:
    """What listeners of a model are told."""

    path: Path
    is_structure: bool
    """Children or kinds below the path changed, beside texts and states."""
