"""Errors of the schema's judge, as plain words beside the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from asyncmcp_nb.ui.form.field import OMITTED, Path
from asyncmcp_nb.ui.form.node import Node


class Judge:
    """Says what is wrong with a value."""

    def __init__(self, schema: Mapping[str, Any] | bool, *, is_tool: bool) -> None:
        self._validator: Any = jsonschema.Draft202012Validator(schema)

    def fits(self, schema: Any, value: Any) -> bool:
        return self._validator.evolve(schema=schema).is_valid(value)

    def problems(self, root: Node) -> Mapping[Path, str]:
        found = dict(root.faults())
        value = root.value()
        if value is OMITTED:
            found.setdefault((), "required")
            return found
        for error in self._validator.iter_errors(value):
            path = tuple(error.absolute_path)
            if error.validator == "required":
                for name in error.validator_value:
                    if name not in error.instance:
                        found.setdefault((*path, name), "required")
            else:
                found.setdefault(path, error.message)
        return found
