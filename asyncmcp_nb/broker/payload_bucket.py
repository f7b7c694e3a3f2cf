"""The bucket of a deployment: there, reachable, and letting go of payloads in time.

Payloads are not deleted when their messages are acknowledged; they expire. The longest that a queue
keeps a message is 14 days, so nothing that may still be read goes away, and nothing stays for ever.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

from asyncmcp_nb.broker.admin_clients import AdminS3
from asyncmcp_nb.bus.aws_errors import error_code, translate
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.config import APP
from asyncmcp_nb.errors import BusDenied, BusError, BusNotFound
from asyncmcp_nb.wire.claim_check import PREFIX

EXPIRY_DAYS: Final = 15
"""A day more than client and dead-letter queues keep messages. Our choice."""

_RULE: Final[Mapping[str, Any]] = {
    "ID": APP,
    "Status": "Enabled",
    "Filter": {"Prefix": PREFIX},
    "Expiration": {"Days": EXPIRY_DAYS},
    # In a bucket with versions an expired payload is only hidden; without this it would stay.
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
}
_SIZE_RULE: Final = "TransitionDefaultMinimumObjectSize"

_NEXT_STEPS: Final[Mapping[type[BusError], str]] = {
    BusNotFound: "make the bucket first, or name another as claim_check_bucket",
    BusDenied: "whoever provisions needs s3:ListBucket, s3:GetLifecycleConfiguration and "
    "s3:PutLifecycleConfiguration on the bucket",
}


def ensure_payload_bucket(
    bucket: str,
    boto3_session: Any = None,
    *,
    region: str | None,
    endpoint_url: str | None,
) -> None:
    """Check that a bucket is there and can be reached, and let what we put into it expire.

    The lifecycle rules of others stay as they are. Safe to repeat.

    Args:
        bucket: An existing bucket.
        boto3_session: Whose credentials to use; None for botocore's usual search.
        region: AWS region; None for the session's or the configured one.
        endpoint_url: None for AWS itself.

    Raises:
        BusDenied: It belongs to somebody else, or the credentials do not allow it.
        BusNotFound: There is no such bucket.
        BusError: S3 refused or could not be reached.
        ConfigError: The region or the endpoint is unusable.
    """
    s3: AdminS3 = make_client("s3", region=region, endpoint_url=endpoint_url, session=boto3_session)
    with closing(s3):
        with _asking("HeadBucket", bucket):
            s3.head_bucket(Bucket=bucket)
        with _asking("GetBucketLifecycleConfiguration", bucket):
            current = _lifecycle(s3, bucket)
        rules = _with_our_rule(current.get("Rules", ()))
        if rules == current.get("Rules"):
            return
        kept = {_SIZE_RULE: current[_SIZE_RULE]} if _SIZE_RULE in current else {}
        with _asking("PutBucketLifecycleConfiguration", bucket):
            s3.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration={"Rules": rules}, **kept
            )


def lets_payloads_expire(bucket: str, *, region: str | None, endpoint_url: str | None) -> bool:
    """Whether a bucket that is there and can be reached has our rule.

    Raises:
        BusError: As ``ensure_payload_bucket`` says.
        ConfigError: The region or the endpoint is unusable.
    """
    s3: AdminS3 = make_client("s3", region=region, endpoint_url=endpoint_url)
    with closing(s3):
        with _asking("HeadBucket", bucket):
            s3.head_bucket(Bucket=bucket)
        with _asking("GetBucketLifecycleConfiguration", bucket):
            return dict(_RULE) in _lifecycle(s3, bucket).get("Rules", ())


def _lifecycle(s3: AdminS3, bucket: str) -> Mapping[str, Any]:
    from botocore.exceptions import ClientError

    try:
        return s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    except ClientError as exc:
        if error_code(exc) != "NoSuchLifecycleConfiguration":
            raise
        return {}


def _with_our_rule(rules: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if dict(_RULE) in rules:
        return list(rules)
    return [*(_filtered(rule) for rule in rules if rule.get("ID") != APP), dict(_RULE)]


def _filtered(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule with its prefix where S3 wants it once any rule has a filter; it means the same."""
    if "Prefix" not in rule:
        return rule
    others = {name: value for name, value in rule.items() if name != "Prefix"}
    return {**others, "Filter": {"Prefix": rule["Prefix"]}}


@contextmanager
def _asking(operation: str, bucket: str) -> Generator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as exc:
        raise translate(exc, operation, f"bucket {bucket}", next_steps=_NEXT_STEPS) from exc
