"""Which deployment is meant, and where its large messages go."""

from __future__ import annotations

from asyncmcp_nb import broker
from asyncmcp_nb.config import LOCAL_NAME, Deployment
from asyncmcp_nb.profiles import default_profile, load_profile, read_profiles
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.wire.claim_check import key_prefix

Where = Deployment | str | None
"""A deployment, a profile's name, or None: ``ASYNCMCP_NB_PROFILE``, else the embedded broker.

``local`` is the embedded broker, unless somebody has written a profile of that name by hand.
"""


def resolve(where: Where = None) -> Deployment:
    """The deployment that is meant; starts the embedded broker where that is it. Blocks.

    Raises:
        ProfileNotFound: No profile of that name.
        ConfigError: The profile is unusable.
        BrokerError: The embedded broker did not start.
        MissingDependency: The embedded broker needs moto, which is not installed.
    """
    if isinstance(where, Deployment):
        return where
    profile = where or default_profile()
    if profile is None or (profile == LOCAL_NAME and profile not in read_profiles()):
        return broker.embedded()
    return load_profile(profile)


def open_claim_checks(deployment: Deployment) -> ClaimChecks | None:
    """Where a deployment's large messages go; None where it has no bucket. The caller closes it.

    Raises:
        ConfigError: The region or the endpoint is unusable.
    """
    store = broker.open_payloads(deployment)
    return None if store is None else ClaimChecks(store=store, prefix=key_prefix(deployment.name))
