"""From a deployment to a bus, and to its bucket."""

from __future__ import annotations

from asyncmcp_nb.broker import runtime
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.s3 import S3Payloads
from asyncmcp_nb.config import Deployment


def open_bus(deployment: Deployment) -> AwsBus:
    """A bus for a deployment; the caller closes it. Blocks for a moment, and reads a file.

    On AWS, credentials come from botocore's usual search (environment, profile, role).

    Raises:
        ConfigError: The region or the endpoint is unusable.
    """
    endpoint_url = deployment.endpoint_url
    current = runtime.read(runtime.home())
    # The embedded broker looks whether a receive's client is still there before it takes a message.
    is_embedded = current is not None and current.endpoint_url == endpoint_url
    return AwsBus.open(region=deployment.region, endpoint_url=endpoint_url, cuts_polls=is_embedded)


def open_payloads(deployment: Deployment) -> S3Payloads | None:
    """The bucket of a deployment; None where it has none. The caller closes it.

    Raises:
        ConfigError: The region or the endpoint is unusable.
    """
    bucket = deployment.claim_check_bucket
    if bucket is None:
        return None
    return S3Payloads.open(bucket, region=deployment.region, endpoint_url=deployment.endpoint_url)
