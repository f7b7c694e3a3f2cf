"""Sends, publishes or receives one message with Amazon's extended client libraries; a program.

They put classes of their own in the place of boto3's when they are imported, so no test process
imports them. It takes a request on stdin and answers on stdout, both one JSON object; where AWS is
and who asks, boto3 reads from the environment.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

SESSIONS = {
    "sqs": ("sqs_extended_client.client", "SQSExtendedClientSession"),
    "sns": ("sns_extended_client.session", "SNSExtendedClientSession"),
}


def open_client(service: str) -> Any:
    module, name = SESSIONS[service]
    return getattr(import_module(module), name)().client(service)


def send(request: dict[str, Any]) -> dict[str, Any]:
    client = open_client("sqs")
    client.large_payload_support = request["bucket"]
    client.use_legacy_attribute = request["legacy"]
    client.always_through_s3 = True
    client.send_message(
        QueueUrl=request["queue"],
        MessageBody=request["body"],
        MessageAttributes=request["attributes"],
    )
    return {}


def publish(request: dict[str, Any]) -> dict[str, Any]:
    client = open_client("sns")
    client.large_payload_support = request["bucket"]
    client.use_legacy_attribute = request["legacy"]
    client.always_through_s3 = True
    client.publish(
        TopicArn=request["topic"], Message=request["body"], MessageAttributes=request["attributes"]
    )
    return {}


def receive(request: dict[str, Any]) -> dict[str, Any]:
    client = open_client("sqs")
    client.large_payload_support = request["bucket"]
    (message,) = client.receive_message(
        QueueUrl=request["queue"], WaitTimeSeconds=10, MessageAttributeNames=["All"]
    )["Messages"]
    client.delete_message(QueueUrl=request["queue"], ReceiptHandle=message["ReceiptHandle"])
    return {"body": message["Body"], "attributes": message.get("MessageAttributes", {})}


if __name__ == "__main__":
    actions = {"send": send, "publish": publish, "receive": receive}
    json.dump(actions[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
