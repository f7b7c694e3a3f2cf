"""Our checks of formats say what those of ``jsonschema`` say."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncmcp_nb.session.formats import CHECKED

SAMPLES = {
    "date": ["2024-02-29", "2023-02-29", "0000-01-01", "20240101", "2024-W01-1", "２０２４-01-01"],
    "time": ["10:00:00Z", "10:00:00.123+01:00", "10:00", "24:00:00Z", "10:00:60Z", "10:00:00z"],
    "date-time": [
        *("2024-05-01T10:00:00Z", "2024-05-01t10:00:00.5-07:30", "2024-05-01 10:00:00Z"),
        *("2024-05-01T10:00:00", "2024-02-30T10:00:00Z", "0000-01-01T00:00:00Z"),
    ],
    "email": ["a@b", "@", "a", ""],
    "uri": [
        *("https://example.com/a?b=c#d", "urn:isbn:1", "mailto:a@b", "http://[::1]:80/x", "a:"),
        *("http://[::g]/", "http://[v1.x]/", "http://a:b", "http://a b", "//x", "", "1:a", "a:%zz"),
        *("http://user:pw@host:/", "file:///a", "a:/", "a://", "a:b//c", "http://é", "a:[b]"),
    ],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in SAMPLES.items() for t in texts])
def test_a_sample_is_judged_as_jsonschema_judges_it(name: str, text: str) -> None:
    theirs = jsonschema.Draft202012Validator.FORMAT_CHECKER

    assert CHECKED[name](text) == theirs.conforms(text, name)


@settings(max_examples=300, derandomize=True, database=None)
@given(st.text(alphabet="aZ0:/?#[]@%.-+vf1", max_size=14))
def test_any_address_is_judged_as_jsonschema_judges_it(text: str) -> None:
    theirs = jsonschema.Draft202012Validator.FORMAT_CHECKER

    assert CHECKED["uri"](text) == theirs.conforms(text, "uri")
    assert CHECKED["uri"](f"http:{text}") == theirs.conforms(f"http:{text}", "uri")
