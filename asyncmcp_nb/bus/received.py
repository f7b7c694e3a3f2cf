"""What SQS brings, read once: pure.

A response of ten messages is JSON that is already what is asked for. botocore looks each of its
values up in its model of the service, in as long as all else that a receive takes of the processor.
"""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import Any, Final

_NOTHING: Final = b"{}"


def read_messages(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Read the messages of a response; for botocore's event ``before-parse``.

    What is anything else is left to botocore, which knows what to say of it.
    """
    if response_dict["status_code"] != HTTPStatus.OK:
        return
    try:
        answer = json.loads(response_dict["body"])
    except ValueError:
        return
    match answer:
        case {"Messages": [*messages], **others} if not others:
            customized_response_dict["Messages"] = [_read(message) for message in messages]
            response_dict["body"] = _NOTHING
        case _:
            return


def _read(message: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in message.items() if value is not None}
    for attribute in told.get("MessageAttributes", {}).values():
        if "BinaryValue" in attribute:
            attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    return told
