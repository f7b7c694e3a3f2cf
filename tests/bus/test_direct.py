"""What is asked past boto3's client: the same requests, and whatever fails is left to boto3."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws  # noqa: TID251 - as users' own tests may play AWS
from wrapt import FunctionWrapper

from asyncmcp_nb.bus import direct
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.bus.direct import DirectSns, DirectSqs
from asyncmcp_nb.errors import BusDenied, BusError, BusNotFound
from asyncmcp_nb.wire import Outgoing
from tests.bus.answering import Answering, answered

REGION = "eu-central-1"
QUEUE = f"https://sqs.{REGION}.amazonaws.com/123456789012/requests"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:requests"
NONE_THERE = b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"}'
DONE = b'{"Successful": [{"Id": "0"}]}'
PUBLISHED = b"""<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
<PublishBatchResult><Failed/><Successful><member><MessageId>m</MessageId><Id>0</Id></member>
</Successful></PublishBatchResult></PublishBatchResponse>"""
ENTRIES = [{"Id": "0", "ReceiptHandle": "a/b+c="}]
REQUESTS = [
    (
        "sns",
        "PublishBatch",
        "publish_batch",
        {
            "TopicArn": TOPIC,
            "PublishBatchRequestEntries": [
                {
                    "Id": "0",
                    "Message": '{"a": "§ ☃"}',
                    "MessageAttributes": {"C": {"DataType": "String", "StringValue": "a b"}},
                }
            ],
        },
    ),
    (
        "sqs",
        "ReceiveMessage",
        "receive_message",
        {"QueueUrl": QUEUE, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]},
    ),
    ("sqs", "DeleteMessageBatch", "delete_message_batch", {"QueueUrl": QUEUE, "Entries": ENTRIES}),
    (
        "sqs",
        "ChangeMessageVisibilityBatch",
        "change_message_visibility_batch",
        {"QueueUrl": QUEUE, "Entries": [{**ENTRIES[0], "VisibilityTimeout": 5}]},
    ),
]
ENDPOINTS = [
    None,
    "http://127.0.0.1:4566",
    "http://localhost:80/",
    "http://[::1]:4566",
    "https://sqs.example.com:443",
]


def session(token: str | None = None) -> Any:
    return boto3.Session("key", "secret", token, region_name=REGION)


def client(service: str, endpoint_url: str | None = None, *, token: str | None = None) -> Any:
    return make_client(service, region=REGION, endpoint_url=endpoint_url, session=session(token))


def past(service: str, plain: Any, credentials: Any = None) -> Any:
    """What asks past a client."""
    kind = DirectSqs if service == "sqs" else DirectSns
    return kind(plain, credentials or session().get_credentials())


def is_direct(request: Any) -> bool:
    """Whether boto3 has no part in a request: it numbers its own."""
    return "amz-sdk-invocation-id" not in request.headers


def sent_by(asker: Any, answering: Answering, method: str, request: dict[str, Any]) -> Any:
    getattr(asker, method)(**request)
    return answering.seen.pop()


def body_of(request: Any) -> Any:
    body = request.body if isinstance(request.body, str) else request.body.decode()
    return json.loads(body) if body.startswith("{") else dict(parse_qsl(body, strict_parsing=True))


@pytest.mark.parametrize("endpoint_url", ENDPOINTS)
@pytest.mark.parametrize(("service", "operation", "method", "request_"), REQUESTS)
def test_what_is_sent_is_what_boto3_sends(
    service: str, operation: str, method: str, request_: dict[str, Any], endpoint_url: str | None
) -> None:
    plain = client(service, endpoint_url, token="of a session")
    asker = past(service, plain, session("of a session").get_credentials())
    with answered(plain, f"{service}.{operation}", PUBLISHED if service == "sns" else DONE) as at:
        ours, theirs = (sent_by(one, at, method, request_) for one in (asker, plain))

    assert (is_direct(ours), is_direct(theirs)) == (True, False)
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    assert body_of(ours) == body_of(theirs)
    for name in ("Content-Type", "X-Amz-Target", "x-amzn-query-mode", "User-Agent"):
        assert _text(ours.headers.get(name)) == _text(theirs.headers.get(name))
    assert ours.headers["Authorization"] == authorized(service, ours)


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize(
    "variable", ["NONE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_ENDPOINT_URL"]
)
@pytest.mark.parametrize(("service", "operation", "method", "request_"), REQUESTS[:2])
def test_where_it_is_sent_is_for_boto3_to_say(
    service: str,
    operation: str,
    method: str,
    request_: dict[str, Any],
    region: str,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = "http://localhost:4566" if variable == "AWS_ENDPOINT_URL" else "true"
    monkeypatch.setenv(variable, where)
    there = boto3.Session("key", "secret")
    plain = make_client(service, region=region, endpoint_url=None, session=there)
    asker = past(service, plain, there.get_credentials())
    with answered(plain, f"{service}.{operation}", PUBLISHED if service == "sns" else DONE) as at:
        ours, theirs = (sent_by(one, at, method, request_) for one in (asker, plain))

    assert (is_direct(ours), is_direct(theirs)) == (True, False)
    assert ours.url == theirs.url
    assert scope_of(ours) == scope_of(theirs)


def scope_of(request: Any) -> list[str]:
    """Region and service that a request is signed for."""
    credential = (_text(request.headers["Authorization"]) or "").partition(",")[0]
    return credential.split("/")[2:]


def authorized(service: str, sent: Any) -> str:
    """What botocore signs of the same headers, at the same time."""
    names = sent.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {name: value for name, value in sent.headers.items() if name.lower() in names}
    request: Any = AWSRequest("POST", sent.url, headers=headers, data=sent.body)
    request.context["timestamp"] = sent.headers["X-Amz-Date"]
    keys: Any = session("of a session").get_credentials().get_frozen_credentials()
    auth: Any = SigV4Auth(keys, service, REGION)
    digest = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    scope, names = auth.scope(request), ";".join(names)
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={digest}"


def _text(value: str | bytes | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def delete(asker: Any) -> Any:
    return asker.delete_message_batch(QueueUrl=QUEUE, Entries=ENTRIES)


@pytest.fixture
def plain() -> Any:
    return client("sqs")


@pytest.fixture
def asker(plain: Any) -> Any:
    return past("sqs", plain)


@pytest.fixture
def at(plain: Any) -> Iterator[Answering]:
    """Where requests to delete messages are answered."""
    with answered(plain, "sqs.DeleteMessageBatch", DONE) as answering:
        yield answering


def who_asked(at: Answering) -> list[str]:
    """Of the requests so far."""
    asked = ["us" if is_direct(request) else "boto3" for request in at.seen]
    at.seen.clear()
    return asked


def test_what_aws_refuses_is_told_by_boto3(plain: Any, asker: Any, at: Answering) -> None:
    at.answer = lambda _: (400, NONE_THERE)
    bus = AwsBus(asker, client("sns"))

    for _ in range(2):
        with pytest.raises(BusNotFound, match="none"):
            bus.ack(QUEUE, ["receipt"])
        assert who_asked(at) == ["us", "boto3"]


def test_where_boto3_gets_through_and_we_do_not_it_is_asked_alone_for_a_while(
    asker: Any, at: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.answer = lambda request: (403, b"") if is_direct(request) else (200, DONE)

    assert delete(asker)["Successful"] == [{"Id": "0"}]
    assert who_asked(at) == ["us", "boto3"]
    assert delete(asker)["Successful"] == [{"Id": "0"}]
    assert who_asked(at) == ["boto3"]

    later = direct.time.monotonic() + 61
    monkeypatch.setattr(direct.time, "monotonic", lambda: later)
    delete(asker)
    assert who_asked(at) == ["us", "boto3"]


def test_an_answer_that_is_not_understood_is_left_to_boto3(asker: Any, at: Answering) -> None:
    at.answer = lambda request: (200, b"[]" if is_direct(request) else DONE)

    assert delete(asker)["Successful"] == [{"Id": "0"}]
    assert who_asked(at) == ["us", "boto3"]


def breaking(answer: Callable[[Any], tuple[int, bytes]]) -> Callable[[Any], tuple[int, bytes]]:
    """Lose the connection of what is asked directly."""

    def answer_or_break(request: Any) -> tuple[int, bytes]:
        if is_direct(request):
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer(request)

    return answer_or_break


def test_a_lost_connection_is_tried_again_by_boto3(asker: Any, at: Answering) -> None:
    at.answer = breaking(lambda _: (200, DONE))

    for _ in range(2):
        assert delete(asker)["Successful"] == [{"Id": "0"}]
        assert who_asked(at) == ["us", "boto3"]


def test_on_this_machine_a_lost_connection_is_not_tried_again() -> None:
    plain = client("sqs", "http://127.0.0.1:4566")
    with answered(plain, "sqs.DeleteMessageBatch", DONE) as at:
        at.answer = breaking(lambda _: (200, DONE))
        with pytest.raises(ConnectionClosedError):
            delete(past("sqs", plain))

        assert who_asked(at) == ["us"]


def test_credentials_are_asked_for_each_request(plain: Any, at: Answering) -> None:
    class Renewed:
        """Keys that are new each time."""

        def __init__(self) -> None:
            self.count = 0

        def get_frozen_credentials(self) -> Any:
            self.count += 1
            return ReadOnlyCredentials(f"key{self.count}", "secret", None)

    asker = past("sqs", plain, Renewed())
    delete(asker)
    delete(asker)

    first, second = (request.headers["Authorization"] for request in at.seen)
    assert "Credential=key1/" in first
    assert "Credential=key2/" in second


def test_without_credentials_boto3_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bus = AwsBus.open(region=REGION, endpoint_url=None)

    with pytest.raises(BusDenied, match="Unable to locate credentials"):
        bus.ack(QUEUE, ["receipt"])
    bus.close()


@pytest.mark.parametrize(
    "endpoint_url",
    ["http://127.0.0.1:4566/aws", "http://127.0.0.1:4566/?a=b", "http://me:it@127.0.0.1:4566"],
)
def test_an_endpoint_that_is_more_than_a_place_is_boto3s(endpoint_url: str) -> None:
    plain = client("sqs", endpoint_url)
    with answered(plain, "sqs.DeleteMessageBatch", DONE) as at:
        delete(past("sqs", plain))

        assert who_asked(at) == ["boto3"]


def test_another_way_to_sign_is_boto3s() -> None:
    unsigned: Any = Config(signature_version="bearer", retries={"total_max_attempts": 1})
    plain = session().client("sqs", config=unsigned)

    with answered(plain, "sqs.DeleteMessageBatch", DONE) as at:
        asker = past("sqs", plain)
        with pytest.raises(Exception, match="token"):
            delete(asker)

        assert who_asked(at) == []


def test_a_botocore_that_keeps_its_connections_otherwise_is_asked_itself(
    plain: Any, at: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(plain._endpoint, "http_session")
    # A client without them answers only what is answered before it would need them.
    delete(past("sqs", plain))

    assert who_asked(at) == ["boto3"]


def with_an_object(wrapped: Any) -> Any:
    """As OpenTelemetry does it."""

    def call(method: Any, _: Any, args: Any, kwargs: Any) -> Any:
        return method(*args, **kwargs)

    wrap: Any = FunctionWrapper
    return wrap(wrapped, call)


def with_a_function(wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return wrapped(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize("wrap", [with_an_object, with_a_function])
def test_who_traces_boto3_sees_all_requests(
    asker: Any, at: Answering, wrap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete(asker)
    assert who_asked(at) == ["us"]

    method: Any = vars(BaseClient)["_make_api_call"]
    monkeypatch.setattr(BaseClient, "_make_api_call", wrap(method))
    delete(asker)
    assert who_asked(at) == ["boto3"]


@mock_aws
def test_a_test_that_plays_aws_within_its_process_is_not_bypassed() -> None:
    sqs, sns = client("sqs"), client("sns")
    topic = sns.create_topic(Name="requests")["TopicArn"]
    queue = sqs.create_queue(QueueName="requests")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    bus = AwsBus.open(region=REGION, endpoint_url=None)

    assert bus.publish(topic, [Outgoing("hello", {"ClientId": "alice"})]) == [None]
    [got] = bus.receive(queue, max_count=10, wait_seconds=0, lease_seconds=30)
    assert (got.body, got.attributes) == ("hello", {"ClientId": "alice"})
    assert bus.extend(queue, [got.receipt], 60) == [None]
    assert bus.ack(queue, [got.receipt]) == [None]
    with pytest.raises(BusError, match="does not exist"):
        bus.ack(f"{queue}-gone", [got.receipt])
    bus.close()
