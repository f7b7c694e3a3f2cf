"""Making and removing deployments, and the queues of single clients and workers.

The same code serves AWS and moto.

Every function blocks, can be repeated, and brings what exists to what is asked for. Each raises
``BusError`` where AWS refuses or cannot be reached, and ``ConfigError`` for an unusable name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.client_topics import (
    has_own_topics,
    is_fed_by_own_topic,
    own_topic_arn,
    plan_client_of,
)
from asyncmcp_nb.broker.payload_bucket import ensure_payload_bucket
from asyncmcp_nb.broker.plan import (
    DEFAULT_LEASE_SECONDS,
    client_prefix,
    plan_deployment,
    plan_worker,
    request_topic_name,
    server_queue_name,
    worker_prefix,
)
from asyncmcp_nb.broker.resources import Place, QueuePlan, admitted_topics
from asyncmcp_nb.config import (
    OUR_DIALECT,
    Deployment,
    Dialect,
    require_dialect,
    require_key_references,
    require_name,
)
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.limits import SNS_DEFAULT_MESSAGE_BYTES


class Settings(TypedDict, total=False):
    """What a deployment remembers for its servers and clients, beside where things are."""

    claim_check_bucket: str | None
    """An existing S3 bucket for messages above the topics' limit; a rule by which they expire is
    added to it."""
    allowed_reply_topics: tuple[str, ...]
    """ARNs of topics that a client may name as the place for its answers."""
    session_key_file: str | None
    """A file of at least 32 random bytes, at this path wherever a server runs."""
    signing_keys: tuple[str, ...]
    """``env:NAME`` or ``file:PATH``; see ``Deployment.signing_keys``."""
    dialect: Dialect
    """Whose servers answer; see ``Deployment.dialect``."""


def provision(
    name: str,
    boto3_session: Any = None,
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    fifo: bool = False,
    maximum_message_size_bytes: int | None = None,
    lease_seconds: int = DEFAULT_LEASE_SECONDS,
    **settings: Unpack[Settings],
) -> Deployment:
    """Make a deployment, or bring an existing one to these options.

    Args:
        name: 1 to 40 letters, digits, ``-`` and ``_``; all names begin with it.
        boto3_session: Whose credentials and region to use; None for botocore's usual search.
        region: AWS region; None for the session's or the configured one.
        endpoint_url: None for AWS itself.
        fifo: Whether topics and queues keep the order of each connection's messages; their names
            end with ``.fifo`` then, and at most 100 clients and 100 workers can be connected.
        maximum_message_size_bytes: What the topics are to take, 1 KiB to 1 MiB; None leaves them as
            they are (256 KiB when new). More than 256 KiB is for at most 100 clients or workers.
        lease_seconds: The server queue's visibility timeout, for receivers that name none.
        **settings: ``claim_check_bucket``, ``allowed_reply_topics``, ``session_key_file``,
            ``signing_keys`` and ``dialect``, as ``Deployment`` has them.

    Raises:
        BusError: AWS refused or could not be reached.
        ConfigError: The name, a number, a setting, the region or the endpoint is unusable; or the
            deployment exists and is of the other kind.
    """
    _check(name, settings, fifo=fifo)
    if bucket := settings.get("claim_check_bucket"):
        ensure_payload_bucket(bucket, boto3_session, region=region, endpoint_url=endpoint_url)
    with Admin.open(region=region, endpoint_url=endpoint_url, session=boto3_session) as admin:
        _refuse_other_kind(admin, name, fifo=fifo)
        # The first ARN tells the account, which the others and the policies need.
        place = Place.of_arn(admin.create_topic(request_topic_name(name, fifo=fifo)))
        plan = plan_deployment(
            name,
            place,
            maximum_message_size_bytes=maximum_message_size_bytes,
            lease_seconds=lease_seconds,
            fifo=fifo,
        )
        for topic in (plan.request_topic, plan.response_topic):
            admin.ensure_topic(topic)
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
        fifo=fifo,
        **settings,
    )


def ensure_client(deployment: Deployment, name: str) -> str:
    """The URL of a client's queue, made and subscribed where it is not yet: two requests.

    With the dialect ``asyncmcp``, the client's own topic is made as well.
    """
    plan = plan_client_of(deployment, name)
    with Admin.of(deployment) as admin:
        if has_own_topics(deployment):
            admin.create_topic(plan.name)
        return admin.ensure_queue(plan)


def ensure_worker(deployment: Deployment, worker_id: str) -> str:
    """The URL of a worker's control queue, made and subscribed where it is not yet."""
    with Admin.of(deployment) as admin:
        return admin.ensure_queue(
            plan_worker(deployment.name, worker_id, deployment.request_topic_arn)
        )


def remove_client(deployment: Deployment, name: str) -> None:
    """Delete a client's queue, with the answers in it; a missing one is no error.

    With the dialect ``asyncmcp``, the client's own topic goes as well.
    """
    plan = plan_client_of(deployment, name)
    _remove(deployment, plan)
    if has_own_topics(deployment):
        with Admin.of(deployment) as admin:
            admin.delete_topic(own_topic_arn(deployment, plan.name))


def remove_worker(deployment: Deployment, worker_id: str) -> None:
    """Delete a worker's control queue; a missing one is no error."""
    _remove(deployment, plan_worker(deployment.name, worker_id, deployment.request_topic_arn))


def teardown(deployment: Deployment) -> None:
    """Remove the topics and queues of a deployment, those of its clients and workers too.

    What is gone already is no error. Messages that wait in the queues are lost.
    """
    shared = (deployment.request_topic_arn, deployment.response_topic_arn)
    with Admin.of(deployment) as admin:
        found = dict(_queues(admin, deployment, shared))
        queues = sorted({deployment.server_queue_url, deployment.dead_letter_queue_url, *found})
        topics = [*shared, *filter(None, found.values())]
        # Topics first: that ends the subscriptions, and nobody publishes to what goes next.
        for topic in topics:
            admin.delete_topic(topic)
        for queue in queues:
            admin.delete_queue(queue)


def topic_limit_bytes(deployment: Deployment) -> int:
    """The largest message, attributes included, that its topics take.

    With the dialect ``asyncmcp``, that is the request topic: nothing goes through the other.
    """
    topics = [deployment.request_topic_arn]
    if not has_own_topics(deployment):
        topics.append(deployment.response_topic_arn)
    with Admin.of(deployment) as admin:
        return min(
            int(admin.topic_attributes(arn).get("MaximumMessageSize", SNS_DEFAULT_MESSAGE_BYTES))
            for arn in topics
        )


def _check(name: str, settings: Mapping[str, Any], *, fifo: bool) -> None:
    """Fail before anything is made."""
    require_name(name, "deployment")
    if unknown := sorted(set(settings) - Settings.__annotations__.keys()):
        raise TypeError(f"provision() has no option {unknown[0]!r}")
    keys: Sequence[str] = settings.get("signing_keys", ())
    require_key_references(keys)
    require_dialect(settings.get("dialect", OUR_DIALECT), is_signed=bool(keys), is_fifo=fifo)


def _refuse_other_kind(admin: Admin, name: str, *, fifo: bool) -> None:
    """Let a name stand for a FIFO deployment or a standard one, not for both.

    They could exist side by side, since AWS's names differ. But then a profile of that name would
    mean one here and the other elsewhere, and calls would wait where no server is.
    """
    there, asked = ("standard", "FIFO") if fifo else ("FIFO", "standard")
    if admin.queue_url(server_queue_name(name, fifo=not fifo)) is not None:
        raise ConfigError(
            f"deployment {name!r} exists as a {there} one and cannot become a {asked} one: "
            "choose another name, or tear it down first"
        )


def _remove(deployment: Deployment, plan: QueuePlan) -> None:
    with Admin.of(deployment) as admin:
        if plan.topic_arn is not None:
            admin.unsubscribe(plan.topic_arn, plan.arn)
        admin.delete_queue(f"{deployment.server_queue_url.rpartition('/')[0]}/{plan.name}")


def _queues(
    admin: Admin, deployment: Deployment, topics: tuple[str, ...]
) -> Iterator[tuple[str, str | None]]:
    """The URLs of clients' and workers' queues, each with the topic that feeds it alone, if any."""
    for prefix in (client_prefix(deployment.name), worker_prefix(deployment.name)):
        for url in admin.queue_urls(prefix):
            policy = admin.queue_policy(url)
            # A deployment named "demo-client-x" has queues whose names begin as those of "demo" do.
            if is_fed_by_own_topic(policy, deployment):
                yield url, own_topic_arn(deployment, url.rpartition("/")[2])
            elif not admitted_topics(policy).isdisjoint(topics):
                yield url, None
