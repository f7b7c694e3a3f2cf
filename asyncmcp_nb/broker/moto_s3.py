"""What moto's S3 needs to keep the payloads of notebooks; loaded by the first request to S3.

- A deployment's bucket is made when it is first asked for, so that starting a broker costs nothing
  for what most calls never use.
- Moto keeps objects for ever, in memory up to 5 MiB each, else in temporary files. Here they share
  ``CAPACITY_BYTES``: where that is used up, those go first that were read longest ago. One that
  nobody has read is never let go; where only such are left, what comes is refused.

The replaced parts are not in moto's types, hence ``Any``.
"""

from __future__ import annotations

import functools
import inspect
import time
from typing import Any, Final

from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeKey, S3Backend

from asyncmcp_nb.broker.moto_fixes import replace_parts
from asyncmcp_nb.broker.runtime import is_payload_bucket

CAPACITY_BYTES: Final = 512 * 1024 * 1024
"""All objects together."""


class Full(S3ClientError):
    """There is no room, and nothing that may be let go."""

    code = "SlowDown"

    def __init__(self) -> None:
        super().__init__(
            self.code,
            f"the embedded broker holds {CAPACITY_BYTES // 2**20} MiB of payloads that nobody has "
            "read yet",
        )


_original_get_bucket = S3Backend.get_bucket
_original_get_object = S3Backend.get_object
_original_put_object = S3Backend.put_object
_put_object_signature = inspect.signature(S3Backend.put_object)


def apply(region: str) -> None:
    """Replace the parts in question; once, before the first request to S3.

    Args:
        region: Where buckets are made.
    """
    replace_parts(
        [
            (S3Backend, "get_bucket", functools.partialmethod(_get_bucket, region)),
            (S3Backend, "get_object", _get_object),
            (S3Backend, "put_object", _put_object),
        ]
    )


def _get_bucket(backend: Any, region: str, bucket_name: str) -> Any:
    if bucket_name not in backend.buckets and is_payload_bucket(bucket_name):
        backend.create_bucket(bucket_name, region)
    return _original_get_bucket(backend, bucket_name)


def _get_object(backend: Any, *place: Any, **options: Any) -> Any:
    found = _original_get_object(backend, *place, **options)
    if isinstance(found, FakeKey):
        vars(found)["read_at"] = time.monotonic()
    return found


def _put_object(backend: Any, *place: Any, **options: Any) -> FakeKey:
    value = _put_object_signature.bind(backend, *place, **options).arguments["value"]
    _make_room(backend, len(value))
    return _original_put_object(backend, *place, **options)


def _make_room(backend: Any, size_bytes: int) -> None:
    """Let go of what was read longest ago until there is room for so much more."""
    held = [
        (bucket.keys, key)
        for bucket in backend.buckets.values()
        for key in bucket.keys.values()
        if isinstance(key, FakeKey)
    ]
    missing = sum(key.size for _, key in held) + size_bytes - CAPACITY_BYTES
    read = sorted(
        (entry for entry in held if "read_at" in vars(entry[1])),
        key=lambda entry: vars(entry[1])["read_at"],
    )
    if missing > sum(key.size for _, key in read):
        raise Full
    for keys, key in read:
        if missing <= 0:
            return
        keys.pop(key.name)
        missing -= key.size
