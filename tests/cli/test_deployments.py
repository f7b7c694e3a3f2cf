"""`asyncmcp-nb provision` with options, and `doctor`, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from asyncmcp_nb.broker import embedded, teardown
from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.resources import Place
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.profiles import load_profile, profile_file, save_profile

PATIENCE_SECONDS = 80


def provision(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    return run("provision", *arguments)


def run(*arguments: str) -> tuple[int, str, str]:
    """The same, of any command."""
    done = subprocess.run(
        [sys.executable, "-m", "asyncmcp_nb", *arguments],
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_dry_run_follows_the_options() -> None:
    code, out, err = provision(
        *("orders", "--dry-run", "--region", "eu-west-1"),
        *("--fifo", "--maximum-message-size", "1048576"),
    )

    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == [
        "deployment orders in eu-west-1, account of your credentials, FIFO",
        "  topic orders-requests.fifo  up to 1,048,576 B",
    ]


def test_the_name_of_the_embedded_broker_is_refused_before_anything_is_made() -> None:
    code, out, err = provision("local", "--region", "us-east-1")

    assert (code, out) == (1, "")
    assert "'local' names the embedded broker" in err


def test_options_are_written_into_the_profile(embedded_home: Path) -> None:
    code, out, err = provision(
        *("options", "--region", "us-east-1", "--endpoint-url", str(embedded().endpoint_url)),
        "--fifo",
        *("--signing-key", "env:NEW", "--signing-key", "file:/run/old.key"),
        *("--session-key-file", "/run/session.key"),
        *("--allowed-reply-topic", "arn:aws:sns:us-east-1:1:a"),
        *("--allowed-reply-topic", "arn:aws:sns:us-east-1:1:b"),
    )
    assert (code, err) == (0, ""), out
    deployment = load_profile("options")
    profile_file().unlink()
    teardown(deployment)

    assert deployment.fifo
    assert deployment.signing_keys == ("env:NEW", "file:/run/old.key")
    assert deployment.session_key_file == "/run/session.key"
    assert deployment.allowed_reply_topics == (
        "arn:aws:sns:us-east-1:1:a",
        "arn:aws:sns:us-east-1:1:b",
    )


def test_a_key_is_named_and_never_given() -> None:
    code, out, err = provision("options", "--dry-run", "--region", "x", "--signing-key", "s3cret")

    assert (code, out) == (1, "")
    assert err == "error: signing_keys: each names where its key is, as env:NAME or file:PATH\n"


def test_a_bucket_that_is_not_there_is_said_before_anything_is_made(embedded_home: Path) -> None:
    place = ["--region", "us-east-1", "--endpoint-url", str(embedded().endpoint_url)]

    code, _, err = provision("options", *place, "--claim-check-bucket", "no-such-bucket")

    assert code == 1
    assert "no-such-bucket" in err
    assert "make the bucket first" in err
    assert not profile_file().exists()


def test_the_doctor_ends_with_1_on_a_problem_and_names_the_next_step(
    deployment: Deployment,
) -> None:
    save_profile(deployment)
    well = run("doctor", deployment.name)
    with Admin.of(deployment) as admin:
        admin.unsubscribe(
            deployment.request_topic_arn,
            Place.of_arn(deployment.request_topic_arn).queue_arn(f"{deployment.name}-server"),
        )
    ill = run("doctor", deployment.name)

    assert (well[0], well[2], "✗" in well[1]) == (0, "", False)
    assert (ill[0], ill[2]) == (1, "error: 1 problem\n")
    assert f"  → `asyncmcp-nb provision {deployment.name}`" in ill[1]
