"""A value against a stranger's schema: the verdict is that of jsonschema, and it comes soon."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from asyncmcp_nb.session.schema_check import SchemaCheck, UnusableSchema

TUPLE = {"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
SLOW = "^(a|aa)+$"

# The thread that imports the validator stops in the middle until the check waits for it.
CHECKS_MEANWHILE = """
import sys, threading, time
from asyncmcp_nb.session.schema_check import SchemaCheck
from asyncmcp_nb.session.validation import warm_up

checking, is_midway = threading.get_ident(), threading.Event()

def stop_midway(frame, event, _):
    code = frame.f_code
    if event == "call" and (code.co_name, code.co_filename[-10:]) == ("<module>", "_format.py"):
        is_midway.set()
        for _ in range(1000):
            if sys._current_frames()[checking].f_code.co_name == "acquire":
                break
            time.sleep(0.01)

threading.setprofile(stop_midway)
check = SchemaCheck({"type": "integer"})
warming = threading.Thread(target=warm_up)
warming.start()
is_midway.wait()
print([found.message for found in check.violations("x")])
warming.join()
import jsonschema
print(jsonschema.exceptions.__name__)
"""


def messages(schema: Any, value: Any, *, with_formats: bool = False) -> list[str]:
    found = SchemaCheck(schema, with_formats=with_formats).violations(value)
    return [error.message for error in found]


def test_a_schema_is_read_in_the_dialect_that_it_names() -> None:
    assert messages({"$schema": DRAFT_7, **TUPLE}, ["x", "y"]) == ["'x' is not of type 'integer'"]


def test_without_a_name_it_is_2020_12() -> None:
    assert messages({"prefixItems": [{"type": "integer"}]}, ["x"]) == [
        "'x' is not of type 'integer'"
    ]
    with pytest.raises(UnusableSchema):
        messages(TUPLE, ["x", "y"])


def test_formats_are_checked_where_asked_for() -> None:
    schema = {"format": "date"}

    assert messages(schema, "x") == []
    assert messages(schema, "x", with_formats=True) == ["'x' is not a 'date'"]


@pytest.mark.parametrize("schema", [{"$id": 5}, None, [1], {"properties": [1]}, {"type": "any"}])
def test_a_broken_schema_is_said_to_be_one(schema: Any) -> None:
    with pytest.raises(UnusableSchema):
        SchemaCheck(schema).violations({"a": 1})


def test_a_part_that_is_broken_fits_nothing() -> None:
    check = SchemaCheck({})

    assert (check.fits({"$ref": "#/nope"}, 1), check.fits({"type": "integer"}, 1)) == (False, True)


@pytest.mark.parametrize(
    ("step", "valid", "invalid"),
    [
        (0.05, [0.15, 0.35, 1e300, 2**70, -0.05, 0, 1.0], [0.151, 1e-300, float("inf")]),
        (0.1, [0.3, 1, 10**5_000], [0.1 + 0.2, 0.35]),
        (1e-300, [1e300, 3e-300], [1.5e-300]),
        (3, [3.0, -6, 9e15], [1, 2.5, float("nan")]),
        (1.5, [3, 4.5], [2]),
    ],
)
def test_multiples_are_of_numbers_as_they_are_written(
    step: float, valid: list[float], invalid: list[float]
) -> None:
    check = SchemaCheck({"multipleOf": step})

    assert [number for number in valid if check.violations(number)] == []
    assert [number for number in invalid if not check.violations(number)] == []
    assert check.violations(True) == check.violations("x") == []


@pytest.mark.parametrize("step", [0, 0.0, "x"])
def test_a_step_that_is_none_makes_the_schema_unusable(step: Any) -> None:
    with pytest.raises(UnusableSchema):
        messages({"multipleOf": step}, 1)


def test_references_that_multiply_are_given_up() -> None:
    part = {"$ref": "#/$defs/a"}
    definitions: dict[str, Any] = {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)
    }
    schema = {"$defs": {"a": {"$ref": "#/$defs/a0"}, **definitions, "a40": {}}, **part}

    with pytest.raises(UnusableSchema, match="its references multiply"):
        SchemaCheck(schema).violations(1)


def test_many_values_may_follow_many_references() -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}

    assert messages(schema, list(range(20_000))) == []


def test_what_a_slow_pattern_says_is_left_to_the_server() -> None:
    slow_text = "a" * 5_000 + "!"

    assert messages({"items": {"pattern": SLOW}}, [slow_text] * 100) == []
    assert messages(
        {"patternProperties": {SLOW: False}, "additionalProperties": False}, {"b": 1}
    ) == ["Additional properties are not allowed ('b' was unexpected)"]


def test_slow_patterns_of_names_that_nothing_bounds_are_refused() -> None:
    schema: dict[str, Any] = {"patternProperties": {SLOW: {}}, "unevaluatedProperties": False}

    with pytest.raises(UnusableSchema, match="a pattern for its names takes too long"):
        SchemaCheck(schema).violations({"a" * 5_000 + "!": 1})


def test_a_check_while_the_validator_is_still_being_imported_waits_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECKS_MEANWHILE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout == "[\"'x' is not of type 'integer'\"]\njsonschema.exceptions\n"
