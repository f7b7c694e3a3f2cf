"""Fixtures for talking with the published ``asyncmcp`` package over the embedded broker."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import boto3
import pytest

from asyncmcp_nb.config import Deployment
from tests.interop.asyncmcp_env import (
    COMMAND,
    EnvironmentUnavailable,
    Program,
    interpreter,
    running,
)


@pytest.fixture(scope="session")
def their_environment() -> None:
    """The package's environment, ready. Without it: skipped on a desk, failed in CI."""
    try:
        interpreter()
    except EnvironmentUnavailable as exc:
        why = f"no environment for the asyncmcp package ({exc}); try: {COMMAND}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)


class Place:
    """A deployment, with topics and queues beside it as users of the other package make them."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._token = secrets.token_hex(4)
        self._topics: list[str] = []
        self._queues: list[str] = []
        session: Any = boto3.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",
            region_name=deployment.region,
        )
        self.sqs: Any = session.client("sqs", endpoint_url=deployment.endpoint_url)
        self.sns: Any = session.client("sns", endpoint_url=deployment.endpoint_url)

    def topic(self, name: str) -> str:
        """A topic's ARN."""
        arn: str = self.sns.create_topic(Name=f"{name}-{self._token}")["TopicArn"]
        self._topics.append(arn)
        return arn

    def queue(
        self,
        name: str,
        topic_arn: str,
        *,
        raw: bool = True,
        filter_policy: dict[str, list[str]] | None = None,
    ) -> str:
        """The URL of a queue that a topic feeds."""
        url: str = self.sqs.create_queue(QueueName=f"{name}-{self._token}")["QueueUrl"]
        self._queues.append(url)
        wanted = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        attributes = {"RawMessageDelivery": "true"} if raw else {}
        if filter_policy is not None:
            attributes["FilterPolicy"] = json.dumps(filter_policy)
        self.sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=wanted["Attributes"]["QueueArn"],
            Attributes=attributes,
        )
        return url

    def their_server(self, queue_url: str) -> AbstractContextManager[Program]:
        """The package's server, on a queue."""
        return running("its_server.py", self._where() | {"queue_url": queue_url})

    def their_client(
        self,
        *calls: tuple[str, dict[str, Any]],
        queue_url: str,
        reply_topic_arn: str,
        request_topic_arn: str | None = None,
        **plan: Any,
    ) -> AbstractContextManager[Program]:
        """The package's client, which makes these calls one after the other."""
        said = {
            "queue_url": queue_url,
            "reply_topic_arn": reply_topic_arn,
            "request_topic_arn": request_topic_arn or self.deployment.request_topic_arn,
            "client_id": "theirs",
            "calls": calls,
        }
        return running("its_client.py", self._where() | said | plan)

    def close(self) -> None:
        """Remove what it made."""
        for arn in self._topics:
            self.sns.delete_topic(TopicArn=arn)
        for url in self._queues:
            self.sqs.delete_queue(QueueUrl=url)
        self.sqs.close()
        self.sns.close()

    def _where(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.deployment.endpoint_url,
            "region": self.deployment.region,
        }


@pytest.fixture
def place(their_environment: None, deployment: Deployment) -> Iterator[Place]:
    made = Place(deployment)
    yield made
    made.close()
