from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from asyncmcp_nb.frame.private import PrivateValues

TOKEN = {"token": "s3cr3t", "pin": 4711, "n": 1, "empty": "", "live": True, "user": "ann"}
NAMES = frozenset({"token", "pin", "n", "empty", "live"})


def cleaned(value: Any, *sources: Any) -> Any:
    return PrivateValues(NAMES, [value, *sources]).clean(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"token": "x", "a": [1, true]}', '{"token":"[redacted]","a":[1,true]}'),
        ('{"pin": 1}\n{"pin": 2}', '{"pin":"[redacted]"}\n{"pin":"[redacted]"}'),
        ('Here: {"pin": {"a": "x"}} is it', 'Here: {"pin":"[redacted]"} is it'),
        (json.dumps(['{"token": "x"}']), json.dumps(['{"token":"[redacted]"}'], indent=None)),
        ('{"a":  1, "b": [ ]}', '{"a":  1, "b": [ ]}'),
        ("see [1] and {x}", "see [1] and {x}"),
        ('cut off: {"a": 1, "token": "s3c', "[redacted]"),
        ("a dict: {'token': 's3cr3t'}", "[redacted]"),
        ("[" * 300 + '{"token": "x"}', "[redacted]"),
    ],
)
def test_json_in_a_text_is_cleaned_by_key(text: str, expected: str) -> None:
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it is s3cr3t", "[redacted]"),
        ('{"user": "ann", "said": "is s3cr3t!"}', '{"user":"ann","said":"[redacted]"}'),
        ('{"user": "ann", "twice": "s3cr3t", "twice": 2}', "[redacted]"),
        ("pin4711x", "[redacted]"),
        ("no. -4711.", "[redacted]"),
        ("no. 14711, 1, true, null", "no. 14711, 1, true, null"),
        ('{"ids": [4711, 1]}', '{"ids":["[redacted]",1]}'),
    ],
)
def test_values_are_taken_out_elsewhere_unless_they_are_of_one_character(
    text: str, expected: str
) -> None:
    assert cleaned(text, TOKEN) == expected


def test_values_in_json_within_text_are_known_everywhere() -> None:
    found = cleaned({"a": 'got {"token": "s3cr3t"}', "b": "s3cr3t", "s3cr3t": 1, "x s3cr3t": 2})

    assert found == {
        "a": 'got {"token":"[redacted]"}',
        "b": "[redacted]",
        "[redacted]": 1,
        "[redacted] 2": 2,
    }


def test_names_within_what_is_private_are_met_and_their_values_known_elsewhere() -> None:
    for user in ({"token": "s3cr3t"}, '{"token": "s3cr3t"}'):
        private = PrivateValues(frozenset({"user", "token"}), [{"user": user}])

        assert private.met == {"user", "token"}
        assert private.clean("it is s3cr3t") == "[redacted]"


@pytest.mark.parametrize("value", [1234, 1234.0, -1234, 1234.5, 1e22, 1e-7, 4711.0])
def test_a_number_is_found_however_it_is_written(value: float) -> None:
    private = PrivateValues(frozenset({"sum"}), [{"sum": value}])
    exact = Decimal(str(value))
    texts = [f"{exact:f}", f"{exact:.9f}", f"{exact:,f}", f"{exact:.9E}", str(float(value))]
    same = [float(value), int(value) if value == int(value) else value]

    assert [private.clean(text) for text in (*texts, *same)] == ["[redacted]"] * 7
    assert private.clean(["12", 12, 12345, "12345.0", 12.34]) == ["12", 12, 12345, "12345.0", 12.34]


def test_a_number_too_long_to_be_written_out_is_compared_as_it_stands() -> None:
    private = PrivateValues(frozenset({"sum"}), [{"sum": 12}])

    assert private.clean("1e999999999 2.5e-99999") == "1e999999999 2.5e-99999"


def test_a_text_is_found_as_python_writes_it() -> None:
    secret = 'it\'s "so"\n'

    found = PrivateValues(frozenset({"t"}), [{"t": secret}]).clean(f"got {{'said': {secret!r}}}")

    assert found == "[redacted]"


def test_many_values_are_found_in_long_texts() -> None:
    rows = [{"token": f"secret-{number}"} for number in range(2_000)]
    texts = {"yes": f"{'x' * 50_000} secret-1234 y", "no": "x" * 50_000}

    found = cleaned({"rows": rows, **texts})

    assert found == {
        "rows": [{"token": "[redacted]"}] * 2_000,
        "yes": "[redacted]",
        "no": texts["no"],
    }


def test_a_text_that_is_nested_deep_is_kept_or_taken_out_whole() -> None:
    deep = "[" * 3_000 + "]" * 3_000

    assert cleaned(f'{deep} {{"token": "x"}}', {}) in (
        "[redacted]",
        f'{deep} {{"token":"[redacted]"}}',
    )
