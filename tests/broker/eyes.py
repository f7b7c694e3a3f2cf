"""What topics and queues there are, seen past the code under test."""

from __future__ import annotations

from typing import Any

from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.config import Deployment


class Eyes:
    """Looks at what there is, past the code under test."""

    def __init__(self, deployment: Deployment) -> None:
        where: dict[str, Any] = {
            "region": deployment.region,
            "endpoint_url": deployment.endpoint_url,
        }
        self.sqs = make_client("sqs", **where)
        self.sns = make_client("sns", **where)
        self._base = deployment.name

    def close(self) -> None:
        self.sqs.close()
        self.sns.close()

    def queue(self, url: str) -> dict[str, str]:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def queue_names(self) -> list[str]:
        urls = self.sqs.list_queues(QueueNamePrefix=self._base).get("QueueUrls", [])
        return sorted(url.rpartition("/")[2].removeprefix(self._base) for url in urls)

    def topic_names(self) -> list[str]:
        arns = [topic["TopicArn"] for topic in self.sns.list_topics()["Topics"]]
        names = [arn.rpartition(":")[2] for arn in arns]
        return sorted(n.removeprefix(self._base) for n in names if n.startswith(self._base))

    def feeds(self, topic_arn: str) -> dict[str, dict[str, Any]]:
        """Subscription attributes by the name of the queue that is fed."""
        found = self.sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
        return {
            entry["Endpoint"].rpartition(":")[2].removeprefix(self._base): (
                self.sns.get_subscription_attributes(SubscriptionArn=entry["SubscriptionArn"])
            )["Attributes"]
            for entry in found
        }
