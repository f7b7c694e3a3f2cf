"""Bodies of SNS requests, which must be what botocore would have written."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus, urlencode

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.bus.aws import make_client
from asyncmcp_nb.bus.forms import form, quoted
from tests.bus.answering import answering

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.text())
def test_any_text_is_quoted_as_the_standard_library_does(text: str) -> None:
    assert quoted(text) == quote_plus(text)


@given(JSON, st.booleans())
def test_json_is_quoted_as_the_standard_library_does(value: Any, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)

    assert quoted(text) == quote_plus(text)


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9.]+", fullmatch=True), st.text()))
def test_a_form_is_what_urlencode_makes_of_it(fields: dict[str, str]) -> None:
    assert form(fields) == urlencode(fields).encode()


def test_half_a_character_is_refused_as_by_the_standard_library() -> None:
    with pytest.raises(UnicodeEncodeError):
        quoted("\ud800")


ANSWER = b"""<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
<PublishBatchResult><Failed/><Successful/></PublishBatchResult></PublishBatchResponse>"""


def sent_by(client: Any, **request: Any) -> tuple[bytes, bytes]:
    """The body and content type of a publish, which does not leave the process."""
    with answering(client, "sns.PublishBatch", ANSWER) as seen:
        client.publish_batch(**request)
    [only] = seen
    return _bytes(only.body), _bytes(only.headers["Content-Type"])


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def test_what_is_sent_is_what_botocore_sends() -> None:
    entries = [
        {
            "Id": str(number),
            "Message": json.dumps({"id": number, "text": "§ + & = % ~\n"}),
            "MessageAttributes": {"ClientId": {"DataType": "String", "StringValue": "a b/c"}},
        }
        for number in range(10)
    ]
    request = {
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:requests",
        "PublishBatchRequestEntries": entries,
    }
    session: Any = boto3.Session("key", "secret", region_name="eu-central-1")
    theirs = session.client("sns", endpoint_url="http://127.0.0.1:9")
    ours = make_client("sns", region="eu-central-1", endpoint_url="http://127.0.0.1:9")

    assert sent_by(ours, **request) == sent_by(theirs, **request)
