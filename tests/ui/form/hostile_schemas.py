"""Schemas that are broken, endless or odd. A form is made from each, and says what it cannot."""

from __future__ import annotations

from typing import Any


def nested(levels: int) -> dict[str, Any]:
    """Objects within objects, each required."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"d": schema}, "required": ["d"]}
    return schema


def doubling(levels: int, word: str) -> dict[str, Any]:
    """References that come to 2 to the power of ``levels``."""
    parts: dict[str, Any] = {
        f"a{n}": {word: [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)
    }
    return {"$defs": {**parts, f"a{levels}": {"type": "string"}}, "$ref": "#/$defs/a0"}


def branching(levels: int) -> dict[str, Any]:
    """Required properties that come to 2 to the power of ``levels``."""
    parts: dict[str, Any] = {}
    for n in range(levels):
        next_one = {"$ref": f"#/$defs/a{n + 1}"}
        properties = {"left": next_one, "right": next_one}
        parts[f"a{n}"] = {"type": "object", "properties": properties, "required": [*properties]}
    return {"$defs": {**parts, f"a{levels}": {"type": "string"}}, "$ref": "#/$defs/a0"}


ENDLESS = "^(a+)+$"

HOSTILE: dict[str, Any] = {
    "broken_reference": {"$ref": "#/nope"},
    "reference_to_itself": {"$ref": "#"},
    "circle": {
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        "$ref": "#/$defs/a",
    },
    "remote_reference": {"$ref": "http://192.0.2.1/schema.json"},
    "file_reference": {"$ref": "file:///etc/passwd"},
    "unknown_anchor": {"$dynamicRef": "#x"},
    "no_reference": {"$ref": 5},
    "ten_thousand_properties": {
        "type": "object",
        "properties": {f"p{n}": {"type": "string"} for n in range(10_000)},
    },
    "huge_enum_of_texts": {"enum": [f"v{n}" for n in range(100_000)]},
    "huge_enum_of_numbers": {"enum": list(range(100_000))},
    "pattern_that_is_none": {"type": "string", "pattern": "("},
    "endless_pattern": {
        "type": "object",
        "properties": {"x": {"type": "string", "pattern": ENDLESS, "default": "a" * 60 + "!"}},
        "required": ["x"],
    },
    "endless_patterns_of_names": {
        "type": "object",
        "patternProperties": {ENDLESS: {"type": "string"}},
        "additionalProperties": False,
    },
    "endless_patterns_unevaluated": {
        "type": "object",
        "patternProperties": {ENDLESS: {"type": "string"}},
        "unevaluatedProperties": False,
    },
    "endless_pattern_of_names": {"type": "object", "propertyNames": {"pattern": ENDLESS}},
    "nested_500": nested(500),
    "nested_5000": nested(5_000),
    "doubling_all_of": doubling(40, "allOf"),
    "doubling_any_of": doubling(40, "anyOf"),
    "branching": branching(30),
    "required_recursion": {
        "type": "object",
        "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}},
        "required": ["a", "b"],
    },
    "any_of_itself": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    "one_of_itself": {"type": ["string", "integer"], "oneOf": [{"$ref": "#"}, {"$ref": "#"}]},
    "contradiction": {"allOf": [{"type": "string"}, {"type": "integer"}]},
    "endless_items": {"type": "array", "minItems": 10**9, "items": {"$ref": "#"}},
    "false": False,
    "none": None,
    "a_list": [1],
    "a_number": 3,
    "properties_list": {"type": "object", "properties": [1, 2]},
    "pattern_properties_list": {"type": "object", "patternProperties": [1]},
    "name_that_is_no_text": {"type": "object", "properties": {1: {"type": "string"}}},
    "required_text": {"type": "object", "properties": {"a": {}}, "required": "a"},
    "required_lists": {"type": "object", "properties": {"a": {}}, "required": [[1]]},
    "required_of_draft_3": {
        "type": "object",
        "properties": {"a": {"type": "object", "required": True}},
    },
    "type_number": {"type": 5},
    "type_unknown": {"type": "any"},
    "types_odd": {"type": [1, {}]},
    "no_types": {"type": []},
    "items_text": {"type": "array", "items": "x"},
    "prefix_text": {"type": "array", "prefixItems": "ab"},
    "any_of_object": {"anyOf": {}},
    "any_of_nothing": {"anyOf": []},
    "any_of_numbers": {"anyOf": [1, 2]},
    "all_of_number": {"allOf": [1]},
    "all_of_text": {"allOf": "x"},
    "enum_object": {"enum": {}},
    "enum_nothing": {"enum": []},
    "const_infinity": {"const": float("inf")},
    "default_nan": {"type": "number", "default": float("nan")},
    "default_set": {"default": {1, 2}},
    "minimum_text": {"type": "integer", "minimum": "a"},
    "minimum_huge": {"type": "integer", "minimum": 10**5000, "default": 10**4400},
    "multiple_of_nothing": {"type": "integer", "multipleOf": 0, "default": 3},
    "pattern_number": {"type": "string", "pattern": 5},
    "format_number": {"type": "string", "format": 5},
    "words_that_are_none": {"title": [1], "description": {"a": 1}, "examples": "x"},
    "dialect_number": {"$schema": 5, "type": "object"},
    "dialect_unknown": {"$schema": "x:y"},
    "id_number": {"$id": 5},
    "then_number": {"if": 5},
    "dependent_number": {"dependentRequired": {"a": 5}},
    "tag_odd": {
        "oneOf": [
            {"type": "object", "properties": [1]},
            {"type": "object", "properties": {"a": {"const": 1}}},
        ]
    },
}
