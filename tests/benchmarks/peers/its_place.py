"""boto3 clients as users of the asyncmcp package make them, whose requests are counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import boto3


def counted_clients(told: dict[str, Any]) -> tuple[Any, Any, Counter[str]]:
    """SQS, SNS, and the requests that both have begun by operation."""
    counts: Counter[str] = Counter()

    def note(model: Any, **_: Any) -> None:
        counts[model.name] += 1

    made = []
    for service in ("sqs", "sns"):
        client = boto3.client(
            service,
            endpoint_url=told["endpoint_url"],
            region_name=told["region"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        client.meta.events.register("before-call.*.*", note)
        made.append(client)
    return made[0], made[1], counts
