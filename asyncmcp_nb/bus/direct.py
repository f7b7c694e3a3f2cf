"""The four requests that calls are made of, sent over boto3's connections but not by its clients.

What a boto3 client does for any request to any service takes 1.5 ms of the processor; these take
half a millisecond. boto3 still finds the endpoint and the credentials, and keeps the connections,
with their proxies, certificates and time limits. Whatever does not simply succeed is left to it: it
asks again, with all that it knows of retries, clocks and errors.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from http import HTTPStatus
from types import FunctionType
from typing import Any, Final
from urllib.parse import urlsplit

from asyncmcp_nb.bus import sns_query, sqs_json
from asyncmcp_nb.bus.aws_clients import Answer, SnsClient, SqsClient
from asyncmcp_nb.bus.boto3_clients import http_session_of
from asyncmcp_nb.bus.signature import Signer

logger = logging.getLogger(__name__)

_OVERRULED_SECONDS: Final = 60.0
"""How long boto3 is asked at once after it got through where we did not."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Written = tuple[dict[str, str], bytes]
"""Headers and body of a request."""


class Direct:
    """Sends signed requests to one service. Safe to use from any thread."""

    def __init__(self, client: Any, credentials: Any) -> None:
        """Send what a client would.

        Args:
            client: boto3's; its connections and its event ``before-send`` are used.
            credentials: botocore's, of the session that the client is of; None for none.
        """
        import botocore

        self._kind: Any = type(client)
        self._botocore = os.path.dirname(botocore.__file__)
        meta = client.meta
        self._service: str = meta.service_model.service_name
        self._user_agent: str = meta.config.user_agent
        self._events = meta.events
        self._credentials = credentials
        self._url, host = _root(meta.endpoint_url)
        self._signer = Signer(self._service, meta.region_name, host)
        self._http = http_session_of(client)
        self._is_tried_again = meta.config.retries["total_max_attempts"] > 1
        self._boto3_until = 0.0 if self._is_able(meta) else float("inf")

    def ask(
        self,
        operation: str,
        written: Written,
        *,
        read: Callable[[bytes], Answer],
        ask_boto3: Callable[[], Answer],
    ) -> Answer:
        """Send a request, or let boto3 do so.

        Args:
            operation: As AWS names it.
            written: The request.
            read: Understands the body of its answer; raises ``ValueError`` where it does not.
            ask_boto3: Makes the same request.

        Raises:
            ClientError: AWS refuses it, boto3 says.
            BotoCoreError: It did not get there, or there are no credentials.
        """
        if time.monotonic() < self._boto3_until or self._is_traced():
            return ask_boto3()
        answer = self._send(operation, written)
        status_code = getattr(answer, "status_code", None)
        if status_code == HTTPStatus.OK:
            try:
                return read(answer.content)
            except ValueError as exc:
                logger.info("%s has an answer that only boto3 may understand: %s", operation, exc)
        told = ask_boto3()
        if status_code not in (None, HTTPStatus.OK):
            self._boto3_until = time.monotonic() + _OVERRULED_SECONDS
        return told

    def _send(self, operation: str, written: Written) -> Any:
        """What a request was answered; None where it got none and boto3 should try again."""
        from botocore.awsrequest import AWSPreparedRequest
        from botocore.exceptions import HTTPClientError

        headers, body = written
        frozen = self._credentials.get_frozen_credentials()
        headers = self._signer.sign(headers, body, frozen, at=time.time())
        headers |= {"User-Agent": self._user_agent, "Content-Length": str(len(body))}
        request = AWSPreparedRequest("POST", self._url, headers, body, stream_output=False)
        try:
            # As botocore asks whoever answers in place of AWS, or wants to see what is sent.
            event = f"before-send.{self._service}.{operation}"
            _, answer = self._events.emit_until_response(event, request=request)
            return self._http.send(request) if answer is None else answer
        except HTTPClientError:
            if self._is_tried_again:
                return None
            raise

    def _is_traced(self) -> bool:
        """Whether somebody has a part in all that boto3's clients do: tracing wraps this method."""
        method = getattr(self._kind, "_make_api_call", None)
        # What wraps it may pass for a function, or be one.
        is_plain = type(method) is FunctionType
        return not is_plain or not method.__code__.co_filename.startswith(self._botocore)

    def _is_able(self, meta: Any) -> bool:
        return (
            self._credentials is not None
            and self._http is not None
            and bool(self._url)
            and meta.config.signature_version == "v4"
        )


class DirectSqs:
    """boto3's client, but for what is asked directly."""

    def __init__(self, client: SqsClient, credentials: Any) -> None:
        """Ask through a client and past it; ``close`` closes it."""
        self._client = client
        self._direct = Direct(client, credentials)
        self.send_message = client.send_message
        self.get_queue_attributes = client.get_queue_attributes
        self.close = client.close

    def receive_message(self, **request: Any) -> Answer:
        """See ``SqsClient``."""
        return self._ask("ReceiveMessage", request, self._client.receive_message)

    def delete_message_batch(self, **request: Any) -> Answer:
        """See ``SqsClient``."""
        return self._ask("DeleteMessageBatch", request, self._client.delete_message_batch)

    def change_message_visibility_batch(self, **request: Any) -> Answer:
        """See ``SqsClient``."""
        ask = self._client.change_message_visibility_batch
        return self._ask("ChangeMessageVisibilityBatch", request, ask)

    def _ask(
        self, operation: str, request: dict[str, Any], ask_boto3: Callable[..., Answer]
    ) -> Answer:
        return self._direct.ask(
            operation,
            sqs_json.write_request(operation, request),
            read=sqs_json.read_answer,
            ask_boto3=functools.partial(ask_boto3, **request),
        )


class DirectSns:
    """boto3's client, but for what is asked directly."""

    def __init__(self, client: SnsClient, credentials: Any) -> None:
        """Ask through a client and past it; ``close`` closes it."""
        self._client = client
        self._direct = Direct(client, credentials)
        self.close = client.close

    def publish_batch(self, **request: Any) -> Answer:
        """See ``SnsClient``."""
        return self._direct.ask(
            "PublishBatch",
            sns_query.write_publish_batch(
                request["TopicArn"], request["PublishBatchRequestEntries"]
            ),
            read=sns_query.read_published,
            ask_boto3=functools.partial(self._client.publish_batch, **request),
        )


def _root(endpoint_url: str) -> tuple[str, str]:
    """Where requests are sent to, and its ``Host``; empty for what is more than a place."""
    parts = urlsplit(endpoint_url)
    if parts.path not in ("", "/") or parts.query or parts.username is not None:
        return "", ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else f"{parts.hostname}"
    if parts.port not in (None, _DEFAULT_PORTS.get(parts.scheme)):
        host = f"{host}:{parts.port}"
    return f"{parts.scheme}://{parts.netloc}/", host
