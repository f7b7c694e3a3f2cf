"""The embedded broker as a process: one per user, found, trusted, shared, ended."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from asyncmcp_nb.broker import (
    embedded,
    embedded_status,
    ensure_client,
    open_bus,
    provision,
    remove_client,
    stop_embedded,
    teardown,
)
from asyncmcp_nb.broker import runtime as runtime_files
from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.plan import plan_client
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.config import HOME_VARIABLE, Deployment
from asyncmcp_nb.errors import BrokerError, ConfigError, MissingDependency
from asyncmcp_nb.wire import Outgoing

PROJECT = Path(__file__).resolve().parents[2]
ALICE = {"ClientId": "alice"}


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home where no broker runs yet; one that is started there is ended."""
    folder = tmp_path / "runtime"
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    yield folder
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    stop_embedded()


def address(deployment: Deployment) -> tuple[str, int]:
    url = urlsplit(deployment.endpoint_url or "")
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port


def wait_for_end(line: socket.socket) -> None:
    """Return when the process at the other end is gone."""
    line.settimeout(20)
    assert line.recv(1) == b""


def pid_of_broker() -> int:
    status = embedded_status()
    assert status is not None
    return status.pid


def run_python(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_importing_the_room_loads_neither_boto3_nor_moto() -> None:
    script = (
        "import sys, asyncmcp_nb.broker, asyncmcp_nb.bus\n"
        "print(sorted({'boto3', 'botocore', 'moto', 'flask'} & set(sys.modules)))"
    )
    importer = run_python(script)

    assert importer.communicate(timeout=30)[0] == "[]\n"


def test_it_starts_once_and_is_found_again(own_home: Path) -> None:
    assert embedded_status() is None

    first = embedded()

    assert embedded() == first
    assert first.name == "local"
    assert first.region == "us-east-1"
    assert (first.endpoint_url or "").startswith("http://127.0.0.1:")
    status = embedded_status()
    assert status is not None
    assert status.endpoint_url == first.endpoint_url
    assert status.deployments == ("local",)
    assert status.idle_limit_seconds == 1800
    assert 0 <= status.idle_seconds < 60
    assert status.message_count == 0


def test_its_files_are_for_this_user_only(own_home: Path) -> None:
    deployment = embedded()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in own_home.iterdir()}
    assert modes.pop("asyncmcp-nb-broker.lock") & 0o022 == 0
    assert set(modes.values()) == {0o600}
    assert deployment.session_key_file is not None
    assert len(Path(deployment.session_key_file).read_bytes()) >= 32


def test_what_it_returns_is_what_provisioning_would(embedded_home: Path) -> None:
    deployment = embedded()

    made = provision(
        "local",
        region=deployment.region,
        endpoint_url=deployment.endpoint_url,
        claim_check_bucket=deployment.claim_check_bucket,
    )

    assert asdict(deployment) == asdict(made) | {"session_key_file": deployment.session_key_file}


def test_deployments_of_other_names_share_nothing_but_the_process(
    deployment: Deployment, aws_bus: AwsBus
) -> None:
    other = embedded(name=f"{deployment.name}b")
    mine, theirs = ensure_client(deployment, "alice"), ensure_client(other, "alice")

    aws_bus.publish(deployment.response_topic_arn, [Outgoing("x", ALICE)])

    assert other.endpoint_url == deployment.endpoint_url
    assert len(aws_bus.receive(mine, max_count=1, wait_seconds=20, lease_seconds=30)) == 1
    assert aws_bus.receive(theirs, max_count=1, wait_seconds=0, lease_seconds=30) == []
    teardown(other)


def test_a_deployment_that_was_torn_down_is_made_again(deployment: Deployment) -> None:
    teardown(deployment)

    again = embedded(name=deployment.name)

    bus = open_bus(again)
    assert bus.publish(again.request_topic_arn, [Outgoing("x", {})]) == [None]
    bus.close()


def test_processes_that_start_at_once_share_one_broker(own_home: Path) -> None:
    script = "from asyncmcp_nb.broker import embedded; print(embedded().endpoint_url)"
    starters = [run_python(script) for _ in range(3)]

    endpoints = [starter.communicate(timeout=50)[0].strip() for starter in starters]

    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert endpoints == [embedded().endpoint_url] * 3


def test_it_outlives_the_process_that_started_it_and_keeps_its_messages(own_home: Path) -> None:
    script = (
        "from asyncmcp_nb.broker import embedded, ensure_client, open_bus\n"
        "from asyncmcp_nb.wire import Outgoing\n"
        "deployment = embedded(); ensure_client(deployment, 'alice'); bus = open_bus(deployment)\n"
        "bus.publish(deployment.response_topic_arn, [Outgoing('kept', {'ClientId': 'alice'})])\n"
        "bus.close()\n"
    )
    starter = run_python(script)
    starter.communicate(timeout=50)
    assert starter.returncode == 0

    deployment = embedded()

    bus = open_bus(deployment)
    queue = deployment.client_queue_url("alice")
    (delivery,) = bus.receive(queue, max_count=1, wait_seconds=20, lease_seconds=30)
    assert delivery.body == "kept"
    bus.close()


def test_a_broker_that_was_killed_is_replaced_and_the_session_key_stays(own_home: Path) -> None:
    first = embedded()
    key = Path(first.session_key_file or "").read_bytes()
    with closing(socket.create_connection(address(first), 5)) as line:
        os.kill(pid_of_broker(), signal.SIGKILL)
        wait_for_end(line)
    assert runtime_files.runtime_file(own_home).exists()
    assert embedded_status() is None

    second = embedded()

    assert second.endpoint_url != first.endpoint_url
    assert Path(second.session_key_file or "").read_bytes() == key


def test_it_ends_by_itself_when_unused(own_home: Path) -> None:
    deployment = embedded(idle_seconds=1)
    with closing(socket.create_connection(address(deployment), 5)) as line:
        wait_for_end(line)

    assert embedded_status() is None
    assert not runtime_files.runtime_file(own_home).exists()


def test_a_waiting_receive_keeps_it_from_ending(own_home: Path) -> None:
    deployment = embedded(idle_seconds=1)
    bus = open_bus(deployment)
    queue = ensure_client(deployment, "alice")

    assert bus.receive(queue, max_count=1, wait_seconds=3, lease_seconds=30) == []

    assert embedded_status() is not None
    bus.close()


def test_it_is_stopped_once(own_home: Path) -> None:
    assert stop_embedded() is False
    embedded()

    assert stop_embedded() is True
    assert stop_embedded() is False
    assert embedded_status() is None
    assert not runtime_files.runtime_file(own_home).exists()


class Stranger(BaseHTTPRequestHandler):
    """Something else that got the broker's port, and answers as it does, without the token."""

    def do_GET(self) -> None:
        body = json.dumps({"proof": "0" * 64, "deployments": ["local"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_stranger_on_the_port_of_a_stale_file_is_neither_used_nor_killed(own_home: Path) -> None:
    own_home.mkdir()
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with HTTPServer(("127.0.0.1", 0), Stranger) as server, bystander:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        stale = runtime_files.Runtime(
            port=server.server_port,
            pid=bystander.pid,
            token="0" * 64,
            started_at=0.0,
            region="us-east-1",
            account_id="123456789012",
        )
        runtime_files.write(own_home, stale)

        assert embedded_status() is None
        assert stop_embedded() is False
        assert embedded().endpoint_url != stale.endpoint_url
        assert bystander.poll() is None

        server.shutdown()
        serving.join(10)
        bystander.communicate(b"\n", timeout=10)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"port": 1}', "\udcff"])
def test_a_runtime_file_that_makes_no_sense_is_passed_over(own_home: Path, content: str) -> None:
    own_home.mkdir()
    file = runtime_files.runtime_file(own_home)
    file.write_bytes(content.encode(errors="surrogateescape"))

    assert embedded_status() is None


def test_a_bad_name_starts_nothing(own_home: Path) -> None:
    with pytest.raises(ConfigError):
        embedded(name="no good")

    assert not own_home.exists()


def test_a_folder_that_cannot_be_written_is_told_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file" / "home"))

    with pytest.raises(BrokerError, match=r"its files in .*: Not a directory; .*_HOME"):
        embedded()


def test_without_moto_the_install_command_is_named(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(PROJECT)])

    with pytest.raises(MissingDependency, match=r'pip install "asyncmcp-nb\[local\]"'):
        embedded()


def test_a_broker_that_does_not_start_leaves_the_end_of_its_log(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "moto"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('this moto is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(BrokerError, match="RuntimeError: this moto is broken"):
        embedded()

    assert embedded_status() is None


def test_it_starts_whatever_the_users_aws_configuration_says(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-is-gone")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(own_home / "none"))

    assert embedded().name == "local"


def test_with_or_without_jupyter_it_is_looked_for_in_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HOME_VARIABLE)
    place = runtime_files.home()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))

    assert runtime_files.home() == place


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Referer": "https://example.com/"},
        {"Host": "rebound.example.com"},
    ],
)
def test_web_pages_are_refused(deployment: Deployment, headers: dict[str, str]) -> None:
    with closing(http.client.HTTPConnection(*address(deployment), timeout=10)) as connection:
        connection.request("GET", "/?Action=ListTopics", headers=headers)

        assert connection.getresponse().status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "many"}, 411),
        ({"Content-Length": str(1 << 40)}, 413),
    ],
)
def test_a_body_of_unknown_or_absurd_length_is_refused(
    deployment: Deployment, headers: dict[str, str], status: int
) -> None:
    with closing(http.client.HTTPConnection(*address(deployment), timeout=10)) as connection:
        connection.putrequest("POST", "/")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()

        assert connection.getresponse().status == status


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"Content-Length": "1"}, b"HTTP/1.1 100 Continue\r\n\r\n"),
        ({"Content-Length": str(1 << 40)}, b"HTTP/1.1 413 Request Entity Too Large\r\n"),
        ({"Content-Length": "1", "Origin": "https://example.com"}, b"HTTP/1.1 403 Forbidden\r\n"),
    ],
)
def test_a_client_that_holds_its_body_back_is_answered_before_it_sends_it(
    deployment: Deployment, headers: dict[str, str], answer: bytes
) -> None:
    host, port = address(deployment)
    lines = ["PUT /bucket/key HTTP/1.1", f"Host: {host}:{port}", "Expect: 100-continue"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with closing(socket.create_connection((host, port), 10)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())

        assert connection.recv(65536).startswith(answer)


def test_a_head_request_tells_the_length_of_what_it_does_not_send(deployment: Deployment) -> None:
    place = {"Bucket": deployment.claim_check_bucket, "Key": "key"}
    with closing(
        make_client("s3", region=deployment.region, endpoint_url=deployment.endpoint_url)
    ) as s3:
        s3.put_object(**place, Body=b"12345")

        assert s3.head_object(**place)["ContentLength"] == 5


def test_a_request_that_moto_cannot_handle_is_answered_and_the_next_one_too(
    deployment: Deployment,
) -> None:
    scope = f"Credential=local/20260101/{deployment.region}/sns/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    statuses: list[int] = []
    with closing(http.client.HTTPConnection(*address(deployment), timeout=10)) as connection:
        for action in ("NoSuchAction", "ListTopics"):
            connection.request("POST", "/", f"Action={action}&Version=2010-03-31", headers=headers)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)

    assert statuses == [500, 200]


def test_a_receive_whose_client_is_gone_takes_no_message(
    deployment: Deployment, aws_bus: AwsBus
) -> None:
    queue = ensure_client(deployment, "alice")
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20, "VisibilityTimeout": 3600})
    scope = f"Credential=local/20260101/{deployment.region}/sqs/aws4_request"
    with closing(http.client.HTTPConnection(*address(deployment), timeout=10)) as connection:
        connection.request(
            "POST",
            "/",
            body,
            headers={
                "X-Amz-Target": "AmazonSQS.ReceiveMessage",
                "Content-Type": "application/x-amz-json-1.0",
                "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
            },
        )
        while (status := embedded_status()) is None or status.idle_seconds > 0:
            pass

    aws_bus.publish(deployment.response_topic_arn, [Outgoing("x", ALICE)])

    (delivery,) = aws_bus.receive(queue, max_count=1, wait_seconds=20, lease_seconds=30)
    assert delivery.receive_count == 1


def test_a_topic_feeds_more_than_a_hundred_queues(deployment: Deployment, aws_bus: AwsBus) -> None:
    names = [f"c{number}" for number in range(105)]
    with Admin.of(deployment) as admin:
        queues = [
            admin.ensure_queue(plan_client(deployment.name, name, deployment.response_topic_arn))
            for name in names
        ]

    aws_bus.publish(deployment.response_topic_arn, [Outgoing("last", {"ClientId": names[-1]})])

    (delivery,) = aws_bus.receive(queues[-1], max_count=1, wait_seconds=20, lease_seconds=30)
    assert delivery.body == "last"
    remove_client(deployment, names[-1])
    with Admin.of(deployment) as admin:
        fed = [queue for _, queue in admin.subscriptions(deployment.response_topic_arn)]
    assert len(fed) == len(names) - 1


def test_publishing_goes_on_when_a_fed_queue_was_deleted(
    deployment: Deployment, aws_bus: AwsBus
) -> None:
    gone, there = ensure_client(deployment, "gone"), ensure_client(deployment, "there")
    with Admin.of(deployment) as admin:
        admin.delete_queue(gone)

    outcomes = aws_bus.publish(
        deployment.response_topic_arn,
        [Outgoing("x", {"ClientId": "gone"}), Outgoing("y", {"ClientId": "there"})],
    )

    assert outcomes == [None, None]
    assert len(aws_bus.receive(there, max_count=1, wait_seconds=20, lease_seconds=30)) == 1


def test_a_backlog_of_a_thousand_messages_drains(deployment: Deployment, aws_bus: AwsBus) -> None:
    queue = ensure_client(deployment, "alice")
    for _ in range(100):
        batch = [Outgoing("x" * 300, ALICE)] * 10
        assert aws_bus.publish(deployment.response_topic_arn, batch) == [None] * 10

    count = 0
    while count < 1000:
        got = aws_bus.receive(queue, max_count=10, wait_seconds=20, lease_seconds=60)
        assert got
        assert aws_bus.ack(queue, [delivery.receipt for delivery in got]) == [None] * len(got)
        count += len(got)
    assert aws_bus.receive(queue, max_count=10, wait_seconds=0, lease_seconds=60) == []
