"""Messages as they stand on SNS and SQS: pure, synchronous, without AWS.

Above: ``bus`` carries what this room makes, ``sns_sqs`` decides when. Below: ``mcp_types``.
"""

from asyncmcp_nb.wire.attributes import Header
from asyncmcp_nb.wire.codec import Incoming, Ordering, Outgoing, Payload, decode, encode
from asyncmcp_nb.wire.size import size_bytes

__all__ = [
    "Header",
    "Incoming",
    "Ordering",
    "Outgoing",
    "Payload",
    "decode",
    "encode",
    "size_bytes",
]
