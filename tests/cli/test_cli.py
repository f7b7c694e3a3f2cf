"""The command line as a user meets it: in processes of its own, over the embedded broker."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asyncmcp_nb import __version__, connect
from asyncmcp_nb.broker import embedded
from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.plan import worker_prefix
from asyncmcp_nb.config import HOME_VARIABLE, Deployment
from asyncmcp_nb.profiles import PROFILE_VARIABLE, load_profile, profile_file, save_profile
from tests.server import pool_app

PATIENCE_SECONDS = 80

APP = '''
from mcp.server.mcpserver import MCPServer

app = MCPServer("from-a-module", log_level="WARNING")
not_a_server = 5


@app.tool()
def double(n: int) -> int:
    """Twice as much."""
    return 2 * n
'''


def start(*arguments: str, folder: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "asyncmcp_nb", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(*arguments: str, folder: Path, **variables: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with start(*arguments, folder=folder, **variables) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    return process.returncode, out, err


@pytest.fixture
def profile(deployment: Deployment) -> Iterator[str]:
    """The name of a profile with a deployment of its own."""
    save_profile(deployment)
    yield deployment.name
    profile_file().unlink()


def test_the_version_is_told(tmp_path: Path) -> None:
    assert run("--version", folder=tmp_path) == (0, f"asyncmcp-nb {__version__}\n", "")


def test_help_names_the_commands_and_loads_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from asyncmcp_nb.cli import main\n"
        "sys.argv = ['asyncmcp-nb', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print({'boto3', 'mcp', 'moto', 'nbclient', 'pandas'} & set(sys.modules))\n"
    )

    shown = subprocess.check_output(
        [sys.executable, "-c", script], cwd=tmp_path, text=True, timeout=PATIENCE_SECONDS
    )

    words = shown.split()
    assert [c for c in ("lab", "demo", "serve", "provision", "broker") if c not in words] == []
    assert shown.endswith("set()\n")


# -- serve ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_served_module_answers_calls_until_a_signal_ends_it_in_an_orderly_way(
    profile: str, tmp_path: Path, stop_signal: signal.Signals
) -> None:
    (tmp_path / "tools.py").write_text(APP)

    with start("serve", "tools:app", "--profile", profile, folder=tmp_path) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        with connect(profile, name="caller") as session:
            answer = session.submit("double", n=21).result(timeout=PATIENCE_SECONDS)
        server.send_signal(stop_signal)
        rest, complaints = server.communicate(timeout=PATIENCE_SECONDS)

    assert first.startswith(f"from-a-module@{profile} · serving")
    assert answer.structured_content == {"result": 42}
    assert (server.returncode, complaints) == (0, "")
    assert rest.splitlines()[-2] == "stopping"
    assert "· stopped · 0 in flight ·" in rest.splitlines()[-1]


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        ("tools", "does not name a server; write it as module:attribute"),
        ("nowhere:app", "cannot import 'nowhere'"),
        ("tools:nothing", "has no attribute 'nothing'"),
        ("tools:not_a_server", "cannot serve int"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_exit_code_1(
    tmp_path: Path, served: str, reason: str
) -> None:
    (tmp_path / "tools.py").write_text(APP)

    code, out, err = run("serve", served, folder=tmp_path)

    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert reason in err
    assert err.count("\n") == 1


def test_an_unknown_profile_is_one_line_that_names_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(APP)

    code, _, err = run("serve", "tools:app", "--profile", "nobody", folder=tmp_path)

    assert code == 1
    assert err.startswith("error: no profile 'nobody' in ")
    assert "asyncmcp-nb provision" in err
    assert err.count("\n") == 1


# -- worker processes -----------------------------------------------------------------------------


@contextmanager
def workers_in(folder: Path, profile: str) -> Generator[tuple[subprocess.Popen[str], list[str]]]:
    """A command that serves with two processes, and what it printed at first."""
    shutil.copy(str(pool_app.__file__), folder / "pooled.py")
    alive = {pool_app.ALIVE_VARIABLE: str(folder)}
    with start(
        "serve", "pooled:app", "--profile", profile, "--workers", "2", folder=folder, **alive
    ) as server:
        assert server.stdout is not None
        yield server, [server.stdout.readline() for _ in range(4)]


def living(folder: Path) -> list[str]:
    """The processes of which each holds its lock still."""
    return [path.stem for path in folder.glob("*.alive") if is_locked(path)]


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def control_queues(deployment: Deployment) -> list[str]:
    with Admin.of(deployment) as admin:
        return list(admin.queue_urls(worker_prefix(deployment.name)))


def test_worker_processes_serve_until_a_signal_ends_them_and_leave_nothing(
    profile: str, deployment: Deployment, tmp_path: Path
) -> None:
    with workers_in(tmp_path, profile) as (server, first):
        pids = [line.split()[2] for line in first[2:]]
        alive, queues = living(tmp_path), control_queues(deployment)
        with connect(profile, name="caller") as session:
            answer = session.submit("pid").result(timeout=PATIENCE_SECONDS)
        server.terminate()
        rest, printed = server.communicate(timeout=PATIENCE_SECONDS)

    assert first[0].startswith(f"pooled@{profile} · serving · 2 workers · ")
    assert (sorted(alive), len(queues)) == (sorted(pids), 2)
    assert answer.structured_content in [{"result": int(pid)} for pid in pids]
    assert (server.returncode, printed) == (0, '{"failed": {"reason": "a tool that prints"}}\n')
    assert rest.splitlines()[-2] == "stopping"
    assert "· stopped · 2 workers · 0 in flight ·" in rest.splitlines()[-1]
    assert (living(tmp_path), control_queues(deployment)) == ([], [])


def test_worker_processes_whose_parent_is_killed_end_and_leave_nothing(
    profile: str, deployment: Deployment, tmp_path: Path
) -> None:
    with workers_in(tmp_path, profile) as (server, _):
        before = (len(living(tmp_path)), len(control_queues(deployment)))
        server.kill()
        nothing_is_left(tmp_path, deployment)

    assert before == (2, 2)


def nothing_is_left(folder: Path, deployment: Deployment) -> None:
    """Wait for the end of processes whose parent is gone."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while (left := living(folder)) or control_queues(deployment):
        assert time.monotonic() < deadline, left
        pause.wait(0.05)


SLOW = """
import fcntl, os, threading
alive = open("slow.alive", "w")
fcntl.flock(alive, fcntl.LOCK_EX)
os.write(2, b"importing\\n")
threading.Event().wait(60)
"""


def test_a_worker_that_starts_while_its_parent_is_killed_ends_as_well(
    profile: str, deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)

    with start(
        "serve", "slow:app", "--profile", profile, "--workers", "1", folder=tmp_path
    ) as server:
        assert server.stderr is not None
        began = server.stderr.readline()
        before = living(tmp_path)
        server.kill()
        nothing_is_left(tmp_path, deployment)

    assert (began, before) == ("importing\n", ["slow"])


def test_a_signal_before_the_workers_serve_ends_them_and_leaves_nothing(
    profile: str, deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)

    with start(
        "serve", "slow:app", "--profile", profile, "--workers", "1", folder=tmp_path
    ) as server:
        assert server.stderr is not None
        began = server.stderr.readline()
        server.terminate()
        out, err = server.communicate(timeout=PATIENCE_SECONDS)

    assert began == "importing\n"
    assert (server.returncode, out, err) == (0, "stopped before it served\n", "")
    assert control_queues(deployment) == []


def test_workers_that_cannot_start_are_one_line_and_exit_code_1(
    profile: str, deployment: Deployment, tmp_path: Path
) -> None:
    code, out, err = run(
        "serve", "nowhere:app", "--profile", profile, "--workers", "2", folder=tmp_path
    )

    assert (code, out) == (1, "")
    assert err.startswith("error: worker ")
    assert "of nowhere:app did not start: cannot import 'nowhere'" in err
    assert err.count("\n") == 1
    assert control_queues(deployment) == []


# -- broker ---------------------------------------------------------------------------------------


@pytest.mark.moto
def test_the_broker_starts_says_how_it_is_and_stops(tmp_path: Path) -> None:
    home = {HOME_VARIABLE: str(tmp_path / "home")}

    before = run("broker", "status", folder=tmp_path, **home)
    started = run("broker", "start", folder=tmp_path, **home)
    running = run("broker", "status", folder=tmp_path, **home)
    stopped = run("broker", "stop", folder=tmp_path, **home)
    after = run("broker", "stop", folder=tmp_path, **home)

    endpoint_url = started[1].strip()
    assert before == (1, "not running\n", "")
    assert endpoint_url.startswith("http://127.0.0.1:")
    assert running[0] == 0
    assert f"running at {endpoint_url}" in running[1]
    assert "deployments: local\n" in running[1]
    assert stopped == (0, "stopped\n", "")
    assert after == (0, "not running\n", "")


# -- provision ------------------------------------------------------------------------------------


def test_a_dry_run_prints_the_plan_and_asks_nobody(tmp_path: Path) -> None:
    code, out, err = run(
        "provision", "orders", "--dry-run", "--region", "eu-west-1", folder=tmp_path
    )

    assert (code, err) == (0, "")
    assert out.startswith("deployment orders in eu-west-1")
    for name in ("orders-requests", "orders-responses", "orders-server-dlq", "orders-server "):
        assert name in out
    assert not profile_file().exists()


def test_without_a_region_the_plan_says_what_to_add(tmp_path: Path) -> None:
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_DEFAULT_REGION": "", "AWS_REGION": ""}

    code, _, err = run("provision", "orders", "--dry-run", folder=tmp_path, **nothing)

    assert (code, err) == (1, "error: no AWS region is configured; name one with --region\n")


def test_provisioning_writes_a_profile_that_works_and_can_be_repeated(
    embedded_home: Path, tmp_path: Path
) -> None:
    place = ["--region", "us-east-1", "--endpoint-url", str(embedded().endpoint_url)]

    first = run("provision", "orders", *place, folder=tmp_path)
    second = run("provision", "orders", *place, folder=tmp_path)
    deployment = load_profile("orders")
    profile_file().unlink()

    assert first[0] == second[0] == 0
    assert f"wrote profile orders in {profile_file()}" in first[1]
    assert f"unchanged: profile orders in {profile_file()}" in second[1]
    assert deployment.request_topic_arn.endswith(":orders-requests")
    with connect(deployment, name="visitor") as session:
        assert session.deployment == "orders"


def test_where_no_profile_can_be_written_what_was_made_is_shown_all_the_same(
    embedded_home: Path, tmp_path: Path
) -> None:
    place = ["--region", "us-east-1", "--endpoint-url", str(embedded().endpoint_url)]
    (tmp_path / "profiles.toml").symlink_to("no-such-folder/profiles.toml")
    home = {HOME_VARIABLE: str(tmp_path)}

    code, out, err = run("provision", "orders", *place, folder=tmp_path, **home)

    assert (code, len(err.splitlines())) == (1, 1)
    assert "orders-requests" in out
    assert "error: profile orders cannot be written to" in err


def test_a_bad_name_is_one_line(tmp_path: Path) -> None:
    code, _, err = run("provision", "no spaces", "--dry-run", "--region", "x", folder=tmp_path)

    assert code == 1
    assert err.startswith("error: deployment name 'no spaces' is not usable")


# -- lab ------------------------------------------------------------------------------------------


def test_lab_hands_further_options_to_jupyterlab(tmp_path: Path) -> None:
    code, out, _ = run("lab", "--version", folder=tmp_path)

    assert code == 0
    assert out.strip()[0].isdigit()


def test_the_profile_of_the_environment_is_what_is_served_by_default(
    profile: str, tmp_path: Path
) -> None:
    (tmp_path / "tools.py").write_text(APP)

    with start("serve", "tools:app", folder=tmp_path, **{PROFILE_VARIABLE: profile}) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        server.terminate()
        server.communicate(timeout=PATIENCE_SECONDS)

    assert first.startswith(f"from-a-module@{profile} · serving")
