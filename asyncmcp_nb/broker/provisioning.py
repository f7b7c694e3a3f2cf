"""Making and removing deployments, and the queues of single clients and workers.

The same code serves AWS and moto.

Every function blocks, can be repeated, and brings what exists to what is asked for. Each raises
``BusError`` where AWS refuses or cannot be reached, and ``ConfigError`` for an unusable name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.plan import (
    DEFAULT_LEASE_SECONDS,
    Place,
    QueuePlan,
    client_prefix,
    plan_client,
    plan_deployment,
    plan_worker,
    request_topic_name,
    worker_prefix,
)
from asyncmcp_nb.config import Deployment, require_name
from asyncmcp_nb.limits import SNS_DEFAULT_MESSAGE_BYTES


def provision(
    name: str,
    boto3_session: Any = None,
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    maximum_message_size_bytes: int | None = None,
    lease_seconds: int = DEFAULT_LEASE_SECONDS,
    claim_check_bucket: str | None = None,
    allowed_reply_topics: tuple[str, ...] = (),
) -> Deployment:
    """Make a deployment, or bring an existing one to these options.

    Args:
        name: 1 to 40 letters, digits, ``-`` and ``_``; all names begin with it.
        boto3_session: Whose credentials and region to use; None for botocore's usual search.
        region: AWS region; None for the session's or the configured one.
        endpoint_url: None for AWS itself.
        maximum_message_size_bytes: What the topics are to take, 1 KiB to 1 MiB; None leaves them as
            they are (256 KiB when new). More than 256 KiB is for at most 100 clients or workers.
        lease_seconds: The server queue's visibility timeout, for receivers that name none.
        claim_check_bucket: An existing S3 bucket for larger messages.
        allowed_reply_topics: Topics that a client may name as the place for its answers.

    Raises:
        BusError: AWS refused or could not be reached.
        ConfigError: The name, a number, the region or the endpoint is unusable.
    """
    require_name(name, "deployment")
    with Admin.open(region=region, endpoint_url=endpoint_url, session=boto3_session) as admin:
        # The first ARN tells the account, which the others and the policies need.
        place = Place.of_arn(admin.create_topic(request_topic_name(name)))
        plan = plan_deployment(
            name,
            place,
            maximum_message_size_bytes=maximum_message_size_bytes,
            lease_seconds=lease_seconds,
        )
        admin.ensure_topic(plan.request_topic)
        admin.ensure_topic(plan.response_topic)
        dead_letter_queue_url = admin.ensure_queue(plan.dead_letter_queue)
        server_queue_url = admin.ensure_queue(plan.server_queue)
    return Deployment(
        name=name,
        region=place.region,
        endpoint_url=endpoint_url,
        request_topic_arn=plan.request_topic.arn,
        response_topic_arn=plan.response_topic.arn,
        server_queue_url=server_queue_url,
        dead_letter_queue_url=dead_letter_queue_url,
        claim_check_bucket=claim_check_bucket,
        allowed_reply_topics=allowed_reply_topics,
    )


def ensure_client(deployment: Deployment, name: str) -> str:
    """The URL of a client's queue, made and subscribed where it is not yet: two requests."""
    return _ensure(deployment, plan_client(deployment.name, name, deployment.response_topic_arn))


def ensure_worker(deployment: Deployment, worker_id: str) -> str:
    """The URL of a worker's control queue, made and subscribed where it is not yet."""
    return _ensure(
        deployment, plan_worker(deployment.name, worker_id, deployment.request_topic_arn)
    )


def remove_client(deployment: Deployment, name: str) -> None:
    """Delete a client's queue, with the answers in it; a missing one is no error."""
    _remove(deployment, plan_client(deployment.name, name, deployment.response_topic_arn))


def remove_worker(deployment: Deployment, worker_id: str) -> None:
    """Delete a worker's control queue; a missing one is no error."""
    _remove(deployment, plan_worker(deployment.name, worker_id, deployment.request_topic_arn))


def teardown(deployment: Deployment) -> None:
    """Remove the topics and queues of a deployment, those of its clients and workers too.

    What is gone already is no error. Messages that wait in the queues are lost.
    """
    topics = (deployment.request_topic_arn, deployment.response_topic_arn)
    with Admin.of(deployment) as admin:
        queues = sorted(set(_queue_urls(admin, deployment, topics)))
        # Topics first: that ends the subscriptions, and nobody publishes to what goes next.
        for topic in topics:
            admin.delete_topic(topic)
        for queue in queues:
            admin.delete_queue(queue)


def topic_limit_bytes(deployment: Deployment) -> int:
    """The largest message, attributes included, that both of its topics take."""
    with Admin.of(deployment) as admin:
        return min(
            int(admin.topic_attributes(arn).get("MaximumMessageSize", SNS_DEFAULT_MESSAGE_BYTES))
            for arn in (deployment.request_topic_arn, deployment.response_topic_arn)
        )


def _ensure(deployment: Deployment, plan: QueuePlan) -> str:
    with Admin.of(deployment) as admin:
        return admin.ensure_queue(plan)


def _remove(deployment: Deployment, plan: QueuePlan) -> None:
    with Admin.of(deployment) as admin:
        if plan.topic_arn is not None:
            admin.unsubscribe(plan.topic_arn, plan.arn)
        admin.delete_queue(f"{deployment.server_queue_url.rpartition('/')[0]}/{plan.name}")


def _queue_urls(admin: Admin, deployment: Deployment, topics: tuple[str, str]) -> Iterator[str]:
    yield deployment.server_queue_url
    yield deployment.dead_letter_queue_url
    for prefix in (client_prefix(deployment.name), worker_prefix(deployment.name)):
        for url in admin.queue_urls(prefix):
            # A deployment named "demo-client-x" has queues whose names begin as those of "demo" do.
            if any(topic in admin.queue_policy(url) for topic in topics):
                yield url
