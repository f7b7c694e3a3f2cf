"""Schemas that each show one shape of JSON Schema, and the ones that forms fail on."""

from __future__ import annotations

from typing import Any, Final


def of(schema: Any, *, is_required: bool = True, **rest: Any) -> dict[str, Any]:
    """A tool's schema with one argument, ``x``."""
    return {
        "type": "object",
        "properties": {"x": schema},
        **({"required": ["x"]} if is_required else {}),
        **rest,
    }


STRING: Final = {"type": "string"}
INTEGER: Final = {"type": "integer"}

TRAPS: Final[dict[str, dict[str, Any] | bool]] = {
    "trap_optional_enum_without_default": of({"enum": ["a", "b"]}, is_required=False),
    "trap_string_or_null": of({"type": ["string", "null"]}),
    "trap_optional_of_pydantic": of(
        {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, is_required=False
    ),
    "trap_numeric_enum": of({"enum": [1, 2.5, 1.0, 10**20]}),
    "trap_mixed_enum": of({"enum": ["a", 1, True, None, {"k": [1]}, "1", 0, False, ""]}),
    "trap_empty_schema": of({}),
    "trap_true": of(True),
    "trap_discriminated_one_of": of(
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": "a"}, "n": INTEGER},
                    "required": ["kind", "n"],
                },
                {
                    "type": "object",
                    "properties": {"kind": {"const": "b"}, "s": STRING},
                    "required": ["kind"],
                },
            ]
        }
    ),
    "trap_big_integers": of({"type": "integer", "minimum": -(2**70), "maximum": 2**70}),
    "trap_one_of_with_titles": of(
        {"oneOf": [{"const": 1, "title": "One"}, {"const": "two", "title": "Two"}]}
    ),
    "trap_nested_arrays_of_objects": of(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "rows": {"type": "array", "items": {"type": "array", "items": INTEGER}}
                },
            },
        }
    ),
    "trap_recursive": {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": INTEGER,
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["value"],
            }
        },
        **of({"$ref": "#/$defs/node"}),
    },
    "trap_map": of({"type": "object", "additionalProperties": INTEGER}),
    "trap_ref_with_siblings": {
        "$defs": {"name": {"type": "string", "minLength": 2}},
        **of({"$ref": "#/$defs/name", "maxLength": 5, "description": "short"}),
    },
    "trap_all_of": of(
        {
            "allOf": [
                {"type": "object", "properties": {"a": INTEGER}, "required": ["a"]},
                {"properties": {"b": STRING, "a": {"minimum": 3}}, "required": ["b"]},
            ]
        }
    ),
    "trap_nullable_object": of(
        {"type": ["object", "null"], "properties": {"a": STRING}, "required": ["a"]}
    ),
    "trap_no_arguments": {"type": "object"},
}
"""The seventeen that form libraries were tried on."""

LOOK_ALIKES: Final[list[Any]] = [
    *(1, "1", 1.0, "1.0", -0.0, 0, "0", True, "true", False, None, "null", "(null)", "", " ", "  "),
    *("a b", "a  b", "a\nb", "a\u00a0b", "A b", [1], "[1]", {"a": 1}, '{"a": 1}', '"1"', "1 (2)"),
    *(2**53, 2**53 + 1, "x" * 200, "x" * 201, "\u202e", "\\u202e", "é", "e\u0301", "$a$", "$b$"),
]
"""More than are listed, and many of them hard to tell apart."""

SHAPES: Final[dict[str, dict[str, Any] | bool]] = {
    "root_true": True,
    "root_empty": {},
    "root_string": {"type": "string", "maxLength": 10},
    "root_array": {"type": "array", "items": INTEGER, "maxItems": 4},
    "root_map": {"type": "object", "additionalProperties": {"type": "boolean"}},
    "root_union": {"anyOf": [STRING, {"type": "array", "items": STRING}]},
    "root_number": {"type": "number"},
    "string_lengths": of({"type": "string", "minLength": 2, "maxLength": 6}),
    "string_pattern": of({"type": "string", "pattern": "^[a-z]{2,4}-[0-9]+$"}),
    "string_multiline": of({"type": "string", "maxLength": 5000}),
    "string_formats": {
        "type": "object",
        "properties": {
            "date": {"type": "string", "format": "date"},
            "time": {"type": "string", "format": "time"},
            "at": {"type": "string", "format": "date-time"},
            "mail": {"type": "string", "format": "email"},
            "site": {"type": "string", "format": "uri"},
            "other": {"type": "string", "format": "duration"},
        },
    },
    "number_bounds": of({"type": "number", "minimum": -1.5, "exclusiveMaximum": 1e16}),
    "integer_steps": of({"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 50}),
    "number_steps": of({"type": "number", "multipleOf": 0.01}),
    "number_twentieths": of({"type": "number", "multipleOf": 0.05, "examples": [0.15, 0.35]}),
    "boolean_or_text": of({"type": ["boolean", "string"]}),
    "integer_or_number": of({"type": ["integer", "number", "null"]}),
    "every_type": of({"type": ["null", "boolean", "integer", "string", "array", "object"]}),
    "enum_of_many": of({"enum": [f"value {n}" for n in range(5_000)]}),
    "enum_of_many_numbers": of({"type": ["integer", "null"], "enum": [*range(40), None]}),
    "enum_of_look_alikes": of({"enum": LOOK_ALIKES}),
    "array_of_many": of({"type": "array", "items": {"enum": [*"abcdefghijklmnopqrst", 1, "1"]}}),
    "const": of({"const": {"a": [1, None]}}),
    "null": of({"type": "null"}),
    "nullable_of_open_api": of({"type": "string", "nullable": True}),
    "nullable_enum": of({"type": ["string", "null"], "enum": ["a", "b", None]}),
    "enum_of_any_of": of({"anyOf": [{"enum": ["a", "b"]}, {"const": "c"}, {"type": "null"}]}),
    "literal_or_text": of({"anyOf": [{"const": "auto"}, STRING]}),
    "array_unique": of({"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True}),
    "array_counts": of({"type": "array", "items": STRING, "minItems": 1, "maxItems": 3}),
    "array_contains": of({"type": "array", "items": INTEGER, "contains": {"minimum": 5}}),
    "array_of_nullable": of({"type": "array", "items": {"type": ["integer", "null"]}}),
    "array_without_items": of({"type": "array"}),
    "tuple": of({"type": "array", "prefixItems": [STRING, INTEGER], "items": False, "minItems": 2}),
    "tuple_open": of({"type": "array", "prefixItems": [STRING], "items": {"type": "boolean"}}),
    "tuple_of_zod": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **of(
            {"type": "array", "minItems": 2, "maxItems": 2, "items": [{"type": "number"}, STRING]}
        ),
    },
    "closed_object": of(
        {"type": "object", "properties": {"a": STRING}, "additionalProperties": False}
    ),
    "object_with_extras": of(
        {"type": "object", "properties": {"a": STRING}, "additionalProperties": INTEGER}
    ),
    "pattern_properties": of(
        {
            "type": "object",
            "patternProperties": {"^n_": INTEGER, "^s_": STRING},
            "additionalProperties": False,
        }
    ),
    "property_names": of(
        {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": STRING}
    ),
    "map_of_objects": of(
        {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"n": INTEGER},
                "required": ["n"],
            },
            "minProperties": 1,
        }
    ),
    "nested_objects": of(
        {
            "type": "object",
            "properties": {
                "b": {"type": "object", "properties": {"c": of(INTEGER)}, "required": ["c"]}
            },
            "required": ["b"],
        }
    ),
    "one_of_exclusive": of({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 10}]}),
    "any_of_objects_without_tag": of(
        {
            "anyOf": [
                {"type": "object", "properties": {"a": INTEGER}, "required": ["a"]},
                {
                    "type": "object",
                    "properties": {"a": INTEGER, "b": INTEGER},
                    "required": ["a", "b"],
                },
            ]
        }
    ),
    "any_of_required": {
        "type": "object",
        "properties": {"a": STRING, "b": STRING},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "one_of_beside_properties": {
        "type": "object",
        "properties": {"name": STRING},
        "required": ["name"],
        "oneOf": [
            {
                "properties": {"how": {"const": "fast"}, "speed": INTEGER},
                "required": ["how", "speed"],
            },
            {"properties": {"how": {"const": "slow"}}, "required": ["how"]},
        ],
    },
    "if_then_else": {
        "type": "object",
        "properties": {"country": {"enum": ["US", "DE"]}, "zip": STRING},
        "if": {"properties": {"country": {"const": "US"}}, "required": ["country"]},
        "then": {"required": ["zip"], "properties": {"zip": {"pattern": "^[0-9]{5}$"}}},
        "else": {"properties": {"zip": {"maxLength": 4}}},
    },
    "dependent_required": {
        "type": "object",
        "properties": {"card": STRING, "billing": STRING},
        "dependentRequired": {"card": ["billing"]},
    },
    "not": of({"type": "string", "not": {"enum": ["a", "b"]}}),
    "all_of_refs": {
        "$defs": {
            "base": {"type": "object", "properties": {"id": INTEGER}, "required": ["id"]},
            "named": {"type": "object", "properties": {"name": STRING}},
        },
        **of({"allOf": [{"$ref": "#/$defs/base"}, {"$ref": "#/$defs/named"}]}),
    },
    "definitions_and_anchor": {
        "definitions": {"n": {"$anchor": "num", "type": "integer"}, "odd/~name": STRING},
        "type": "object",
        "properties": {"a": {"$ref": "#num"}, "b": {"$ref": "#/definitions/odd~1~0name"}},
    },
    "root_with_id": {
        "$id": "https://example.com/tool.json",
        "$defs": {"n": INTEGER},
        **of({"$ref": "https://example.com/tool.json#/$defs/n"}),
    },
    "recursive_root": {
        "type": "object",
        "properties": {"name": STRING, "child": {"$ref": "#"}},
        "required": ["name"],
    },
    "recursive_expression": {
        "$defs": {
            "e": {
                "anyOf": [
                    {"type": "number"},
                    {
                        "type": "object",
                        "properties": {
                            "op": {"enum": ["+", "-"]},
                            "args": {"type": "array", "items": {"$ref": "#/$defs/e"}},
                        },
                        "required": ["op", "args"],
                        "additionalProperties": False,
                    },
                ]
            }
        },
        **of({"$ref": "#/$defs/e"}),
    },
    "unevaluated": of(
        {
            "type": "object",
            "allOf": [{"properties": {"a": STRING}}],
            "properties": {"b": STRING},
            "unevaluatedProperties": False,
        }
    ),
    "defaults": {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "default": 3},
            "b": {"type": "string", "default": ""},
            "c": {"type": "array", "items": STRING, "default": ["p"]},
            "d": {"type": "object", "properties": {"e": INTEGER}, "default": {"e": 1}},
        },
        "required": ["a", "c"],
    },
    "names_to_trip_over": {
        "type": "object",
        "properties": {
            "": STRING,
            "a.b": STRING,
            "0": INTEGER,
            "type": STRING,
            "properties": INTEGER,
            "$ref": STRING,
        },
    },
    "without_types": {
        "properties": {"a": {"minimum": 3}, "b": {"maxLength": 3}, "c": {"items": {}}}
    },
    "false_property": {"type": "object", "properties": {"a": False, "b": STRING}},
}
"""By what they show."""
