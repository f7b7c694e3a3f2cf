"""The embedded broker: SNS, SQS and S3 of moto, in one process per user that all notebooks share.

It is found through the file that ``runtime`` describes, outlives the kernel that started it, so
that a restarted one finds its answers, and ends by itself when unused for half an hour.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from asyncmcp_nb.broker import runtime
from asyncmcp_nb.broker.plan import Place, plan_deployment
from asyncmcp_nb.config import APP, HOME_VARIABLE, LOCAL_NAME, Deployment, require_name
from asyncmcp_nb.errors import BrokerError, MissingDependency

IDLE_SECONDS: Final = 1800.0
"""How long an unused broker stays."""

_START_TIMEOUT_SECONDS: Final = 60
_STOP_TIMEOUT_SECONDS: Final = 5
_LOCK_TIMEOUT_SECONDS: Final = 90
_SESSION_KEY_BYTES: Final = 32
_LOG_TAIL_LINES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedStatus:
    """What the embedded broker says of itself."""

    endpoint_url: str
    pid: int
    started_at: datetime
    """UTC."""
    idle_seconds: float
    """Time since its last request; 0 while one is waiting."""
    idle_limit_seconds: float
    """It ends when idle for so long."""
    deployments: tuple[str, ...]
    """Names of those it holds."""
    message_count: int
    """Messages in all of its queues."""
    log_file: Path


def embedded(*, name: str = LOCAL_NAME, idle_seconds: float = IDLE_SECONDS) -> Deployment:
    """The deployment of this name on the embedded broker; either is made where it is missing.

    Args:
        name: Deployments of different names share nothing but the process.
        idle_seconds: How long the broker stays when unused, if this call starts it.

    Raises:
        BrokerError: The broker did not start; the message ends with the tail of its log. Or its
            files cannot be written.
        ConfigError: The name is unusable.
        MissingDependency: moto is not installed and no broker runs.
    """
    require_name(name, "deployment")
    folder = runtime.home()
    found = _find(folder)
    if found and name in found[1]["deployments"] and _session_key_file(folder).exists():
        return _deployment(folder, found[0], name)
    with _locked(folder):
        current, status = _find(folder) or (_start(folder, idle_seconds), None)
        if status is None or name not in status["deployments"]:
            _provision(current, name)
        _ensure_session_key(folder)
        return _deployment(folder, current, name)


def embedded_status() -> EmbeddedStatus | None:
    """The state of the embedded broker; None where none runs."""
    folder = runtime.home()
    if (found := _find(folder)) is None:
        return None
    current, status = found
    return EmbeddedStatus(
        endpoint_url=current.endpoint_url,
        pid=current.pid,
        started_at=datetime.fromtimestamp(current.started_at, UTC),
        idle_seconds=status["idle_seconds"],
        idle_limit_seconds=status["idle_limit_seconds"],
        deployments=tuple(status["deployments"]),
        message_count=status["message_count"],
        log_file=_log_file(folder),
    )


def stop_embedded() -> bool:
    """End the embedded broker, and lose the messages it holds; whether one was running.

    Raises:
        BrokerError: It does not end.
    """
    folder = runtime.home()
    if not folder.is_dir():
        return False
    with _locked(folder):
        if (found := _find(folder)) is None:
            return False
        _end(found[0])
        runtime.runtime_file(folder).unlink(missing_ok=True)
        return True


# -- finding --------------------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Let one process at a time start or stop the broker."""
    path = folder / f"{APP}-broker.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(path, timeout=_LOCK_TIMEOUT_SECONDS):
            yield
    except Timeout:
        raise BrokerError(
            f"another process has held {path} for {_LOCK_TIMEOUT_SECONDS} s"
        ) from None
    except ConnectionError:
        raise
    except OSError as exc:
        raise BrokerError(
            f"the embedded broker keeps its files in {folder}: {exc.strerror}; check the folder "
            f"and its disk, or name another with {HOME_VARIABLE}"
        ) from exc


def _find(folder: Path) -> tuple[runtime.Runtime, Mapping[str, Any]] | None:
    current = runtime.read(folder)
    if current is None:
        return None
    status = runtime.ask(current)
    return None if status is None else (current, status)


def _deployment(folder: Path, current: runtime.Runtime, name: str) -> Deployment:
    plan = plan_deployment(name, Place(region=current.region, account_id=current.account_id))
    queues = f"{current.endpoint_url}/{current.account_id}"
    return Deployment(
        name=name,
        region=current.region,
        endpoint_url=current.endpoint_url,
        request_topic_arn=plan.request_topic.arn,
        response_topic_arn=plan.response_topic.arn,
        server_queue_url=f"{queues}/{plan.server_queue.name}",
        dead_letter_queue_url=f"{queues}/{plan.dead_letter_queue.name}",
        claim_check_bucket=runtime.payload_bucket(name),
        session_key_file=str(_session_key_file(folder)),
    )


def _provision(current: runtime.Runtime, name: str) -> None:
    from asyncmcp_nb.broker.provisioning import provision

    provision(name, region=current.region, endpoint_url=current.endpoint_url)


# -- starting and ending --------------------------------------------------------------------------


def _start(folder: Path, idle_seconds: float) -> runtime.Runtime:
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise MissingDependency(
            'the embedded broker needs moto: pip install "asyncmcp-nb[local]", '
            "or connect to a profile"
        )
    log = _log_file(folder)
    command = [
        *(sys.executable, "-P", "-m", "asyncmcp_nb.broker.moto_child"),
        *("--home", str(folder), "--idle-seconds", str(idle_seconds)),
    ]
    ready, ready_there = os.pipe()
    with os.fdopen(ready, "rb") as answer, log.open("wb") as output:
        log.chmod(0o600)
        try:
            launcher = subprocess.Popen(
                [*command, "--ready-fd", str(ready_there)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[ready_there],
                cwd=folder,
                env=_child_environment(),
            )
        finally:
            os.close(ready_there)
        with launcher:
            # Half of what a first call needs takes place here, while the broker loads.
            importlib.import_module("boto3")
        ended_or_ready, _, _ = select.select([answer], [], [], _START_TIMEOUT_SECONDS)
        if not (ended_or_ready and answer.read(1)):
            raise BrokerError(f"the embedded broker did not start:\n{_log_tail(log)}")
    current = runtime.read(folder)
    if current is None:
        raise BrokerError(f"the embedded broker started, but left no file in {folder}")
    return current


def _child_environment() -> dict[str, str]:
    """This process's environment, with this package importable whatever path it came from.

    Without what sets up AWS: moto reads it as well, and fails where it is wrong.
    """
    package = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([package, inherited] if inherited else [package])
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
    no_files = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    return {**kept, **no_files, "PYTHONPATH": path}


def _end(current: runtime.Runtime) -> None:
    """Signal the broker, which has just proved its pid, until it is gone."""
    # A connection of ours ends when the process does: nothing to poll.
    address = (runtime.HOST, current.port)
    with closing(socket.create_connection(address, _STOP_TIMEOUT_SECONDS)) as line:
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(current.pid, signal_number)
            try:
                line.recv(1)
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            return
    raise BrokerError(f"the embedded broker (pid {current.pid}) does not end")


def _log_file(folder: Path) -> Path:
    return folder / f"{APP}-broker.log"


def _log_tail(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LOG_TAIL_LINES:]) or "(its log is empty)"


# -- the session key ------------------------------------------------------------------------------


def _session_key_file(folder: Path) -> Path:
    return folder / f"{APP}-broker.key"


def _ensure_session_key(folder: Path) -> None:
    path = _session_key_file(folder)
    if not path.exists():
        runtime.write_private(path, secrets.token_bytes(_SESSION_KEY_BYTES))
