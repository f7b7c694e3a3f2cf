"""The bucket for large messages: checked, and told to let go of what is in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from asyncmcp_nb.broker import embedded
from asyncmcp_nb.broker import runtime as runtime_files
from asyncmcp_nb.broker.payload_bucket import ensure_payload_bucket
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.bus.s3 import S3Payloads
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusError, BusNotFound, BusUnavailable

OURS = {
    "ID": "asyncmcp-nb",
    "Status": "Enabled",
    "Filter": {"Prefix": "asyncmcp-nb/"},
    "Expiration": {"Days": 15},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
}


class Bucket:
    """A bucket, looked at past the code under test."""

    def __init__(self, s3: Any, deployment: Deployment) -> None:
        self.s3 = s3
        self.name = f"{deployment.name}-large"
        self._deployment = deployment
        s3.create_bucket(Bucket=self.name)

    def ensure(self) -> None:
        ensure(self._deployment, self.name)

    @property
    def rules(self) -> list[dict[str, Any]]:
        return self.s3.get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"]

    @rules.setter
    def rules(self, rules: list[dict[str, Any]]) -> None:
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=self.name, LifecycleConfiguration={"Rules": rules}
        )


def ensure(deployment: Deployment, bucket: str) -> None:
    ensure_payload_bucket(bucket, region=deployment.region, endpoint_url=deployment.endpoint_url)


@pytest.fixture
def bucket(deployment: Deployment) -> Iterator[Bucket]:
    s3 = make_client("s3", region=deployment.region, endpoint_url=deployment.endpoint_url)
    with closing(s3):
        yield Bucket(s3, deployment)


def test_payloads_expire_once_no_queue_can_hold_their_message(bucket: Bucket) -> None:
    bucket.ensure()

    assert bucket.rules == [OURS]


def test_the_rules_of_others_stay_as_they_are(bucket: Bucket) -> None:
    others: list[dict[str, Any]] = [
        {
            "ID": "logs",
            "Status": "Enabled",
            "Filter": {"Prefix": "logs/"},
            "Expiration": {"Date": datetime(2030, 1, 1, tzinfo=UTC)},
        },
        {
            "ID": "archive",
            "Status": "Disabled",
            "Filter": {
                "And": {"Prefix": "archive/", "Tags": [{"Key": "kind", "Value": "old"}]},
            },
            "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
        },
    ]
    bucket.rules = others

    bucket.ensure()

    assert bucket.rules == [*others, OURS]


def test_a_rule_of_the_old_form_is_put_into_the_new_one_which_s3_wants_for_all(
    bucket: Bucket,
) -> None:
    old = {"ID": "old", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 1}}
    bucket.rules = [old]

    bucket.ensure()

    (rule, ours) = bucket.rules
    assert ours == OURS
    assert rule == {
        "ID": "old",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 1},
    }


def test_a_rule_of_ours_that_was_changed_is_set_right(bucket: Bucket) -> None:
    bucket.rules = [{**OURS, "Status": "Disabled", "Expiration": {"Days": 1}}]

    bucket.ensure()

    assert bucket.rules == [OURS]


def test_a_bucket_that_is_set_up_is_not_written_again(
    bucket: Bucket, deployment: Deployment
) -> None:
    session: Any = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")
    asked: list[str] = []

    def note(model: Any, **_: object) -> None:
        asked.append(model.name)

    session.events.register("before-call.s3", note)
    for _ in range(2):
        asked.clear()
        ensure_payload_bucket(
            bucket.name,
            session,
            region=deployment.region,
            endpoint_url=deployment.endpoint_url,
        )

    assert asked == ["HeadBucket", "GetBucketLifecycleConfiguration"]
    assert bucket.rules == [OURS]


def test_what_is_missing_is_named(deployment: Deployment) -> None:
    with pytest.raises(BusNotFound, match=r"HeadBucket on bucket no-such-bucket: .*make the bucke"):
        ensure(deployment, "no-such-bucket")
    with pytest.raises(BusError, match="Invalid bucket name"):
        ensure(deployment, "s3://bucket")
    with pytest.raises(BusUnavailable, match="endpoint"):
        ensure_payload_bucket("b2b", region="us-east-1", endpoint_url="http://127.0.0.1:1")


# -- on the embedded broker ------------------------------------------------------------------------


def test_a_deployment_on_the_embedded_broker_has_a_bucket_without_any_set_up(
    deployment: Deployment,
) -> None:
    bucket = f"asyncmcp-nb-{deployment.name}-payloads"
    region, endpoint = deployment.region, deployment.endpoint_url
    assert deployment.claim_check_bucket == bucket

    ensure(deployment, bucket)
    with closing(S3Payloads.open(bucket, region=region, endpoint_url=endpoint)) as store:
        store.put("k", b"x")

        assert store.get("k", 1) == b"x"


def test_buckets_of_deployments_are_apart_whatever_their_names() -> None:
    names = ["a", "A", "a-b", "a_b", "A_b", "x" * 40, "X" * 40, "x" * 39 + "X", "a--b", "a__b"]

    buckets = [runtime_files.payload_bucket(name) for name in names]

    assert len(set(buckets)) == len(names)
    assert all(3 <= len(bucket) <= 63 for bucket in buckets)
    assert all(runtime_files.is_payload_bucket(bucket) for bucket in buckets)
    assert buckets[0] == "asyncmcp-nb-a-payloads"


@pytest.mark.parametrize(
    "name", ["other", "asyncmcp-nb--payloads", "asyncmcp-nb-A-payloads", "asyncmcp-nb-a-payloads\n"]
)
def test_no_other_bucket_is_made_unasked(name: str) -> None:
    assert not runtime_files.is_payload_bucket(name)


def test_a_deployment_of_any_name_has_a_bucket_that_works(embedded_home: object) -> None:
    deployment = embedded(name="Any_Name-1")
    bucket = deployment.claim_check_bucket or ""

    with closing(
        S3Payloads.open(bucket, region=deployment.region, endpoint_url=deployment.endpoint_url)
    ) as store:
        store.put("k", b"x")

        assert store.get("k", 1) == b"x"


# Each story in a child, so that all begin with the same empty buckets and moto is imported once.
CAPACITY_SCRIPT = """
import os, sys
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from asyncmcp_nb.broker import moto_s3

moto_s3.CAPACITY_BYTES = 100

def tell(words):
    moto_s3.apply("us-east-1")
    s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for word in words:
        action, key, size = word.split(":")
        bucket = f"asyncmcp-nb-{key[0]}-payloads"
        if action == "put":
            try:
                s3.put_object(bucket, key, b"x" * int(size))
            except moto_s3.Full as full:
                print("full", full.code)
        else:
            s3.get_object(bucket, key)
    print(*sorted(key for bucket in s3.buckets.values() for key in bucket.keys), flush=True)

for story in sys.argv[1:]:
    if not (child := os.fork()):
        tell(story.split())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print("--", flush=True)
"""
STORIES = {
    "put:a:60 put:b:40": "a b",
    "put:a:60 put:b:40 put:c:1": "full SlowDown\na b",
    "put:a:60 get:a: put:b:40 put:c:1": "b c",
    "put:a:30 put:b:30 put:c:30 get:b: get:a: put:d:30": "a c d",
    "put:a:30 put:b:30 put:c:30 get:b: get:a: get:b: put:d:30": "b c d",
    "put:a:30 put:b:30 put:c:30 get:b: get:a: put:d:60": "c d",
    "put:a:30 put:b:30 get:b: put:c:80": "full SlowDown\na b",
    "put:a:101": "full SlowDown\n",
}


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What came of each story."""
    done = subprocess.run(
        [sys.executable, "-c", CAPACITY_SCRIPT, *STORIES],
        timeout=60,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    *ends, rest = done.stdout.split("--\n")
    assert rest == ""
    return dict(zip(STORIES, ends, strict=True))


@pytest.mark.parametrize(("words", "said"), STORIES.items())
def test_room_is_made_of_what_was_read_longest_ago_and_of_nothing_else(
    told: dict[str, str], words: str, said: str
) -> None:
    assert told[words] == f"{said}\n"
