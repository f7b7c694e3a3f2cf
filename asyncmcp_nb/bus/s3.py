"""Payloads in an S3 bucket.

The bucket's readers need ``s3:GetObject`` and its writers ``s3:PutObject``. Readers should have
``s3:ListBucket``, too: without it S3 answers "denied" where an object is missing, and a message
that can never be read is tried again until its queue gives up.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from asyncmcp_nb.bus.aws_clients import S3Body, S3Client
from asyncmcp_nb.bus.aws_errors import error_code, translate
from asyncmcp_nb.bus.boto3_clients import make_client, open_session
from asyncmcp_nb.bus.payloads import no_such_payload, too_large
from asyncmcp_nb.bus.protocol import BusStatistics
from asyncmcp_nb.bus.requests import Requests
from asyncmcp_nb.errors import BusDenied, BusError, BusNotFound

_CHUNK_BYTES: Final = 1024 * 1024
_NEXT_STEPS: Final[Mapping[type[BusError], str]] = {
    BusNotFound: "make the bucket, or name another as the deployment's claim_check_bucket",
    BusDenied: "allow s3:PutObject, s3:GetObject and s3:ListBucket on the bucket, and check the "
    "AWS credentials",
}


class S3Payloads:
    """A ``PayloadStore`` in S3. Safe to use from any number of threads."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        """Take a client as it is; ``close`` leaves it open."""
        self.bucket = bucket
        self._s3 = s3
        self._requests = Requests("the payload store")

    @classmethod
    def open(
        cls, bucket: str, *, region: str, endpoint_url: str | None, profile_name: str | None = None
    ) -> S3Payloads:
        """A store with a client of its own.

        Args:
            bucket: An existing bucket; one of another region costs a redirection at first use.
            region: AWS region.
            endpoint_url: None for AWS itself. On a loopback address no credentials are needed.
            profile_name: Of the AWS configuration files; None for botocore's usual search.

        Raises:
            ConfigError: The profile, the region or the endpoint is unusable.
        """
        client: S3Client = make_client(
            "s3",
            region=region,
            endpoint_url=endpoint_url,
            session=open_session(endpoint_url, profile_name),
        )
        store = cls(client, bucket)
        store._requests.on_end = client.close
        return store

    def __repr__(self) -> str:
        return f"<S3Payloads {self._requests.state}: {self.bucket}, {self._requests}>"

    def put(self, key: str, payload: bytes) -> None:
        """See ``PayloadStore.put``; botocore adds a checksum, which S3 verifies and keeps."""
        with self._request("PutObject", key):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=payload)

    def get(self, key: str, limit_bytes: int) -> bytes:
        """See ``PayloadStore.get``; where it was put with a checksum, botocore verifies it."""
        with self._request("GetObject", key):
            answer = self._s3.get_object(Bucket=self.bucket, Key=key)
            # Closed unread, the body takes its connection along: nothing more is transferred.
            with closing(answer["Body"]) as body:
                size_bytes: int = answer.get("ContentLength", 0)
                if size_bytes > limit_bytes:
                    raise too_large(size_bytes, limit_bytes)
                return _read(body, limit_bytes)

    def statistics(self) -> BusStatistics:
        """See ``PayloadStore.statistics``; retries of botocore's own are not counted."""
        return self._requests.statistics()

    def close(self) -> None:
        """See ``PayloadStore.close``; a client of its own is closed when the last returns."""
        self._requests.close()

    @contextmanager
    def _request(self, operation: str, key: str) -> Generator[None]:
        """Around one request: count it, and translate what it raises."""
        from botocore.exceptions import BotoCoreError, ClientError

        with self._requests.one(operation):
            try:
                yield
            except (BotoCoreError, ClientError) as exc:
                if error_code(exc) == "NoSuchKey":
                    raise no_such_payload(key, self.bucket) from exc
                where = f"s3://{self.bucket}/{key}"
                raise translate(exc, operation, where, next_steps=_NEXT_STEPS) from exc


def _read(body: S3Body, limit_bytes: int) -> bytes:
    """All of a body. Its length and checksum are verified at its end, so it is read to there."""
    payload = bytearray()
    # One byte more than allowed is enough to know, and the rest may never come.
    while chunk := body.read(min(_CHUNK_BYTES, limit_bytes + 1 - len(payload))):
        payload += chunk
        if len(payload) > limit_bytes:
            raise too_large(len(payload), limit_bytes)
    return bytes(payload)
