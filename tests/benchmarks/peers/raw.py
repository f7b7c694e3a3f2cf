"""Bare boto3, both sides in one thread: what no transport over SNS and SQS can avoid.

Its clients have the settings of ours, and its messages are as long as ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import count as counting
from typing import Any

import anyio
from mcp_types import JSONRPCMessage, JSONRPCRequest, JSONRPCResponse

from asyncmcp_nb import Deployment
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.wire import Header, encode
from tests.benchmarks.peers.line import obey, plan, say, vitals

_BATCH_COUNT = 10
_WAIT_SECONDS = 20
_LIMIT_BYTES = 2**18


class Raw:
    """Both ends of a deployment."""

    def __init__(self, deployment: Deployment, client_id: str) -> None:
        where: dict[str, Any] = {
            "region": deployment.region,
            "endpoint_url": deployment.endpoint_url,
        }
        self._sns, self._sqs = make_client("sns", **where), make_client("sqs", **where)
        self._client_id = client_id
        self._there = (deployment.request_topic_arn, deployment.server_queue_url)
        self._back = (deployment.response_topic_arn, deployment.client_queue_url(client_id))
        self._numbers = counting(1)

    def in_a_row(self, count: int) -> dict[str, Any]:
        """Publish, receive, publish, receive; deleting is not part of the wait."""
        took: list[float] = []
        wrong_count = 0
        for number in self._some(count):
            began = time.perf_counter()
            self._publish(self._there[0], self._request(number))
            [asked] = self._receive(self._there[1], 1)
            self._publish(self._back[0], self._response(number))
            [answer] = self._receive(self._back[1], 1)
            took.append(time.perf_counter() - began)
            wrong_count += f'"n":{number}}}' not in answer["Body"]
            self._delete(self._there[1], [asked])
            self._delete(self._back[1], [answer])
        return {"seconds": took, "wrong_count": wrong_count}

    def in_batches(self, count: int) -> dict[str, Any]:
        """Ten calls at a time: 0.6 requests for each, the fewest there can be."""
        cpu_before, began = vitals()["cpu_seconds"], time.perf_counter()
        answered: set[str] = set()
        for _ in range(count // _BATCH_COUNT):
            numbers = list(self._some(_BATCH_COUNT))
            self._batch(self._there, [self._request(number) for number in numbers])
            answers = self._batch(self._back, [self._response(number) for number in numbers])
            answered.update(answer["Body"] for answer in answers)
        return {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": vitals()["cpu_seconds"] - cpu_before,
            "wrong_count": count // _BATCH_COUNT * _BATCH_COUNT - len(answered),
        }

    def _batch(
        self, way: tuple[str, str], messages: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        topic, queue = way
        entries = [{"Id": str(index), **message} for index, message in enumerate(messages)]
        self._sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        taken: list[dict[str, Any]] = []
        while len(taken) < len(messages):
            taken += self._receive(queue, _BATCH_COUNT)
        self._delete(queue, taken)
        return taken

    def _publish(self, topic: str, message: dict[str, Any]) -> None:
        self._sns.publish(TopicArn=topic, **message)

    def _receive(self, queue: str, most: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=_WAIT_SECONDS,
            AttributeNames=["ApproximateReceiveCount"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _delete(self, queue: str, messages: Sequence[dict[str, Any]]) -> None:
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
            for index, message in enumerate(messages)
        ]
        self._sqs.delete_message_batch(QueueUrl=queue, Entries=entries)

    def _request(self, number: int) -> dict[str, Any]:
        envelope = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "asyncmcp-nb", "version": "0.1.0"},
        }
        params = {"name": "echo", "arguments": {"n": number}, "_meta": envelope}
        message = JSONRPCRequest(
            jsonrpc="2.0", id=f"c{number:012x}", method="tools/call", params=params
        )
        return self._written(message, number, None)

    def _response(self, number: int) -> dict[str, Any]:
        content = [{"type": "text", "text": f'{{"n": {number}}}'}]
        result = {
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "bench", "version": ""}},
            "resultType": "complete",
            "content": content,
            "isError": False,
            "structuredContent": {"n": number},
        }
        message = JSONRPCResponse(jsonrpc="2.0", id=f"c{number:012x}", result=result)
        return self._written(message, number, 0)

    def _written(
        self, message: JSONRPCMessage, number: int, sequence: int | None
    ) -> dict[str, Any]:
        header = Header(
            protocol_version="2026-07-28",
            client_id=self._client_id,
            connection_id="0" * 32,
            request_id=f"c{number:012x}",
            method="tools/call",
            sequence=sequence,
            timestamp=time.time(),
        )
        outgoing = encode(message, header, limit_bytes=_LIMIT_BYTES)
        attributes = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in outgoing.attributes.items()
        }
        return {"Message": outgoing.body, "MessageAttributes": attributes}

    def _some(self, count: int) -> Iterator[int]:
        return iter([next(self._numbers) for _ in range(count)])


async def main() -> None:
    told = plan()
    raw = Raw(Deployment.from_toml(told["deployment"]), told["name"])

    async def in_a_row(count: int) -> Any:
        return raw.in_a_row(count)

    async def in_batches(count: int) -> Any:
        return raw.in_batches(count)

    say("ready")
    await obey({"in_a_row": in_a_row, "in_batches": in_batches})
    say({"close_seconds": 0.0})


anyio.run(main)
