"""A topic of each client's own, where the servers are those of the ``asyncmcp`` package.

::

    <base>-client-<name>  ──▶  <base>-client-<name>   a topic, and a queue of the same name

Such a server publishes to the topic that its client names, and says nothing that a subscription to
a shared one could filter by.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from asyncmcp_nb.broker.plan import plan_client
from asyncmcp_nb.broker.resources import Place, QueuePlan, queue_policy
from asyncmcp_nb.config import OUR_DIALECT, Deployment


def has_own_topics(deployment: Deployment) -> bool:
    """Whether each client of a deployment has a topic of its own."""
    return deployment.dialect != OUR_DIALECT


def reply_topic_arn(deployment: Deployment, client: str) -> str | None:
    """The topic that a client names to its servers; None where it names none.

    Raises:
        ConfigError: The client's name is unusable.
    """
    return plan_client_of(deployment, client).topic_arn if has_own_topics(deployment) else None


def plan_client_of(deployment: Deployment, client: str) -> QueuePlan:
    """Plan the queue of one client, whichever topic feeds it.

    Raises:
        ConfigError: The client's name is unusable.
    """
    plan = plan_client(deployment.name, client, deployment.response_topic_arn)
    if not has_own_topics(deployment):
        return plan
    topic = own_topic_arn(deployment, plan.name)
    policy = {"Id": _owner_id(deployment), **queue_policy(plan.arn, topic)}
    return replace(
        plan,
        attributes={**plan.attributes, "Policy": json.dumps(policy)},
        topic_arn=topic,
        # All that comes is for this client, so there is nothing to tell apart.
        filter_policy={},
    )


def own_topic_arn(deployment: Deployment, queue_name: str) -> str:
    """The topic that feeds the queue of this name and no other."""
    return Place.of_arn(deployment.request_topic_arn).topic_arn(queue_name)


def is_fed_by_own_topic(policy: str, deployment: Deployment) -> bool:
    """Whether a queue belongs to a client of this deployment that has a topic of its own.

    Args:
        policy: The queue's, as JSON, or empty for none.
        deployment: Whose it may be.
    """
    try:
        found: Any = json.loads(policy) if policy else {}
        return found["Id"] == _owner_id(deployment)
    except (ValueError, LookupError, TypeError):
        return False


def _owner_id(deployment: Deployment) -> str:
    """Tells a queue of "demo-client-x" from one of "demo", whose name begins the same."""
    return f"asyncmcp-nb_{deployment.name}"
