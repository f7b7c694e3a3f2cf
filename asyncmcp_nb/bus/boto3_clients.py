"""boto3's clients, set up for long polls, many threads, and brokers on this machine."""

from __future__ import annotations

import functools
import ipaddress
import os
import threading
from typing import Any, Final
from urllib.parse import urlsplit

from asyncmcp_nb._version import __version__
from asyncmcp_nb.bus.aws_errors import one_line
from asyncmcp_nb.config import APP
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.limits import LONG_POLL_SECONDS

_CONNECTION_COUNT: Final = 32
"""Requests that may be in flight at a time; more than pollers and publishers together."""
_CONNECT_TIMEOUT_SECONDS: Final = 10
_LOCAL_CONNECT_TIMEOUT_SECONDS: Final = 2
# A read that times out before the long poll ends would swallow the messages that the poll brings.
_READ_TIMEOUT_SECONDS: Final = LONG_POLL_SECONDS + 10
_ATTEMPT_COUNT: Final = 3
_making = threading.Lock()
"""Making clients is not thread-safe in boto3; using them is."""


def make_client(
    service: str,
    *,
    region: str | None,
    endpoint_url: str | None,
    session: Any = None,
) -> Any:
    """A boto3 client set up for long polls, many threads, and local endpoints.

    Args:
        service: ``sqs``, ``sns`` or ``s3``; the caller names the calls it makes by a Protocol.
        region: AWS region; None for that of the session or configuration.
        endpoint_url: None for AWS itself. On a loopback address the user's proxies play no part,
            and a failed request is not tried again.
        session: A boto3 session; None for that of ``open_session``.

    Raises:
        ConfigError: The region or the endpoint is unusable.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    local = is_loopback(endpoint_url)
    options: dict[str, Any] = {
        "max_pool_connections": _CONNECTION_COUNT,
        "connect_timeout": _LOCAL_CONNECT_TIMEOUT_SECONDS if local else _CONNECT_TIMEOUT_SECONDS,
        "read_timeout": _READ_TIMEOUT_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": 1 if local else _ATTEMPT_COUNT},
        # Without it a request takes a quarter less time here; what is sent is made by typed code.
        # To S3, a request with an empty key would be one about the bucket.
        "parameter_validation": service == "s3",
        "tcp_keepalive": True,
        # botocore writes its own anew for each request, in as long as it takes to sign it.
        "user_agent": f"{APP}/{__version__}",
        **({"proxies": {}} if local else {}),
    }
    session = session or open_session(endpoint_url)
    with _making:
        try:
            return session.client(
                service, region_name=region, endpoint_url=endpoint_url, config=Config(**options)
            )
        except (BotoCoreError, ValueError) as exc:
            raise ConfigError(f"no {service} client can be made: {one_line(exc)}") from exc


def open_session(endpoint_url: str | None, profile_name: str | None = None) -> Any:
    """The boto3 session whose credentials an endpoint is asked with.

    Args:
        endpoint_url: None for AWS itself. On a loopback address no credentials are needed, and the
            user's play no part.
        profile_name: Of the AWS configuration files; None for botocore's usual search.

    Raises:
        ConfigError: The profile is unusable.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    with _making:
        try:
            local = is_loopback(endpoint_url)
            return _local_session() if local else boto3.Session(profile_name=profile_name)
        except BotoCoreError as exc:
            raise ConfigError(f"no AWS session can be opened: {one_line(exc)}") from exc


def find_credentials(session: Any) -> Any:
    """Botocore's credentials of a session, which renew themselves; None where there are none."""
    with _making:
        return session.get_credentials()


def http_session_of(client: Any) -> Any:
    """Where botocore keeps a client's connections, under a private name; None where elsewhere."""
    return getattr(getattr(client, "_endpoint", None), "http_session", None)


@functools.cache
def _local_session() -> Any:
    import boto3
    import botocore.session

    # Without the user's files and AWS_PROFILE: a broken profile must not keep a local broker away.
    base: Any = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.Session(
        aws_access_key_id="local", aws_secret_access_key="local", botocore_session=base
    )


def is_loopback(endpoint_url: str | None) -> bool:
    """Whether an endpoint is on this machine."""
    host = urlsplit(endpoint_url).hostname if endpoint_url else None
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
