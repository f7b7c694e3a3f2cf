"""Making and removing topics, queues and subscriptions, each step safe to repeat."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from asyncmcp_nb.broker.admin_clients import AdminSns, AdminSqs, Answer
from asyncmcp_nb.broker.resources import QueuePlan, TopicPlan, topic_creation_attributes
from asyncmcp_nb.bus.aws_errors import error_code, translate
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusNotFound

_QUEUE_DIFFERS: Final = frozenset(
    {"AWS.SimpleQueueService.QueueNameExists", "QueueAlreadyExists", "QueueNameExists"}
)
_SUBSCRIPTION_DIFFERS: Final = frozenset({"InvalidParameter", "InvalidParameterException"})
_PAGE_COUNT: Final = 1000


class Admin:
    """Brings topics and queues to the state that a plan describes; closes its clients at the end.

    Each method raises ``BusError`` where AWS refuses or cannot be reached.
    """

    def __init__(self, sqs: AdminSqs, sns: AdminSns) -> None:
        self._sqs = sqs
        self._sns = sns

    @classmethod
    def open(cls, *, region: str | None, endpoint_url: str | None, session: Any = None) -> Admin:
        """With clients of its own, from a boto3 session where one is given.

        Raises:
            ConfigError: The region or the endpoint is unusable.
        """
        options: dict[str, Any] = {"region": region, "endpoint_url": endpoint_url}
        return cls(
            make_client("sqs", session=session, **options),
            make_client("sns", session=session, **options),
        )

    @classmethod
    def of(cls, deployment: Deployment) -> Admin:
        """For the place of a deployment, with the credentials of botocore's usual search."""
        return cls.open(region=deployment.region, endpoint_url=deployment.endpoint_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._sqs.close()
        self._sns.close()

    # -- topics -----------------------------------------------------------------------------------

    def create_topic(self, name: str) -> str:
        """Make a topic, or find it; its ARN."""
        with asking("CreateTopic", name):
            answer = self._sns.create_topic(Name=name, Attributes=topic_creation_attributes(name))
        return answer["TopicArn"]

    def ensure_topic(self, plan: TopicPlan) -> None:
        """Make a topic, or find it, and set what is planned."""
        self.create_topic(plan.name)
        with asking("SetTopicAttributes", plan.name):
            for name, value in plan.attributes.items():
                self._sns.set_topic_attributes(
                    TopicArn=plan.arn, AttributeName=name, AttributeValue=value
                )

    def topic_attributes(self, arn: str) -> Mapping[str, str]:
        """What a topic reports of itself."""
        with asking("GetTopicAttributes", arn):
            return self._sns.get_topic_attributes(TopicArn=arn)["Attributes"]

    def delete_topic(self, arn: str) -> None:
        """Remove a topic and its subscriptions; a missing one is no error."""
        with asking("DeleteTopic", arn):
            self._sns.delete_topic(TopicArn=arn)

    # -- queues -----------------------------------------------------------------------------------

    def ensure_queue(self, plan: QueuePlan) -> str:
        """Make a queue with its subscription, or bring an existing one to the plan; its URL."""
        with asking("CreateQueue", plan.name):
            url = self._create_queue(plan)
        if "Policy" not in plan.attributes and self.queue_policy(url):
            with asking("SetQueueAttributes", plan.name):
                self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        if plan.topic_arn is not None:
            with asking("Subscribe", plan.topic_arn):
                self._subscribe(plan, plan.topic_arn)
        return url

    def queue_url(self, name: str) -> str | None:
        """Where the queue of this name is; None where there is none."""
        try:
            with asking("GetQueueUrl", name):
                return self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        except BusNotFound:
            return None

    def queue_answer(self, url: str) -> Answer:
        """All that a queue says of itself, and when it did so in ``ResponseMetadata``."""
        with asking("GetQueueAttributes", url):
            return self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])

    def queue_policy(self, url: str) -> str:
        """Who may send to a queue, as JSON; empty where it has no policy, or is gone."""
        try:
            with asking("GetQueueAttributes", url):
                answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        except BusNotFound:
            return ""
        return answer.get("Attributes", {}).get("Policy", "")

    def queue_urls(self, prefix: str) -> Iterator[str]:
        """All queues whose names begin with this."""
        more: dict[str, str] = {}
        while True:
            with asking("ListQueues", prefix):
                page = self._sqs.list_queues(QueueNamePrefix=prefix, MaxResults=_PAGE_COUNT, **more)
            yield from page.get("QueueUrls", ())
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def delete_queue(self, url: str) -> None:
        """Remove a queue and its messages; a missing one is no error."""
        try:
            with asking("DeleteQueue", url):
                self._sqs.delete_queue(QueueUrl=url)
        except BusNotFound:
            return

    # -- subscriptions ----------------------------------------------------------------------------

    def subscriptions(self, topic_arn: str) -> Iterator[tuple[str, str]]:
        """Subscription ARN and queue ARN of all that a topic feeds; none where it is gone."""
        more: dict[str, str] = {}
        while True:
            try:
                with asking("ListSubscriptionsByTopic", topic_arn):
                    page = self._sns.list_subscriptions_by_topic(TopicArn=topic_arn, **more)
            except BusNotFound:
                return
            for entry in page.get("Subscriptions", ()):
                yield entry["SubscriptionArn"], entry["Endpoint"]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def subscription_attributes(self, topic_arn: str, queue_arn: str) -> Mapping[str, str] | None:
        """How a topic feeds a queue; None where it does not."""
        for arn, fed in self.subscriptions(topic_arn):
            if fed == queue_arn:
                with asking("GetSubscriptionAttributes", arn):
                    answer = self._sns.get_subscription_attributes(SubscriptionArn=arn)
                return answer["Attributes"]
        return None

    def unsubscribe(self, topic_arn: str, queue_arn: str) -> None:
        """Stop feeding a queue; one that is not fed is no error."""
        for arn, fed in self.subscriptions(topic_arn):
            if fed == queue_arn:
                with asking("Unsubscribe", arn):
                    self._sns.unsubscribe(SubscriptionArn=arn)

    # -- convergence ------------------------------------------------------------------------------

    def _create_queue(self, plan: QueuePlan) -> str:
        from botocore.exceptions import ClientError

        try:
            answer = self._sqs.create_queue(
                QueueName=plan.name, Attributes=plan.creation_attributes
            )
            return answer["QueueUrl"]
        except ClientError as exc:
            if error_code(exc) not in _QUEUE_DIFFERS:
                raise
        url: str = self._sqs.get_queue_url(QueueName=plan.name)["QueueUrl"]
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes=plan.attributes)
        return url

    def _subscribe(self, plan: QueuePlan, topic_arn: str) -> None:
        from botocore.exceptions import ClientError

        try:
            self._sns.subscribe(
                TopicArn=topic_arn,
                Protocol="sqs",
                Endpoint=plan.arn,
                Attributes=plan.subscription_attributes,
                ReturnSubscriptionArn=True,
            )
        except ClientError as exc:
            known = [arn for arn, fed in self.subscriptions(topic_arn) if fed == plan.arn]
            if error_code(exc) not in _SUBSCRIPTION_DIFFERS or not known:
                raise
            for name, value in plan.subscription_attributes.items():
                self._sns.set_subscription_attributes(
                    SubscriptionArn=known[0], AttributeName=name, AttributeValue=value
                )


@contextmanager
def asking(operation: str, target: str) -> Generator[None]:
    """Around one request: what botocore raises becomes one of our errors, which names it.

    Args:
        operation: As AWS names it.
        target: The topic, queue or name that it is for.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as exc:
        raise translate(exc, operation, target) from exc
