"""Messages that no worker can serve: what they hold, and what is said of each."""

from __future__ import annotations

import json

GOOD = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
ADDRESSED = {"MessageType": "jsonrpc", "ClientId": "alice", "Delivery": "c=" + "a" * 32}

POISON: dict[str, tuple[str, dict[str, str], str]] = {
    "empty": ("", ADDRESSED, "body is not JSON"),
    "text": ("hello", ADDRESSED, "body is not JSON"),
    "cut short": (GOOD[:-1], ADDRESSED, "body is not JSON"),
    "endless nesting": ("[" * 100_000, ADDRESSED, "body is not JSON"),
    "null": ("null", ADDRESSED, "body is not a JSON-RPC message"),
    "a JSON-RPC batch": (f"[{GOOD}]", ADDRESSED, "body is not a JSON-RPC message"),
    "other JSON": ('{"hello":"world"}', ADDRESSED, "body is not a JSON-RPC message"),
    "other version": (GOOD.replace("2.0", "1.0"), ADDRESSED, "body is not a JSON-RPC message"),
    "id of null": (
        '{"jsonrpc":"2.0","id":null,"method":"ping","params":[]}',
        ADDRESSED,
        "body is not a JSON-RPC message",
    ),
    "no gzip": (GOOD, {**ADDRESSED, "Delivery": "e=gzip"}, "body is not gzip in base64"),
    "no base64": ("日本", {**ADDRESSED, "Delivery": "e=gzip"}, "body is not gzip in base64"),
    "bad client": (GOOD, {**ADDRESSED, "ClientId": "a b"}, "attribute ClientId is malformed"),
    "bad connection": (GOOD, {**ADDRESSED, "Delivery": "c=1"}, "attribute connection is malformed"),
    "bad sequence": (GOOD, {**ADDRESSED, "Delivery": "q=x"}, "the sequence is no count"),
    "bad time": (GOOD, {**ADDRESSED, "Timestamp": "now"}, "is not a number of seconds"),
    "no client": (GOOD, {"MessageType": "jsonrpc"}, "a message without ClientId is nobody's"),
    "no attributes": (GOOD, {}, "a message without ClientId is nobody's"),
    "a notification of nobody": (
        '{"jsonrpc":"2.0","method":"note"}',
        {"MessageType": "jsonrpc"},
        "a message without ClientId is nobody's",
    ),
    "half a character in SNS around a message": (
        json.dumps(
            {
                "Type": "Notification",
                "Message": GOOD,
                "MessageAttributes": {
                    "ClientId": {"Type": "String", "Value": "alice"},
                    "ProtocolVersion": {"Type": "String", "Value": "\ud800"},
                },
            }
        ),
        {},
        "attribute ProtocolVersion holds half a surrogate pair",
    ),
    "SNS around nothing": (
        '{"Type":"Notification","Message":"hello"}',
        {},
        "body is not JSON",
    ),
}
"""Body, attributes, and a part of the reason with which it is put aside."""
