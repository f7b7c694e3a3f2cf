"""What ``AwsBus`` adds to the contract: errors, clients, and its end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import exceptions as boto

from asyncmcp_nb.broker import ensure_client, open_bus
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.aws_clients import SnsClient, SqsClient
from asyncmcp_nb.bus.aws_errors import outcomes, translate
from asyncmcp_nb.bus.boto3_clients import is_loopback, make_client
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import (
    BusDenied,
    BusError,
    BusNotFound,
    BusThrottled,
    BusUnavailable,
    ConfigError,
)
from asyncmcp_nb.limits import SNS_DEFAULT_MESSAGE_BYTES
from asyncmcp_nb.wire import Outgoing

ALICE = {"ClientId": "alice"}


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Deployment:
    return broker_deployment


@pytest.fixture
def clients(deployment: Deployment) -> Iterator[tuple[SqsClient, SnsClient]]:
    where: dict[str, Any] = {
        "region": deployment.region,
        "endpoint_url": deployment.endpoint_url,
    }
    sqs: SqsClient = make_client("sqs", **where)
    sns: SnsClient = make_client("sns", **where)
    yield sqs, sns
    sqs.close()
    sns.close()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nobody listens, for as long as the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def client_error(code: str, message: str = "no", status: int = 400) -> boto.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return boto.ClientError(response, "PublishBatch")


@pytest.mark.parametrize(
    ("exc", "kind", "words"),
    [
        (client_error("AccessDenied"), BusDenied, "credentials"),
        (client_error("ExpiredToken"), BusDenied, "credentials"),
        (client_error("InvalidClientTokenId"), BusDenied, "credentials"),
        (boto.NoCredentialsError(), BusDenied, "Unable to locate credentials; check"),
        (boto.UnauthorizedSSOTokenError(), BusDenied, "SSO session"),
        (client_error("AWS.SimpleQueueService.NonExistentQueue"), BusNotFound, "provision"),
        (client_error("NotFound", "Topic does not exist"), BusNotFound, "Topic does not exist"),
        (client_error("ReceiptHandleIsInvalid"), BusNotFound, "the lease has ended"),
        (client_error("Throttling"), BusThrottled, "quota"),
        (client_error("OverLimit"), BusThrottled, "quota"),
        (client_error("ServiceUnavailable", status=503), BusUnavailable, "endpoint"),
        (client_error("502", "", status=502), BusUnavailable, "502"),
        (boto.EndpointConnectionError(endpoint_url="http://x"), BusUnavailable, "http://x"),
        (boto.ReadTimeoutError(endpoint_url="http://x"), BusUnavailable, "http://x"),
        (client_error("InvalidParameter", "two\nlines"), BusError, "two lines"),
        (boto.ParamValidationError(report="bad"), BusError, "bad"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_botocore_raises_becomes_one_line_that_names_the_next_step(
    exc: Exception, kind: type[BusError], words: str
) -> None:
    error = translate(exc, "PublishBatch", "arn:aws:sns:eu-west-1:1:t")

    assert type(error) is kind
    assert str(error).startswith("PublishBatch on arn:aws:sns:eu-west-1:1:t: ")
    assert words in str(error)
    assert "\n" not in str(error)


def test_an_entry_that_the_answer_does_not_mention_is_an_error() -> None:
    answer = {
        "Successful": [{"Id": "0"}],
        "Failed": [{"Id": "1", "Code": "InternalError"}, {"Id": "2", "Code": "Fine"}],
    }

    accepted, failed, harmless, unknown = outcomes(answer, 4, "X on y", harmless={"Fine"})

    assert accepted is None
    assert isinstance(failed, BusUnavailable)
    assert harmless is None
    assert str(unknown) == "X on y: neither accepted nor refused"


def test_one_message_of_a_batch_may_be_refused_alone(
    aws_bus: AwsBus, deployment: Deployment
) -> None:
    queue = ensure_client(deployment, "alice")
    huge = Outgoing("x" * (SNS_DEFAULT_MESSAGE_BYTES + 1), ALICE)

    refused, accepted = aws_bus.publish(
        deployment.response_topic_arn, [huge, Outgoing("fine", ALICE)]
    )

    assert isinstance(refused, BusError)
    assert "too long" in str(refused)
    assert accepted is None
    (delivery,) = aws_bus.receive(queue, max_count=10, wait_seconds=20, lease_seconds=30)
    assert delivery.body == "fine"


def test_an_endpoint_where_nobody_listens_is_named(closed_port: int) -> None:
    endpoint = f"http://127.0.0.1:{closed_port}"
    bus = AwsBus.open(region="us-east-1", endpoint_url=endpoint)

    with pytest.raises(BusUnavailable, match=f"{endpoint}.*that the broker runs"):
        bus.publish("arn:aws:sns:us-east-1:1:topic", [Outgoing("x", {})])
    assert bus.statistics().requests == {"PublishBatch": 1}
    bus.close()


def test_a_local_endpoint_needs_nothing_of_the_users_aws_configuration(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-is-gone")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    bus = open_bus(deployment)

    assert bus.publish(deployment.response_topic_arn, [Outgoing("x", ALICE)]) == [None]
    bus.close()


def test_an_unknown_profile_or_bad_endpoint_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="a-profile-that-is-gone"):
        AwsBus.open(region="us-east-1", endpoint_url=None, profile_name="a-profile-that-is-gone")
    with pytest.raises(ConfigError, match="no sqs client"):
        AwsBus.open(region="us-east-1", endpoint_url="not a URL")


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (None, False),
        ("http://127.0.0.1:5000", True),
        ("http://[::1]:5000", True),
        ("http://localhost:4566", True),
        ("http://aws.localhost:4566", True),
        ("http://localstack:4566", False),
        ("https://sns.eu-west-1.amazonaws.com", False),
    ],
)
def test_loopback_endpoints_are_told_from_others(endpoint: str | None, expected: bool) -> None:
    assert is_loopback(endpoint) is expected


def test_times_are_rounded_up_to_whole_seconds(deployment: Deployment) -> None:
    where: dict[str, Any] = {"region": deployment.region, "endpoint_url": deployment.endpoint_url}
    sqs, sns = make_client("sqs", **where), make_client("sns", **where)
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    sqs.meta.events.register("provide-client-params.sqs", note)
    bus = AwsBus(sqs, sns)
    queue = ensure_client(deployment, "alice")
    bus.publish(deployment.response_topic_arn, [Outgoing("x", ALICE)])

    (first,) = bus.receive(queue, max_count=1, wait_seconds=0.2, lease_seconds=30.1)
    assert bus.extend(queue, [first.receipt], 40.5) == [None]

    received, extended = asked
    assert (received["WaitTimeSeconds"], received["VisibilityTimeout"]) == (1, 31)
    assert [entry["VisibilityTimeout"] for entry in extended["Entries"]] == [41]


def test_given_clients_stay_open(
    clients: tuple[SqsClient, SnsClient], deployment: Deployment
) -> None:
    AwsBus(*clients).close()

    assert AwsBus(*clients).publish(deployment.response_topic_arn, [Outgoing("x", ALICE)]) == [None]


def test_its_representation_tells_its_state(aws_bus: AwsBus, deployment: Deployment) -> None:
    aws_bus.publish(deployment.response_topic_arn, [Outgoing("x", ALICE)])
    assert repr(aws_bus) == f"<AwsBus open: {deployment.endpoint_url}, 1 requests, 0 in flight>"

    aws_bus.close()

    assert repr(aws_bus).startswith("<AwsBus closed:")
