"""Messages that SQS brings, which must be what botocore would have read."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.bus.aws import make_client
from asyncmcp_nb.bus.received import read_messages
from tests.bus.answering import answering

NOWHERE = "http://127.0.0.1:9"

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


@pytest.fixture(scope="module")
def ours() -> Any:
    return make_client("sqs", region="eu-central-1", endpoint_url=NOWHERE)


@pytest.fixture(scope="module")
def theirs() -> Any:
    session: Any = boto3.Session("key", "secret", region_name="eu-central-1")
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return session.client("sqs", endpoint_url=NOWHERE, config=once)


def read_by(client: Any, body: bytes, status_code: int = 200) -> Any:
    """What a client makes of a response, or says of it."""
    with answering(client, "sqs.ReceiveMessage", body, status_code):
        try:
            return client.receive_message(QueueUrl=f"{NOWHERE}/0/q")
        except (BotoCoreError, ClientError) as exc:
            return type(exc).__name__, str(exc)


def _as_json(value: Any) -> bytes:
    return json.dumps(value, default=bytes.decode).encode()


@given(messages=st.lists(MESSAGE, max_size=10))
def test_messages_are_read_as_botocore_reads_them(ours: Any, theirs: Any, messages: Any) -> None:
    body = _as_json({"Messages": messages})

    assert read_by(ours, body) == read_by(theirs, body)


@pytest.mark.parametrize(
    ("body", "status_code"),
    [
        (b"{}", 200),
        (b'{"Messages": null}', 200),
        (b'{"Messages": [], "Later": 1}', 200),
        (b"{", 200),
        (b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"}', 400),
        (b'{"Messages": []}', 400),
    ],
)
def test_anything_else_is_left_to_botocore(
    ours: Any, theirs: Any, body: bytes, status_code: int
) -> None:
    assert read_by(ours, body, status_code) == read_by(theirs, body, status_code)


def test_botocore_does_not_read_the_messages_again() -> None:
    response: dict[str, Any] = {"status_code": 200, "body": _as_json({"Messages": [{"Body": "a"}]})}
    read: dict[str, Any] = {}

    read_messages(response_dict=response, customized_response_dict=read)

    assert read == {"Messages": [{"Body": "a"}]}
    assert response["body"] == b"{}"
