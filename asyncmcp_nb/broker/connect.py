"""From a deployment to a bus."""

from __future__ import annotations

from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment


def open_bus(deployment: Deployment) -> AwsBus:
    """A bus for a deployment; the caller closes it.

    On AWS, credentials come from botocore's usual search (environment, profile, role).

    Raises:
        ConfigError: The region or the endpoint is unusable.
    """
    return AwsBus.open(region=deployment.region, endpoint_url=deployment.endpoint_url)
