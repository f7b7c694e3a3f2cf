"""What SQS answers, which must be read as botocore would have read it."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.bus.sqs_json import read_answer
from tests.bus.answering import answered

TEXT = st.text(max_size=20)
ATTRIBUTE = st.fixed_dictionaries(
    {"DataType": st.just("String"), "StringValue": TEXT}
) | st.fixed_dictionaries(
    {"DataType": st.just("Binary"), "BinaryValue": st.binary().map(base64.b64encode)}
)
MESSAGE = st.fixed_dictionaries(
    {"MessageId": TEXT, "ReceiptHandle": TEXT, "Body": TEXT},
    optional={
        "Attributes": st.dictionaries(st.just("ApproximateReceiveCount"), st.just("3")),
        "MessageAttributes": st.dictionaries(TEXT, ATTRIBUTE, max_size=3) | st.none(),
    },
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "Successful": st.lists(st.fixed_dictionaries({"Id": TEXT})) | st.none(),
        "Failed": st.lists(
            st.fixed_dictionaries(
                {"Id": TEXT, "Code": TEXT, "SenderFault": st.booleans()},
                optional={"Message": TEXT},
            )
        ),
    },
)


@pytest.fixture(scope="module")
def boto3_client() -> Any:
    session: Any = boto3.Session("key", "secret", region_name="eu-central-1")
    return session.client("sqs")


def read_by_boto3(client: Any, operation: str, body: bytes) -> Any:
    with answered(client, f"sqs.{operation}", body):
        if operation == "ReceiveMessage":
            answer = client.receive_message(QueueUrl="https://localhost/0/q")
        else:
            answer = client.delete_message_batch(QueueUrl="https://localhost/0/q", Entries=[])
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _as_json(value: Any) -> bytes:
    return json.dumps(value, default=bytes.decode).encode()


@given(messages=st.lists(MESSAGE, max_size=10))
def test_messages_are_read_as_botocore_reads_them(boto3_client: Any, messages: Any) -> None:
    body = _as_json({"Messages": messages})

    assert read_answer(body) == read_by_boto3(boto3_client, "ReceiveMessage", body)


@given(answer=ENTRIES)
def test_what_became_of_entries_is_read_as_botocore_reads_it(
    boto3_client: Any, answer: Any
) -> None:
    body = _as_json(answer)

    assert read_answer(body) == read_by_boto3(boto3_client, "DeleteMessageBatch", body)


@pytest.mark.parametrize("body", [b"{}", b'{"Messages": null}'])
def test_an_empty_queue_has_no_messages(boto3_client: Any, body: bytes) -> None:
    assert read_answer(body) == read_by_boto3(boto3_client, "ReceiveMessage", body) == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"<html/>", b"\xff"])
def test_anything_else_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"no answer of SQS"):
        read_answer(body)
