"""Values into the form and out again, and the form's verdict beside those of others."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import validators
from jsonschema.validators import validator_for
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.formats import CHECKED
from asyncmcp_nb.session.keywords import multiple_of
from asyncmcp_nb.session.validation import check_arguments
from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.model import FormModel
from tests.ui.form.instances import Instances, with_change
from tests.ui.form.schemas import SCHEMAS

EXAMPLES = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

ADMITS_ALL = {"root_true", "root_empty"}


def judge(schema: Any, *, with_formats: bool = True) -> Callable[[Any], bool]:
    """``jsonschema`` itself, with its own checks of the formats that the form checks.

    Only ``multipleOf`` is ours: 0.15 is a multiple of 0.05, see decision 0039.
    """
    untyped: Any = validator_for
    plain = untyped(schema, default=jsonschema.Draft202012Validator)
    ours: Any = validators
    dialect = ours.extend(plain, {"multipleOf": multiple_of})
    checker = jsonschema.FormatChecker(formats=())
    checks = jsonschema.Draft202012Validator.FORMAT_CHECKER.checkers
    checker.checkers = {name: checks[name] for name in CHECKED}
    return dialect(schema, format_checker=checker if with_formats else None).is_valid


def in_same_order(one: Any, other: Any) -> bool:
    """The same JSON value, with the names of objects in the same order."""
    if isinstance(one, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return list(left) == list(right) and all(map(in_same_order, left.values(), right.values()))
    if isinstance(one, list):
        return all(map(in_same_order, cast("list[Any]", one), cast("list[Any]", other)))
    return True


def is_admitted(schema: Any, value: Any) -> bool:
    """Whether ``submit`` would take these arguments."""
    try:
        check_arguments(Tool(name="tool", input_schema=schema), value)
    except InvalidArguments:
        return False
    return True


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_value_comes_back_exactly_and_is_judged_as_jsonschema_does(name: str) -> None:
    schema = SCHEMAS[name]
    is_valid = judge(schema)
    is_valid_without_formats = judge(schema, with_formats=False)
    model, tool = FormModel(schema), FormModel(schema, is_tool=True)
    counts = {True: 0, False: 0}

    def check(value: Any) -> bool:
        kept = deepcopy(value)
        model.load(value)
        verdict = is_valid(kept)
        assert same(model.value(), kept)
        assert in_same_order(model.value(), kept)
        assert same(value, kept)
        assert (model.is_valid, model.problems()) == (verdict, model.problems())
        counts[verdict] += 1
        return verdict

    @EXAMPLES
    @given(with_change(Instances(schema).of_root()))
    def round_trips(values: tuple[Any, Any]) -> None:
        check(values[0])
        verdict = check(values[1])
        if isinstance(schema, dict) and isinstance(values[1], dict):
            tool.load(values[1])
            # A format that is not met is no reason for ``submit`` to refuse.
            is_strict = not verdict and is_valid_without_formats(values[1])
            assert tool.is_valid == (is_admitted(schema, values[1]) and not is_strict)

    round_trips()
    assert counts[True] > 0
    assert counts[False] > 0 or name in ADMITS_ALL
