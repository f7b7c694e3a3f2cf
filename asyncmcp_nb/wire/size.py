"""What a message weighs, as SNS and SQS count it."""

from __future__ import annotations

from collections.abc import Mapping

_ATTRIBUTE_TYPE_BYTES = len("String")


def size_bytes(body: str, attributes: Mapping[str, str]) -> int:
    """Body plus each attribute's name, type and value, in UTF-8 bytes."""
    return _utf8_length(body) + sum(
        len(name) + _ATTRIBUTE_TYPE_BYTES + _utf8_length(value)
        for name, value in attributes.items()
    )


def _utf8_length(text: str) -> int:
    # Half a surrogate pair is no UTF-8, but a body from outside may hold one all the same.
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
