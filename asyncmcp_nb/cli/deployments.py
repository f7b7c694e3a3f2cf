"""``provision`` and ``doctor``: deployments, made and looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asyncmcp_nb.cli.option_groups import with_options
from asyncmcp_nb.cli.said import fail
from asyncmcp_nb.config import require_key_references
from asyncmcp_nb.errors import ConfigError

if TYPE_CHECKING:
    from asyncmcp_nb.broker.provisioning import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What topics and queues are to be like."""

    fifo: Annotated[
        bool, typer.Option("--fifo", help="Keep the order of each connection's messages.")
    ] = False
    maximum_message_size: Annotated[
        int | None, typer.Option(help="Bytes that the topics take, up to 1,048,576.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What the profile is to say beside where things are."""

    claim_check_bucket: Annotated[
        str | None, typer.Option(help="An existing S3 bucket for larger messages.")
    ] = None
    allowed_reply_topic: Annotated[
        list[str] | None,
        typer.Option(help="ARN of a topic that clients may have answers sent to; repeatable."),
    ] = None
    session_key_file: Annotated[
        str | None, typer.Option(help="Where servers have a file of 32 random bytes or more.")
    ] = None
    signing_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="env:NAME|file:PATH",
            help="Where a key is that signs and verifies messages; repeatable, the first signs.",
        ),
    ] = None

    def settings(self) -> Settings:
        """As ``provision`` takes them.

        Raises:
            ConfigError: A signing key is not named, but given.
        """
        signing_keys = tuple(self.signing_key or ())
        require_key_references(signing_keys)
        return {
            "claim_check_bucket": self.claim_check_bucket,
            "allowed_reply_topics": tuple(self.allowed_reply_topic or ()),
            "session_key_file": self.session_key_file,
            "signing_keys": signing_keys,
        }


@with_options(resources=Resources, remembered=Remembered)
def provision(
    name: Annotated[str, typer.Argument(help="The deployment; what is made is named after it.")],
    *,
    region: Annotated[str | None, typer.Option(help="Default: the configured one.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Default: AWS.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
    resources: Resources,
    remembered: Remembered,
) -> None:
    """Make a deployment's topics and queues, and write its profile.

    It can be repeated: what exists is brought to the plan.
    """
    from asyncmcp_nb.profiles import profile_file, require_profile_name, save_profile

    require_profile_name(name)
    settings = remembered.settings()
    if dry_run:
        print(_plan(name, region, resources), end="")
        return
    from asyncmcp_nb import broker

    deployment = broker.provision(
        name,
        region=region,
        endpoint_url=endpoint_url,
        fifo=resources.fifo,
        maximum_message_size_bytes=resources.maximum_message_size,
        **settings,
    )
    # First: it is all there is to see of what was made where no file can be written.
    print(f"[{name}]\n{deployment.to_toml()}")
    change = "wrote" if save_profile(deployment) else "unchanged:"
    print(f"{change} profile {name} in {profile_file()}")


def doctor(
    profile: Annotated[
        str | None, typer.Argument(help="Default: as for connect, else the embedded broker.")
    ] = None,
) -> None:
    """Look for what is wrong with a deployment, and say what to do; exit code 1 on a problem.

    Nothing is changed, but for a queue of its own through which it sends itself a message.
    """
    from asyncmcp_nb.api import resolve
    from asyncmcp_nb.broker.doctor import examine

    deployment = resolve(profile)
    print(f"deployment {deployment.name} in {deployment.endpoint_url or deployment.region}")
    problem_count = 0
    for finding in examine(deployment):
        print(finding, flush=True)
        problem_count += finding.verdict == "problem"
    if problem_count:
        fail(f"{problem_count} problem{'' if problem_count == 1 else 's'}")


def _plan(name: str, region: str | None, resources: Resources) -> str:
    """What ``provision`` would make; asks nobody."""
    import boto3

    from asyncmcp_nb.broker.plan import plan_deployment
    from asyncmcp_nb.broker.resources import Place

    session: Any = boto3.Session()
    place = region or session.region_name
    if not place:
        raise ConfigError("no AWS region is configured; name one with --region")
    plan = plan_deployment(
        name,
        Place(region=place, account_id="of your credentials"),
        maximum_message_size_bytes=resources.maximum_message_size,
        fifo=resources.fifo,
    )
    return plan.describe()
