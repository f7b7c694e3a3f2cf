"""What SQS is asked and answers, as the JSON that it is: pure.

botocore looks each value up in its model of the service, on the way there and back. What this room
asks is made by typed code, and an answer is already what is asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from asyncmcp_nb.bus.aws_clients import Answer

_HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.0",
    # botocore asks for the codes that errors had in SQS's former protocol; ours know both.
    "x-amzn-query-mode": "true",
}


def write_request(operation: str, request: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request without binary values."""
    headers = {**_HEADERS, "X-Amz-Target": f"AmazonSQS.{operation}"}
    return headers, json.dumps(request).encode()


def read_answer(body: bytes) -> Answer:
    """What botocore would make of an answer, but for its ``ResponseMetadata``.

    Raises:
        ValueError: It is not the JSON of an object.
    """
    try:
        answer = json.loads(body)
    except ValueError as exc:
        raise ValueError(f"no answer of SQS: {exc}") from exc
    match answer:
        case {"Messages": [*messages], **others}:
            return {**others, "Messages": [_message(message) for message in messages]}
        case {**others}:
            return _without_nulls(others)
        case _:
            raise ValueError("no answer of SQS: it is no object")


def _message(message: dict[str, Any]) -> dict[str, Any]:
    told = _without_nulls(message)
    for attribute in told.get("MessageAttributes", {}).values():
        if "BinaryValue" in attribute:
            attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    return told


def _without_nulls(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value is not None}
