"""What SNS is asked and answers, which must be what botocore would have written and read."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, quote_plus
from xml.sax.saxutils import escape

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.bus.sns_query import quoted, read_published, write_publish_batch
from tests.bus.answering import answered

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


def test_half_a_character_is_refused_as_by_the_standard_library() -> None:
    with pytest.raises(UnicodeEncodeError):
        quoted("\ud800")


TOPIC = "arn:aws:sns:eu-central-1:123456789012:requests"
ATTRIBUTE = st.fixed_dictionaries(
    {"DataType": st.sampled_from(["String", "Number"]), "StringValue": st.text()}
)
ENTRY = st.fixed_dictionaries(
    {"Id": st.text(max_size=5), "Message": st.text() | JSON.map(json.dumps)},
    optional={
        "MessageAttributes": st.dictionaries(st.text(max_size=8), ATTRIBUTE, max_size=4),
        "MessageGroupId": st.text(),
        "MessageDeduplicationId": st.text(),
    },
)
VALUE = st.text("<&>\"'aé☃\u202e", max_size=5)
SUCCESSFUL = st.fixed_dictionaries(
    {"Id": VALUE, "MessageId": VALUE}, optional={"SequenceNumber": VALUE}
)
FAILED = st.fixed_dictionaries(
    {"Id": VALUE, "Code": VALUE, "SenderFault": st.sampled_from(["true", "false"])},
    optional={"Message": VALUE},
)


@pytest.fixture(scope="module")
def boto3_client() -> Any:
    session: Any = boto3.Session("key", "secret", region_name="eu-central-1")
    return session.client("sns")


@given(entries=st.lists(ENTRY, min_size=1, max_size=10))
def test_what_is_written_is_what_botocore_writes(boto3_client: Any, entries: Any) -> None:
    with answered(boto3_client, "sns.PublishBatch", answer([], [])) as at:
        boto3_client.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries)
    [theirs] = at.seen

    headers, body = write_publish_batch(TOPIC, entries)

    assert fields(body.decode()) == fields(_text(theirs.body))
    assert headers["Content-Type"] == _text(theirs.headers["Content-Type"])


def fields(form: str) -> list[tuple[str, str]]:
    return sorted(parse_qsl(form, keep_blank_values=True, strict_parsing=True))


def _text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()


def answer(successful: Any, failed: Any) -> bytes:
    """As SNS writes it."""
    lists = "".join(
        f"<{name}>{''.join(map(_member, members))}</{name}>"
        for name, members in (("Failed", failed), ("Successful", successful))
    )
    return (
        '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<PublishBatchResult>{lists}</PublishBatchResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishBatchResponse>"
    ).encode()


def _member(member: dict[str, str]) -> str:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in member.items())
    return f"<member>{inner}</member>"


@given(successful=st.lists(SUCCESSFUL, max_size=10), failed=st.lists(FAILED, max_size=10))
def test_what_is_read_is_what_botocore_reads(
    boto3_client: Any, successful: Any, failed: Any
) -> None:
    body = answer(successful, failed)
    with answered(boto3_client, "sns.PublishBatch", body):
        theirs = boto3_client.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=[])
    del theirs["ResponseMetadata"]

    assert read_published(body) == theirs


@pytest.mark.parametrize("body", [b"", b"{}", b"<html/>", b"<PublishBatchResponse", b"\xff"])
def test_anything_else_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"answer of SNS"):
        read_published(body)
